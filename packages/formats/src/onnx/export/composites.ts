import type { Layout } from '@graftjs/core';
import type { ConvAttrs, FusedActivation, OpAttrs } from '@graftjs/core/backend';
import type { Attributes, GraphBuilder, Value } from '@graftjs/onnx-graph';
import { conv, convTranspose } from './convolutions.ts';
import {
  channelsFirst,
  firstShape,
  float,
  like,
  primitive,
  reshaped,
  scalar,
  transposed,
  with_,
  type Emit,
} from './emit.ts';

/** A composite in ONNX's operators. Attributes are what core's composite says of itself. */
type Emitter = (e: Emit, attrs: never) => Value | readonly Value[];
const emitter = <A>(run: (e: Emit, attrs: A) => Value | readonly Value[]): Emitter => run as Emitter;

const pointwise = (run: (b: GraphBuilder, x: Value) => Value): Emitter =>
  emitter(({ b, inputs }) => run(b, inputs[0]!));
/** One operator of the first input, with its attributes. */
const operator = <A>(op: string, attributes?: (attrs: A) => Attributes): Emitter =>
  emitter<A>(({ b, inputs }, attrs) => like(b, op, [inputs[0]!], attributes?.(attrs)));

const clip = (b: GraphBuilder, x: Value, low: number, high: number): Value =>
  like(b, 'Clip', [x, low === -Infinity ? null : scalar(b, low), high === Infinity ? null : scalar(b, high)]);

const clipped = emitter<{ low: number; high: number }>(({ b, inputs }, { low, high }) =>
  clip(b, inputs[0]!, low, high),
);

/** `[c]` → `[c, 1, 1]`, to go with `[n, c, h, w]`; as it is with channels-last. */
function perChannel(b: GraphBuilder, v: Value, rank: number, layout: Layout): Value {
  const spatial = layout === 'channels-first' ? rank - 2 : 0;
  return reshaped(b, v, [...v.shape, ...new Array<number>(spatial).fill(1)]);
}

/** activation(conv(x, w) · scale + shift); see core's convAffine. */
function convAffine({ b, inputs, outputs }: Emit, a: ConvAttrs & { activation: FusedActivation }): Value {
  const [x, w, scale, shift] = inputs;
  const { activation, ...attrs } = a;
  const { shape } = outputs[0]!;
  const bias = scale ? null : shift!;
  const whole = conv(b, x!, w!, bias, attrs, shape);
  let y = whole ?? primitive(b, 'conv', [x!, w!], attrs, shape);
  const left = whole && !scale ? null : shift;
  if (scale) y = with_(b, 'Mul', y, perChannel(b, scale, shape.length, a.layout));
  if (left) y = with_(b, 'Add', y, perChannel(b, left, shape.length, a.layout));
  return activated(b, y, activation);
}

function activated(b: GraphBuilder, y: Value, activation: FusedActivation): Value {
  if (activation === 'none') return y;
  return activation === 'relu' ? like(b, 'Relu', [y]) : clip(b, y, 0, 6);
}

/** activation(batchNorm(conv(x, w))), on stored statistics; inputs x, w, and then those of the norm. */
function convBatchNorm(
  e: Emit,
  { eps, activation, ...a }: ConvAttrs & { eps: number; activation: FusedActivation },
): Value {
  const [x, w, ...norm] = e.inputs;
  const y = convAffine({ ...e, inputs: [x!, w!, null, null] }, { ...a, activation: 'none' });
  return activated(e.b, batchNorm({ ...e, inputs: [y, ...norm] }, { eps, layout: a.layout }), activation);
}

/** Transposed convolution, zeros behind it (runtimes refuse an output_padding beyond the stride), and bias. */
function convTransposed(
  { b, inputs, outputs }: Emit,
  { missing, ...attrs }: OpAttrs['convInputGrad'] & { readonly missing: readonly number[] },
): Value {
  const [x, w, bias] = inputs;
  const { shape } = outputs[0]!;
  const first = attrs.layout === 'channels-last' ? 1 : 2;
  const after = shape.map((_, i) => missing[i - first] ?? 0);
  const touched = shape.map((d, i) => d - after[i]!);
  const padded = missing.some((n) => n > 0);
  const whole = convTranspose(b, x!, w!, padded ? null : bias!, attrs, touched);
  if (whole && !padded) return whole;
  let y = whole ?? primitive(b, 'convInputGrad', [x!, w!], attrs, touched);
  const none = shape.map(() => 0);
  if (padded) y = primitive(b, 'pad', [y], { before: none, after, interior: none, value: 0 }, shape);
  return bias ? with_(b, 'Add', y, perChannel(b, bias, shape.length, attrs.layout)) : y;
}

