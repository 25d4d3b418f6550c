import type { OpAttrs } from '@graftjs/core/backend';
import * as tf from '@tensorflow/tfjs';
import type { Contender } from '../contender.ts';
import { permuted, primitiveData, toFirst, toLast } from '../data.ts';
import type { Task } from '../task.ts';
import { convData, convSpecs, paddingOf, type ConvWork, type PrimitiveWork } from '../work.ts';
import { tfjsStep, type TfjsStep } from './tfjs-step.ts';

type Run = () => tf.Tensor;

const PACKAGES = {
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
  webgl: () => import('@tensorflow/tfjs-backend-webgl'),
  cpu: async () => {},
};

/**
 * TensorFlow.js with its backend 'wasm' (XNNPACK), 'cpu' (JavaScript) or, in a page, 'webgl', channels last, which is what
 * it is made for. The engine is one per process: each task turns it to its own backend. Kernels of 'wasm' and 'cpu' are done
 * when they return; those of 'webgl' are queued, and done when one number of the result can be read.
 */
export async function tfjs(backend: keyof typeof PACKAGES): Promise<Contender> {
  await PACKAGES[backend]();
  tf.enableProdMode();
  const name = `tfjs-${backend}`;

  /** Runs it once, to hear what this backend cannot do before anything is measured. */
  async function task(
    inputs: readonly tf.Tensor[],
    run: Run,
    toResult?: (t: tf.Tensor) => ArrayLike<number>,
  ): Promise<Task> {
    const call: Run = () => tf.tidy(run);
    call().dispose();
    let last: tf.Tensor | undefined;
    const queued: Pick<Task, 'run' | 'finish'> = {
      run() {
        last?.dispose();
        last = call();
      },
      finish() {
        // Drawn after all the rest; reading it blocks until the device has come so far.
        const one = tf.tidy(() => {
          const { shape } = last!;
          const all = (n: number): number[] => shape.map(() => n);
          return shape.length ? tf.slice(last!, all(0), all(1)) : tf.neg(last!);
        });
        one.dataSync();
        one.dispose();
      },
    };
    return {
      enter: async () => void (await tf.setBackend(backend)),
      ...(backend === 'webgl' ? queued : { run: () => call().dispose() }),
      ...(toResult && {
        async result() {
          const y = call();
          const values = toResult(y);
          y.dispose();
          return values;
        },
      }),
      dispose() {
        last?.dispose();
        inputs.forEach((t) => t.dispose());
      },
    };
  }

  /** Where it trains, it is asked for the loss before and after the first step. */
  async function stepTask({ run, inputs, training }: TfjsStep): Promise<Task> {
    const losses: number[] = [];
    for (let i = 0; training && i < 2; i++) {
      const loss = tf.tidy(run);
      losses.push((await loss.data())[0]!);
      loss.dispose();
    }
    return { ...(await task(inputs, run)), ...(training && { result: async () => losses }) };
  }

  return {
    name,
    ours: false,
    parallel: backend === 'webgl',
    async prepare(work) {
      await tf.setBackend(backend);
      try {
        switch (work.kind) {
          case 'conv': {
            const made = convRun(work);
            return typeof made === 'string'
              ? `${name}: ${made}`
              : await task(made.inputs, made.run, made.toResult);
          }
          case 'primitive': {
            const made = primitiveRun(work);
            return made ? await task(made.inputs, made.run) : '';
          }
          case 'step': {
            const made = await tfjsStep(work.step);
            return typeof made === 'string' ? `${name}: ${made}` : await stepTask(made);
          }
          case 'case':
            return '';
        }
      } catch (error) {
        const [line] = (error as Error).message.split('\n');
        return `${name}: ${line!.replace(/^Error: /, '')}`;
      }
    },
    dispose: async () => {},
  };
}

interface Made {
  readonly inputs: readonly tf.Tensor[];
  readonly run: Run;
  readonly toResult: (t: tf.Tensor) => ArrayLike<number>;
}

