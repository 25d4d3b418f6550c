import { tensor } from '@graftjs/core';
import { decodeModel, type OnnxNode, type OnnxTensor } from '@graftjs/onnx-graph';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { GraphModule } from '../src/graph/module.ts';
import { graphFromJSON, graphToJSON } from '../src/graph/json.ts';
import { graphOfModel } from '../src/onnx/read.ts';
import { file, input } from './onnx-model.ts';

/** Input values. */
export interface Given {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
/** Numbers in even steps. */
export const values = (shape: readonly number[], from = 0.5): Given => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => from + i * 0.75),
});

/** What onnxruntime gives, its shape first. */
export async function inRuntime(
  bytes: Uint8Array,
  x: Given,
  name = 'y',
): Promise<[readonly number[], number[]]> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const feeds = {
    [session.inputNames[0]!]: new OrtTensor('float32', Float32Array.from(x.data), [...x.shape]),
  };
  const y = (await session.run(feeds))[name]!;
  await session.release();
  return [y.dims, Array.from(y.data as Float32Array, Number)];
}
/** What Graft gives, by the graph as JSON. */
export function here(bytes: Uint8Array, x: Given): [readonly number[], number[]] {
  const { graph, weights } = graphOfModel(decodeModel(bytes));
  const module = new GraphModule(graphFromJSON(graphToJSON(graph)), weights);
  const y = module.eval().forward(tensor(Float32Array.from(x.data), x.shape));
  return [y.shape, [...y.dataSync()]];
}
/** Both give the same for a model of these nodes whose input is `x` and whose output is `y`. */
export async function agree(
  nodes: OnnxNode[],
  initializers: OnnxTensor[],
  x: Given,
  { element = 'float32', opset = 17 }: { element?: 'float32' | 'bool'; opset?: number } = {},
): Promise<void> {
  const bytes = file(nodes, initializers, {
    inputs: [input('x', [...x.shape])],
    outputs: [{ ...input('y'), element }],
    opset,
  });
  const [shape, want] = await inRuntime(bytes, x);
  const [ownShape, own] = here(bytes, x);
  expect(ownShape).toEqual(shape);
  expect(own).toHaveLength(want.length);
  own.forEach((v, i) => expect(v, `element ${i}`).toBeCloseTo(want[i]!, 4));
}
