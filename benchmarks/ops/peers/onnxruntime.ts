import { type TensorSpec } from '@graftjs/core';
import { type OpAttrs } from '@graftjs/core/backend';
import { encodeModel, GraphBuilder, type Attributes, type Value } from '@graftjs/onnx-graph';
import type * as Ort from 'onnxruntime-web';
import type { Contender } from '../contender.ts';
import { primitiveData } from '../data.ts';
import type { Task } from '../task.ts';
import { convData, convSpecs, outputOf, paddingOf, type ConvWork, type PrimitiveWork } from '../work.ts';
/**
 * onnxruntime, in WebAssembly ('onnxruntime-web') or native ('onnxruntime-node'), on graphs of one node. The session
 * holds the weights, packed as it likes. A run copies input and output between JavaScript and the runtime: there is no
 * way around it in its API.
 */
export async function onnxruntime(
  name: 'onnxruntime-web' | 'onnxruntime-node',
  threads: number,
): Promise<Contender> {
  const web = name === 'onnxruntime-web';
  const ort: typeof Ort = web ? await import('onnxruntime-web') : await import('onnxruntime-node');
  if (web) ort.env.wasm.numThreads = threads;
  const options: Ort.InferenceSession.SessionOptions = {
    executionProviders: [web ? 'wasm' : 'cpu'],
    logSeverityLevel: 3,
    ...(web ? {} : { intraOpNumThreads: threads, interOpNumThreads: 1 }),
    // Threads that wait by spinning would slow whoever is measured next.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };

  async function task(node: Node, feeds: ReadonlyMap<string, Float32Array>): Promise<Task> {
    const b = new GraphBuilder();
    const operands = node.inputs.map(({ name, shape, values, element }): Value =>
      values ? b.constant(values, shape, element) : b.input(name, { dtype: 'float32', shape }),
    );
    const y = b.add(node.op, operands, { shape: node.output.shape }, node.attributes);
    const session = await ort.InferenceSession.create(encodeModel(b.model([y]).model), options);
    const inputs = Object.fromEntries(
      node.inputs.flatMap(({ name, shape }) => {
        const values = feeds.get(name);
        return values ? [[name, new ort.Tensor('float32', values, shape)]] : [];
      }),
    );
    const run = async (): Promise<Float32Array> => (await session.run(inputs))[y.name]!.data as Float32Array;
    return { run: async () => void (await run()), result: run, dispose: () => session.release() };
  }

  return {
    name: threads > 1 ? `${name} ×${threads}` : name,
    ours: false,
    parallel: threads > 1,
    async prepare(work) {
      if (work.kind === 'conv') {
        const { x, w, gy } = convData(work.geometry);
        const node = convNode(work, w);
        if (typeof node === 'string') return node;
        return task(node, new Map([['x', work.pass === 'forward' ? x : gy]]));
      }
      if (work.kind === 'primitive') {
        const node = primitiveNode(work);
        if (!node) return '';
        const feeds = work.inputs.map((spec, i) => [`x${i}`, primitiveData(spec, i)] as const);
        return task(node, new Map(feeds));
      }
      return work.kind === 'step' ? 'onnxruntime: it does not train, and runs no TensorFlow.js model.' : '';
    },
    dispose: async () => {},
  };
}

interface Operand {
  readonly name: string;
  readonly shape: readonly number[];
  /** Makes it a constant of the model, which onnxruntime may pack ahead. */
  readonly values?: ArrayLike<number>;
  readonly element?: 'int64';
}

interface Node {
  readonly op: string;
  readonly inputs: readonly Operand[];
  readonly output: Operand;
  readonly attributes?: Attributes;
}

function convNode({ geometry: g, pass }: ConvWork, values: Float32Array): Node | string {
  const { x, w, y } = convSpecs(g, 'channels-first');
  const pads = paddingOf(g);
  const attributes = {
    kernel_shape: g.kernel,
    strides: g.kernel.map(() => g.stride),
    pads: [...pads, ...pads],
    group: g.groups,
  };
  const tensor = (name: string, { shape }: TensorSpec): Operand => ({ name, shape });
  const weights = { ...tensor('w', w), values };
  switch (pass) {
    case 'forward':
      return { op: 'Conv', inputs: [tensor('x', x), weights], output: tensor('y', y), attributes };
    case 'input gradient': {
      // A transposed convolution with the same weights; where the stride leaves a rest, it is padded at the end.
      const at = (i: number): number => (y.shape[i + 2]! - 1) * g.stride - 2 * pads[i]! + g.kernel[i]!;
      return {
        op: 'ConvTranspose',
        inputs: [tensor('x', y), weights],
        output: tensor('y', x),
        attributes: { ...attributes, output_padding: g.size.map((n, i) => n - at(i)) },
      };
    }
    case 'weight gradient':
      return 'onnxruntime: its packages for JavaScript have no operator for the gradient of weights.';
  }
}

const UNARY: Readonly<Record<string, string>> = {
  relu: 'Relu',
  neg: 'Neg',
  sqrt: 'Sqrt',
  exp: 'Exp',
  log: 'Log',
  tanh: 'Tanh',
  erf: 'Erf',
  sigmoid: 'Sigmoid',
  round: 'Round',
  sign: 'Sign',
};
const BINARY: Readonly<Record<string, string>> = {
  add: 'Add',
  mul: 'Mul',
  div: 'Div',
  max: 'Max',
  pow: 'Pow',
};

/** The node of a primitive on float32, channels first; null for what has none or is not worth it. */
function primitiveNode(work: PrimitiveWork): Node | null {
  const { op, inputs, attrs } = work;
  if (inputs.some(({ dtype }) => dtype !== 'float32')) return null;
  const output = { name: 'y', shape: outputOf(work).shape };
  const xs = inputs.map(({ shape }, i) => ({ name: `x${i}`, shape }));
  const node = (name: string | undefined, attributes?: Attributes, more: Operand[] = []): Node | null =>
    name === undefined
      ? null
      : { op: name, inputs: [...xs, ...more], output, ...(attributes && { attributes }) };
  switch (op) {
    case 'unary':
      return node(UNARY[(attrs as OpAttrs['unary']).kind]);
    case 'binary':
      return node(BINARY[(attrs as OpAttrs['binary']).kind]);
    case 'transpose':
      return node('Transpose', { perm: (attrs as OpAttrs['transpose']).perm });
    case 'matmul': {
      const { transposeA, transposeB } = attrs as OpAttrs['matmul'];
      return transposeA ? null : node('Gemm', { transB: transposeB ? 1 : 0 });
    }
    case 'reduce': {
      const { kind, axes, keepDims } = attrs as OpAttrs['reduce'];
      if (kind === 'max') return node('ReduceMax', { axes, keepdims: keepDims ? 1 : 0 });
      return kind === 'sum'
        ? node('ReduceSum', { keepdims: keepDims ? 1 : 0 }, [
            { name: 'axes', shape: [axes.length], values: axes, element: 'int64' },
          ])
        : null;
    }
    case 'maxPool':
    case 'avgPool': {
      const { kernel, stride, padding, layout } = attrs as OpAttrs['maxPool'];
      if (layout !== 'channels-first') return null;
      const pads = [...padding.map(([a]) => a), ...padding.map(([, b]) => b)];
      const shared = { kernel_shape: kernel, strides: stride, pads };
      return op === 'maxPool'
        ? node('MaxPool', shared)
        : node('AveragePool', {
            ...shared,
            count_include_pad: (attrs as OpAttrs['avgPool']).countIncludePad ? 1 : 0,
          });
    }
    default:
      return null;
  }
}