/** By the kernels' names: the public functions compute a gradient only together with the forward pass. */
function convRun({ geometry: g, pass }: ConvWork): Made | string {
  const depthwise = g.groups > 1 && g.groups === g.channels;
  if (g.kernel.length !== 2) return 'measured here on two spatial axes only.';
  if (g.groups > 1 && !depthwise) return 'it has no grouped convolution.';
  const first = convSpecs(g, 'channels-first');
  const last = convSpecs(g, 'channels-last');
  const data = convData(g);
  const of = (shape: readonly number[], values: Float32Array): tf.Tensor =>
    tf.tensor(values, [...shape], 'float32');
  const multiplier = g.filters / g.channels;
  // Weights: [h, w, in, out], or [h, w, channel, multiple] for depthwise.
  const filterShape = depthwise
    ? [...g.kernel, g.channels, multiplier]
    : [...g.kernel, g.channels, g.filters];
  const filterValues = depthwise
    ? permuted(data.w, [g.channels, multiplier, ...g.kernel], [2, 3, 0, 1])
    : permuted(data.w, first.w.shape, [2, 3, 1, 0]);
  const x = of(last.x.shape, toLast(data.x, first.x.shape));
  const dy = of(last.y.shape, toLast(data.gy, first.y.shape));
  const filter = of(filterShape, filterValues);
  const pad = paddingOf(g)[0]!;
  const attrs = { strides: [g.stride, g.stride], pad, dimRoundingMode: 'floor', dilations: [1, 1] };
  const dataFormat = 'NHWC';
  const kernel = (name: string, inputs: Record<string, tf.Tensor>, more: object): Run => {
    const both = { ...attrs, ...more } as unknown as tf.NamedAttrMap;
    return () => tf.engine().runKernel(name, inputs as tf.NamedTensorMap, both) as tf.Tensor;
  };
  const inputShape = [...last.x.shape];
  const runs: Record<typeof pass, Run> = depthwise
    ? {
        forward: kernel('DepthwiseConv2dNative', { x, filter }, {}),
        'input gradient': kernel('DepthwiseConv2dNativeBackpropInput', { dy, filter }, { inputShape }),
        'weight gradient': kernel('DepthwiseConv2dNativeBackpropFilter', { x, dy }, { filterShape }),
      }
    : {
        forward: kernel('Conv2D', { x, filter }, { dataFormat }),
        'input gradient': kernel('Conv2DBackpropInput', { dy, filter }, { dataFormat, inputShape }),
        'weight gradient': kernel('Conv2DBackpropFilter', { x, dy }, { dataFormat, filterShape }),
      };
  const toResult = (t: tf.Tensor): ArrayLike<number> => {
    if (pass !== 'weight gradient') return toFirst(t.dataSync(), t.shape);
    return depthwise
      ? permuted(t.dataSync(), t.shape, [2, 3, 0, 1])
      : permuted(t.dataSync(), t.shape, [3, 2, 0, 1]);
  };
  return { inputs: [x, dy, filter], run: runs[pass], toResult };
}

const UNARY: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  ...{ relu: tf.relu, neg: tf.neg, sqrt: tf.sqrt, rsqrt: tf.rsqrt, round: tf.round, sign: tf.sign },
  ...{ exp: tf.exp, log: tf.log, tanh: tf.tanh, erf: tf.erf, sigmoid: tf.sigmoid },
};
const BINARY: Readonly<Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>> = {
  ...{ add: tf.add, mul: tf.mul, div: tf.div, max: tf.maximum, pow: tf.pow },
};

/** What TensorFlow.js has an operator for; pools channels last only. */
function primitiveRun({ op, inputs, attrs }: PrimitiveWork): { inputs: tf.Tensor[]; run: Run } | null {
  if (inputs.some(({ dtype }) => dtype !== 'float32')) return null;
  const xs = inputs.map((spec, i) => tf.tensor(primitiveData(spec, i), [...spec.shape], 'float32'));
  const [x, y] = xs as [tf.Tensor, tf.Tensor];
  const made = (run: Run | null): { inputs: tf.Tensor[]; run: Run } | null => run && { inputs: xs, run };
  switch (op) {
    case 'unary': {
      const fn = UNARY[(attrs as OpAttrs['unary']).kind];
      return made(fn ? () => fn(x) : null);
    }
    case 'binary': {
      const fn = BINARY[(attrs as OpAttrs['binary']).kind];
      return made(fn ? () => fn(x, y) : null);
    }
    case 'reduce': {
      const { kind, axes, keepDims } = attrs as OpAttrs['reduce'];
      const list = [...axes];
      if (kind === 'argmax') return made(() => tf.argMax(x, list[0]!));
      return made(() => (kind === 'sum' ? tf.sum(x, list, keepDims) : tf.max(x, list, keepDims)));
    }
    case 'transpose':
      return made(() => tf.transpose(x, [...(attrs as OpAttrs['transpose']).perm]));
    case 'matmul': {
      const { transposeA, transposeB } = attrs as OpAttrs['matmul'];
      return made(() => tf.matMul(x, y, transposeA, transposeB));
    }
    case 'maxPool':
    case 'avgPool': {
      const { kernel, stride, padding, layout } = attrs as OpAttrs['maxPool'];
      if (layout !== 'channels-last') return null;
      const pool = op === 'maxPool' ? tf.maxPool : tf.avgPool;
      const [k, s] = [[...kernel], [...stride]] as [number, number][] as [[number, number], [number, number]];
      return made(() => pool(x as tf.Tensor4D, k, s, padding[0]![0], 'floor'));
    }
    default:
      return null;
  }
}
