import {
  adagrad,
  adam,
  adamW,
  adaptiveAvgPool,
  adaptiveMaxPool,
  avgPool,
  batchNorm,
  bceWithLogits,
  clipGradNorm,
  cosineLR,
  crossEntropy,
  elu,
  exponentialLR,
  gelu,
  groupNorm,
  hardsigmoid,
  hardswish,
  index,
  layerNorm,
  leakyRelu,
  linear,
  logSoftmax,
  maxPool,
  mish,
  mse,
  multiStepLR,
  oneCycleLR,
  Parameter,
  relu,
  relu6,
  resize,
  rmsprop,
  scope,
  sgd,
  sigmoid,
  silu,
  smoothL1,
  softmax,
  softplus,
  stack,
  stepLR,
  tanh,
  Tensor,
  tensor,
  transpose,
  vjp,
  type Backend,
  type Layout,
  type Optimizer,
  type Reduction,
  type Schedule,
  type Shape,
} from '@graftjs/core';
import { convBias, convTransposeBias } from '@graftjs/core/extend';

/** A tensor in the file of PyTorch's values: float64 results of float32 inputs, row-major, channels-first. */
export interface GoldenTensor {
  readonly shape: Shape;
  readonly dtype: 'float64' | 'int64';
  readonly data: readonly number[];
}

/** The file `fixtures/torch-golden.json`, parsed. */
export interface GoldenFile {
  /** PyTorch's version. */
  readonly torch: string;
  readonly cases: readonly {
    readonly name: string;
    readonly op: string;
    readonly attrs: Readonly<Record<string, unknown>>;
    readonly inputs: Readonly<Record<string, GoldenTensor>>;
    readonly outputs: Readonly<Record<string, GoldenTensor>>;
    readonly grads: Readonly<Record<string, GoldenTensor>>;
  }[];
}

type Tensors = Readonly<Record<string, Tensor>>;
/** Schedules give plain numbers: they never see a backend. */
export type GoldenResults = Readonly<Record<string, Tensor | readonly number[]>>;

/** One computation whose results PyTorch has given. */
export interface GoldenCase {
  readonly name: string;
  /** PyTorch's name of the operation. */
  readonly op: string;
  readonly layout: Layout;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
  /** Gradients of Σ y · gy, by the name of the input. */
  readonly grads: Readonly<Record<string, GoldenTensor>>;
  /** The same with public functions; results by the names that `outputs` has. Int64 inputs come as int32. */
  run(inputs: Tensors): GoldenResults;
}

interface Attrs {
  readonly [name: string]: unknown;
  readonly kernel: number[];
  readonly stride: number[];
  readonly padding: number[];
  readonly dilation: number[];
  readonly groups: number;
  readonly output: number[];
  readonly size: number[];
  readonly eps: number;
  readonly reduction: Reduction;
}
type Recipe = (inputs: Tensors, attrs: Attrs, layout: Layout) => GoldenResults;

const y = (f: (inputs: Tensors, attrs: Attrs, layout: Layout) => Tensor): Recipe => {
  return (inputs, attrs, layout) => ({ y: f(inputs, attrs, layout) });
};
const activation = (f: (x: Tensor) => Tensor): Recipe => y(({ x }) => f(x));

/** The channel axis moved to where the layout has it. */
function arrange(x: Tensor, layout: Layout): Tensor {
  if (layout === 'channels-first' || x.rank < 3) return x;
  const spatial = Array.from({ length: x.rank - 2 }, (_, i) => i + 2);
  return transpose(x, [0, ...spatial, 1]);
}
/** And back to channels-first. */
function restore(x: Tensor, layout: Layout): Tensor {
  if (layout === 'channels-first' || x.rank < 3) return x;
  const spatial = Array.from({ length: x.rank - 2 }, (_, i) => i + 1);
  return transpose(x, [0, x.rank - 1, ...spatial]);
}
/** An operation on activations, in either layout. */
const spatial = (f: (x: Tensor, inputs: Tensors, attrs: Attrs, layout: Layout) => Tensor): Recipe =>
  y((inputs, attrs, layout) => restore(f(arrange(inputs.x, layout), inputs, attrs, layout), layout));

