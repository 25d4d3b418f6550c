import {
  encodeModel,
  tensorOf,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from '@graftjs/onnx-graph';

/** A node for tests: `n('Conv', ['x', 'w'], ['y'], { strides: [2, 2] })`. Integers become int, other numbers float. */
export function n(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, number | string | readonly number[] | OnnxAttribute>> = {},
  name = '',
): OnnxNode {
  const entries = Object.entries(attributes).map(([key, v]): [string, OnnxAttribute] => {
    if (typeof v === 'number') return [key, { type: Number.isInteger(v) ? 'int' : 'float', value: v }];
    if (typeof v === 'string') return [key, { type: 'string', value: v }];
    return [key, 'type' in v ? v : { type: 'ints', value: v }];
  });
  return { name, opType, domain: '', inputs, outputs, attributes: Object.fromEntries(entries) };
}

/** Stored float32 values. */
export function floats(name: string, dims: readonly number[], values?: ArrayLike<number>): OnnxTensor {
  const size = dims.reduce((a, b) => a * b, 1);
  return tensorOf(
    name,
    'float32',
    dims,
    values ?? Float32Array.from({ length: size }, (_, i) => Math.sin(i + name.length)),
  );
}
export function ints(
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): OnnxTensor {
  return tensorOf(name, 'int64', dims, values);
}

export const input = (name: string, shape: OnnxValueInfo['shape'] = null): OnnxValueInfo => ({
  name,
  element: 'float32',
  shape,
});

/** A model whose last node's first output is its output. */
export function model(
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxTensor[] = [],
  rest: Partial<OnnxGraph> & { opset?: number; metadata?: ReadonlyMap<string, string> } = {},
): OnnxModel {
  const { opset = 17, metadata = new Map<string, string>(), ...graph } = rest;
  return {
    irVersion: 8,
    opsets: new Map([['', opset]]),
    producerName: 'test',
    producerVersion: '',
    metadata,
    functions: 0,
    graph: {
      name: 'g',
      nodes,
      initializers,
      inputs: [input('x')],
      outputs: [input(nodes.at(-1)?.outputs[0] ?? '')],
      valueInfo: [],
      ...graph,
    },
  };
}

export const file = (...args: Parameters<typeof model>): Uint8Array => encodeModel(model(...args));