/** Inputs x, mean, variance, weight?, bias?; the attributes of BatchNormalization come in another order. */
function batchNorm({ b, inputs }: Emit, { eps, layout }: { eps: number; layout: Layout }): Value {
  const [x, mean, variance, weight, bias] = inputs;
  const scale = weight ?? b.constant(1, mean!.shape);
  const shift = bias ?? b.constant(0, mean!.shape);
  return channelsFirst(b, x!, layout, (input) =>
    like(b, 'BatchNormalization', [input, scale, shift, mean!, variance!], { epsilon: float(eps) }),
  );
}

/** x `[..., in]`, w `[out, in]`, bias? `[out]`. */
function linear({ b, inputs, outputs }: Emit): Value {
  const [x, w, bias] = inputs;
  const { shape } = outputs[0]!;
  if (shape.length === 2) return b.add('Gemm', [x!, w!, ...(bias ? [bias] : [])], { shape }, { transB: 1 });
  const y = b.add('MatMul', [x!, transposed(b, w!, [1, 0])], { shape });
  return bias ? with_(b, 'Add', y, bias) : y;
}

/** (x − mean) / √(variance + eps) over axes, with mean and variance; see core's standardize. */
function standardize(b: GraphBuilder, x: Value, axes: readonly number[], eps: number): Value[] {
  const shape = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const mean = (v: Value): Value => b.add('ReduceMean', [v], { shape }, { axes, keepdims: 1 });
  const m = mean(x);
  const d = with_(b, 'Sub', x, m);
  const variance = mean(with_(b, 'Mul', d, d));
  return [with_(b, 'Div', d, like(b, 'Sqrt', [with_(b, 'Add', variance, eps)])), m, variance];
}

/** Scale and shift of a norm, which may be absent. */
function affine(b: GraphBuilder, y: Value, weight: Value | null, bias: Value | null): Value {
  const scaled = weight ? with_(b, 'Mul', y, weight) : y;
  return bias ? with_(b, 'Add', scaled, bias) : scaled;
}

function layerNorm({ b, inputs }: Emit, { axes, eps }: { axes: readonly number[]; eps: number }): Value {
  const [x, weight, bias] = inputs;
  const scale = weight ?? b.constant(1, x!.shape.slice(axes[0]));
  return like(b, 'LayerNormalization', [x!, scale, ...(bias ? [bias] : [])], {
    axis: axes[0]!,
    epsilon: float(eps),
  });
}

interface ChannelNorm {
  readonly eps: number;
  readonly layout: Layout;
}
function instanceNorm({ b, inputs }: Emit, { eps, layout }: ChannelNorm): Value {
  const [x, weight, bias] = inputs;
  const channels = x!.shape[layout === 'channels-first' ? 1 : x!.shape.length - 1]!;
  const scale = weight ?? b.constant(1, [channels]);
  const shift = bias ?? b.constant(0, [channels]);
  return channelsFirst(b, x!, layout, (input) =>
    like(b, 'InstanceNormalization', [input, scale, shift], { epsilon: float(eps) }),
  );
}

/** Groups as the channels of an InstanceNormalization over all that is in them. */
function groupNorm({ b, inputs }: Emit, { eps, layout, groups }: ChannelNorm & { groups: number }): Value {
  const [x, weight, bias] = inputs;
  return channelsFirst(b, x!, layout, (input) => {
    const [n, c, ...spatial] = input.shape as number[];
    const size = (c! / groups) * spatial.reduce((p, d) => p * d, 1);
    const parted = reshaped(b, input, [n!, groups, size]);
    const y = like(b, 'InstanceNormalization', [parted, b.constant(1, [groups]), b.constant(0, [groups])], {
      epsilon: float(eps),
    });
    const wide = (v: Value | null | undefined): Value | null =>
      v ? perChannel(b, v, input.shape.length, 'channels-first') : null;
    return affine(b, reshaped(b, y, input.shape), wide(weight), wide(bias));
  });
}

const globalPool = (op: string): Emitter =>
  emitter<{ layout: Layout; keepDims: boolean }>(({ b, inputs, outputs }, { layout }) => {
    const pooled = channelsFirst(b, inputs[0]!, layout, (x) =>
      b.add(op, [x], { shape: x.shape.map((d, i) => (i < 2 ? d : 1)) }),
    );
    const { shape } = outputs[0]!;
    if (shape.length === pooled.shape.length) return pooled;
    return layout === 'channels-first' ? b.add('Flatten', [pooled], { shape }) : reshaped(b, pooled, shape);
  });