const conv = spatial((x, { w, b }, { stride, padding, dilation, groups }, layout) =>
  convBias(x, w, b, { stride, padding, dilation, groups, layout }),
);
const convTransposed = spatial((x, { w, b }, { stride, padding, dilation, groups, output_padding }, layout) =>
  convTransposeBias(x, w, b, {
    stride,
    padding,
    dilation,
    groups,
    layout,
    outputPadding: output_padding as number[],
  }),
);
const maxPooled = spatial((x, _, { kernel, stride, padding, dilation, ceil_mode }, layout) =>
  maxPool(x, kernel, { stride, padding, dilation, ceilMode: ceil_mode as boolean, layout }),
);
const avgPooled = spatial((x, _, { kernel, stride, padding, ceil_mode, count_include_pad }, layout) =>
  avgPool(x, kernel, {
    stride,
    padding,
    ceilMode: ceil_mode as boolean,
    countIncludePad: count_include_pad as boolean,
    layout,
  }),
);

const normalized: Recipe = ({ x, gamma, beta, running_mean, running_var }, attrs, layout) => {
  const out = batchNorm(
    arrange(x, layout),
    { mean: running_mean, variance: running_var },
    {
      weight: gamma,
      bias: beta,
      training: attrs.training as boolean,
      momentum: attrs.momentum as number,
      eps: attrs.eps,
      layout,
    },
  );
  return { y: restore(out.y, layout), running_mean: out.mean, running_var: out.variance };
};

/** PyTorch's snake_case options in ours. */
function camelCase(attrs: Attrs): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attrs).map(([k, v]) => [k.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), v]),
  );
}

/** Steps with the given gradients; the parameter after each. */
const optimized =
  (make: (options: Record<string, unknown>) => Optimizer): Recipe =>
  ({ p0, grads }, attrs) => {
    const optimizer = make(camelCase(attrs));
    const parameter = new Parameter(new Tensor(p0.storage, p0));
    const after: Tensor[] = [];
    for (let step = 0; step < grads.shape[0]; step++) {
      optimizer.step([{ name: 'p', parameter, grad: index(grads, step) }]);
      after.push(new Tensor(parameter.value.storage, parameter.value));
    }
    const p_after_step = stack(after);
    parameter.dispose();
    optimizer.dispose();
    return { p_after_step };
  };

const scheduled =
  (schedule: Schedule): Recipe =>
  () => ({ lr: Array.from({ length: 11 }, (_, step) => schedule(step)) });

const crossEntropyLoss: Recipe = y(({ x, target, weight }, { reduction, label_smoothing, ignore_index }) =>
  crossEntropy(x, target, {
    weight: weight ?? null,
    labelSmoothing: label_smoothing as number,
    ...(reduction ? { reduction } : {}),
    ...(ignore_index === undefined ? {} : { ignoreIndex: ignore_index as number }),
  }),
);

/** Total over the operations in the file. */
const RECIPES: Readonly<Record<string, Recipe>> = {
  conv1d: conv,
  conv2d: conv,
  conv3d: conv,
  conv_transpose1d: convTransposed,
  conv_transpose2d: convTransposed,
  conv_transpose3d: convTransposed,
  batch_norm: normalized,
  max_pool1d: maxPooled,
  max_pool2d: maxPooled,
  max_pool3d: maxPooled,
  avg_pool1d: avgPooled,
  avg_pool2d: avgPooled,
  avg_pool3d: avgPooled,
  adaptive_avg_pool2d: spatial((x, _, { output }, layout) => adaptiveAvgPool(x, output, { layout })),
  adaptive_max_pool2d: spatial((x, _, { output }, layout) => adaptiveMaxPool(x, output, { layout })),
  interpolate_bilinear: spatial((x, _, { size, align_corners }, layout) =>
    resize(x, size, { mode: 'linear', alignCorners: align_corners as boolean, layout }),
  ),
  group_norm: spatial((x, { gamma, beta }, { groups, eps }, layout) =>
    groupNorm(x, groups, { weight: gamma, bias: beta, eps, layout }),
  ),
  layer_norm: y(({ x, gamma, beta }, { normalized: shape, eps }) =>
    layerNorm(x, shape as number[], { weight: gamma, bias: beta, eps }),
  ),
  linear: y(({ x, w, b }) => linear(x, w, b)),
  relu: activation(relu),
  relu6: activation(relu6),
  leaky_relu: activation(leakyRelu),
  elu: activation(elu),
  gelu: activation(gelu),
  silu: activation(silu),
  hardswish: activation(hardswish),
  hardsigmoid: activation(hardsigmoid),
  sigmoid: activation(sigmoid),
  tanh: activation(tanh),
  softplus: activation(softplus),
  mish: activation(mish),
  softmax: y(({ x }, { dim }) => softmax(x, dim as number)),
  log_softmax: y(({ x }, { dim }) => logSoftmax(x, dim as number)),
  cross_entropy: crossEntropyLoss,
  cross_entropy_soft: crossEntropyLoss,
  bce_with_logits: y(({ x, target }) => bceWithLogits(x, target)),
  mse: y(({ x, target }) => mse(x, target)),
  smooth_l1: y(({ x, target }, { beta }) => smoothL1(x, target, { beta: beta as number })),
  SGD: optimized(sgd),
  Adam: optimized(adam),
  AdamW: optimized(adamW),
  RMSprop: optimized(rmsprop),
  Adagrad: optimized(adagrad),
  lr_step: scheduled(stepLR({ lr: 0.1, stepSize: 3, gamma: 0.5 })),
  lr_multistep: scheduled(multiStepLR({ lr: 0.1, milestones: [2, 5], gamma: 0.1 })),
  lr_exp: scheduled(exponentialLR({ lr: 0.1, gamma: 0.9 })),
  lr_cosine: scheduled(cosineLR({ lr: 0.1, steps: 10, minLr: 0.001 })),
  lr_onecycle: scheduled(oneCycleLR({ maxLr: 0.1, totalSteps: 12 })),
  clip_grad_norm: ({ g }, { max_norm }) => {
    const { grads, norm } = clipGradNorm([g], max_norm as number);
    return { g: grads[0], norm };
  },
};

/** Does PyTorch's operation run on planes, which may have their channels first or last? */
export function takesLayout(op: string): boolean {
  return /^(conv|batch_norm|max_pool|avg_pool|adaptive|interpolate|group_norm)/.test(op);
}

/**
 * PyTorch's cases as calls of the public API. Channels-last gives those on activations only, with transposes around them;
 * values stay channels-first on the outside.
 * @param file `fixtures/torch-golden.json`, parsed.
 */
export function goldenCases(file: GoldenFile, layout: Layout = 'channels-first'): GoldenCase[] {
  return file.cases
    .filter(({ op }) => layout === 'channels-first' || takesLayout(op))
    .map(({ name, op, attrs, inputs, outputs, grads }) => {
      const recipe = RECIPES[op];
      if (!recipe) throw new Error(`no recipe for PyTorch's ${op}`);
      const run = (tensors: Tensors): GoldenResults => recipe(tensors, attrs as Attrs, layout);
      return { name, op, layout, inputs, outputs, grads, run };
    });
}

/** A case's inputs on a backend: floats as float32, integers as int32. */
export function uploadGolden(c: GoldenCase, backend: Backend): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(c.inputs).map(([name, { shape, dtype, data }]) => [
      name,
      tensor(Float64Array.from(data), shape, { dtype: dtype === 'int64' ? 'int32' : 'float32', backend }),
    ]),
  );
}

/** Results and gradients of a case on a backend, by name. Frees what it makes. */
export async function runGolden(
  c: GoldenCase,
  backend: Backend,
): Promise<{ outputs: Record<string, number[]>; grads: Record<string, number[]> }> {
  const inputs = uploadGolden(c, backend);
  const read = async (value: Tensor | readonly number[]): Promise<number[]> => {
    if (!(value instanceof Tensor)) return [...value];
    const values = [...(await value.data())];
    value.dispose();
    return values;
  };
  const sources = Object.keys(c.grads);
  let results: GoldenResults;
  let found: Tensor[] = [];
  if (sources.length) {
    let extra: GoldenResults = {};
    const { value, grads } = vjp(
      (...tensors) => {
        const { y: out, ...rest } = c.run({
          ...inputs,
          ...Object.fromEntries(sources.map((s, i) => [s, tensors[i]])),
        });
        extra = rest;
        for (const t of Object.values(rest)) if (t instanceof Tensor) t.keep();
        return out as Tensor;
      },
      sources.map((s) => inputs[s]),
      inputs.gy,
    );
    results = { y: value, ...extra };
    found = grads;
  } else results = scope(() => c.run(inputs));
  const outputs: Record<string, number[]> = {};
  for (const [name, value] of Object.entries(results)) outputs[name] = await read(value);
  const grads: Record<string, number[]> = {};
  for (const [i, g] of found.entries()) grads[sources[i]] = await read(g);
  for (const t of Object.values(inputs)) t.dispose();
  return { outputs, grads };
}