interface Shuffle {
  readonly factor: number;
  readonly layout: Layout;
  readonly order: 'CRD' | 'DCR';
}
function pixelShuffle({ b, inputs, outputs }: Emit, { factor, layout, order }: Shuffle): Value {
  const shape = firstShape(outputs[0]!.shape, layout);
  return channelsFirst(b, inputs[0]!, layout, (x) =>
    b.add('DepthToSpace', [x], { shape }, { blocksize: factor, mode: order }),
  );
}
/** SpaceToDepth has one order; what it gives is put into the other where that is wanted. */
function pixelUnshuffle({ b, inputs, outputs }: Emit, { factor, layout, order }: Shuffle): Value {
  const shape = firstShape(outputs[0]!.shape, layout);
  const [n, channels, ...spatial] = shape as [number, number, ...number[]];
  const area = factor * factor;
  return channelsFirst(b, inputs[0]!, layout, (x) => {
    const y = b.add('SpaceToDepth', [x], { shape }, { blocksize: factor });
    if (order === 'DCR') return y;
    const blocks = reshaped(b, y, [n, area, channels / area, ...spatial]);
    return reshaped(b, transposed(b, blocks, [0, 2, 1, 3, 4]), shape);
  });
}

/** x · Φ(x). */
function gelu(b: GraphBuilder, x: Value): Value {
  const erf = like(b, 'Erf', [with_(b, 'Mul', x, Math.SQRT1_2)]);
  return with_(b, 'Mul', x, with_(b, 'Mul', with_(b, 'Add', erf, 1), 0.5));
}
function geluTanh(b: GraphBuilder, x: Value): Value {
  const cube = with_(b, 'Mul', with_(b, 'Mul', with_(b, 'Mul', x, x), x), 0.044715);
  const t = like(b, 'Tanh', [with_(b, 'Mul', with_(b, 'Add', x, cube), Math.sqrt(2 / Math.PI))]);
  return with_(b, 'Mul', with_(b, 'Mul', x, 0.5), with_(b, 'Add', t, 1));
}

/** Composites of core that ONNX says in a node or a few. Of others, their parts are written. */
export const composites: Readonly<Record<string, Emitter>> = {
  convAffine: emitter(convAffine),
  convTranspose: emitter(convTransposed),
  convBatchNorm: emitter(convBatchNorm),
  batchNormInference: emitter(batchNorm),
  linear: emitter(linear),
  layerNorm: emitter(layerNorm),
  instanceNorm: emitter(instanceNorm),
  groupNorm: emitter(groupNorm),
  standardize: emitter<{ axes: readonly number[]; eps: number }>(({ b, inputs }, { axes, eps }) =>
    standardize(b, inputs[0]!, axes, eps),
  ),
  globalAvgPool: globalPool('GlobalAveragePool'),
  globalMaxPool: globalPool('GlobalMaxPool'),
  pixelShuffle: emitter(pixelShuffle),
  pixelUnshuffle: emitter(pixelUnshuffle),
  clip: clipped,
  hardtanh: clipped,
  relu6: pointwise((b, x) => clip(b, x, 0, 6)),
  leakyRelu: operator<{ slope: number }>('LeakyRelu', ({ slope }) => ({ alpha: float(slope) })),
  prelu: emitter<{ layout: Layout }>(({ b, inputs }, { layout }) => {
    const [x, slope] = inputs as [Value, Value];
    const wide = slope.shape[0] === 1 ? slope : perChannel(b, slope, x.shape.length, layout);
    return like(b, 'PRelu', [x, wide]);
  }),
  elu: operator<{ alpha: number }>('Elu', ({ alpha }) => ({ alpha: float(alpha) })),
  gelu: pointwise(gelu),
  geluTanh: pointwise(geluTanh),
  silu: pointwise((b, x) => with_(b, 'Mul', x, like(b, 'Sigmoid', [x]))),
  hardswish: operator('HardSwish'),
  hardsigmoid: operator('HardSigmoid', () => ({ alpha: float(1 / 6), beta: float(0.5) })),
  softplus: emitter<{ beta: number }>(({ b, inputs }, { beta }) => {
    const x = inputs[0]!;
    if (beta === 1) return like(b, 'Softplus', [x]);
    return with_(b, 'Div', like(b, 'Softplus', [with_(b, 'Mul', x, beta)]), beta);
  }),
  mish: pointwise((b, x) => with_(b, 'Mul', x, like(b, 'Tanh', [like(b, 'Softplus', [x])]))),
  softmax: operator<{ axis: number }>('Softmax', ({ axis }) => ({ axis })),
  logSoftmax: operator<{ axis: number }>('LogSoftmax', ({ axis }) => ({ axis })),
};
