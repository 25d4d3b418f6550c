import {
  Activation,
  abs,
  add,
  argmax,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool2d,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  broadcastTo,
  cast,
  clip,
  concat,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  div,
  Dropout,
  ELU,
  exp,
  expandDims,
  expm1,
  flatten,
  Flatten,
  flip,
  GELU,
  globalAvgPool,
  GlobalAvgPool1d,
  GlobalAvgPool2d,
  GlobalAvgPool3d,
  GlobalMaxPool2d,
  GlobalStatsPool2d,
  greater,
  GroupNorm,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  Identity,
  InstanceNorm,
  LayerNorm,
  LeakyReLU,
  Linear,
  log,
  log1p,
  LogSoftmax,
  matmul,
  max,
  maximum,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  mean,
  Mish,
  Module,
  mul,
  pad,
  padReflect,
  padReplicate,
  PixelShuffle,
  PixelUnshuffle,
  pow,
  PReLU,
  ReLU,
  ReLU6,
  reshape,
  Residual,
  round,
  rsqrt,
  select,
  Sequential,
  Sigmoid,
  SiLU,
  slice,
  Softmax,
  Softplus,
  softmax,
  split,
  SqueezeExcite,
  sub,
  sum,
  tanh,
  Tanh,
  tensor,
  transpose,
  Upsample,
  variance,
  type Layout,
  type Shape,
  type Tensor,
} from '@graftjs/core';
import { composite, customVjp } from '@graftjs/core/extend';

/** A network to export: the shape of one sample, and how to make it. */
export interface Network {
  readonly input: Shape;
  readonly make: () => Module;
}

/** A function as a network. */
class Run extends Module {
  constructor(readonly run: (x: Tensor) => Tensor) {
    super();
  }
  forward(x: Tensor): Tensor {
    return this.run(x);
  }
}
export const network = (run: (x: Tensor) => Tensor): Module => new Run(run);

/** Every kind of layer that has channels and positions, in one layout; `c` channels over the given positions. */
function spatial(layout: Layout): Record<string, Network> {
  const o = { layout };
  const at = (c: number, ...positions: number[]): Shape =>
    layout === 'channels-first' ? [c, ...positions] : [...positions, c];
  const pairs: Record<string, [Shape, () => Module]> = {
    Conv1d: [at(3, 9), () => new Conv1d(3, 4, 3, { ...o, padding: 1, stride: 2 })],
    Conv2d: [at(3, 7, 6), () => new Conv2d(3, 4, 3, { ...o, padding: 1 })],
    'Conv2d, strided, dilated, in groups': [
      at(4, 9, 8),
      () => new Conv2d(4, 6, [3, 2], { ...o, padding: [1, 0], stride: 2, dilation: [2, 1], groups: 2 }),
    ],
    'Conv2d, depthwise, same': [
      at(4, 7, 6),
      () => new Conv2d(4, 4, 3, { ...o, padding: 'same', stride: 2, groups: 4, bias: false }),
    ],
    Conv3d: [at(2, 4, 5, 3), () => new Conv3d(2, 3, 2, { ...o, padding: 1 })],
    ConvTranspose1d: [at(3, 5), () => new ConvTranspose1d(3, 2, 4, { ...o, stride: 2, padding: 1 })],
    ConvTranspose2d: [
      at(4, 4, 5),
      () =>
        new ConvTranspose2d(4, 6, 3, {
          ...o,
          stride: 2,
          padding: 1,
          outputPadding: 1,
          groups: 2,
          dilation: 2,
        }),
    ],
    'ConvTranspose2d, output padding by dilation': [
      at(3, 4, 5),
      () => new ConvTranspose2d(3, 2, 2, { ...o, dilation: 3, padding: 1, outputPadding: 2 }),
    ],
    'ConvTranspose2d, stride 1': [at(3, 4, 5), () => new ConvTranspose2d(3, 2, 3, { ...o, bias: false })],
    ConvTranspose3d: [at(2, 3, 2, 3), () => new ConvTranspose3d(2, 2, 2, { ...o, stride: 2 })],
    BatchNorm1d: [at(3, 5), () => new BatchNorm1d(3, o)],
    BatchNorm2d: [at(3, 4, 5), () => new BatchNorm2d(3, { ...o, eps: 1e-3 })],
    'BatchNorm2d without weights': [at(3, 4, 5), () => new BatchNorm2d(3, { ...o, affine: false })],
    BatchNorm3d: [at(2, 2, 3, 2), () => new BatchNorm3d(2, o)],
    GroupNorm: [at(6, 3, 4), () => new GroupNorm(2, 6, o)],
    'GroupNorm without weights': [at(6, 3, 4), () => new GroupNorm(3, 6, { ...o, affine: false })],
    InstanceNorm: [at(3, 4, 5), () => new InstanceNorm(3, o)],
    'InstanceNorm with weights': [at(3, 4, 5), () => new InstanceNorm(3, { ...o, affine: true })],
    MaxPool1d: [at(2, 9), () => new MaxPool1d(3, { ...o, stride: 2, padding: 1 })],
    MaxPool2d: [at(2, 7, 6), () => new MaxPool2d(3, { ...o, stride: 2, padding: 1 })],
    'MaxPool2d, dilated, rounded up': [
      at(2, 8, 9),
      () => new MaxPool2d(2, { ...o, stride: 3, dilation: 2, ceilMode: true }),
    ],
    MaxPool3d: [at(2, 4, 4, 5), () => new MaxPool3d(2, o)],
    AvgPool1d: [at(2, 9), () => new AvgPool1d(3, { ...o, padding: 1 })],
    AvgPool2d: [at(2, 7, 6), () => new AvgPool2d(3, { ...o, stride: 2, padding: 1 })],
    'AvgPool2d, padding not counted': [
      at(2, 7, 6),
      () => new AvgPool2d(3, { ...o, stride: 2, padding: 1, countIncludePad: false }),
    ],
    'AvgPool2d, rounded up': [at(2, 8, 9), () => new AvgPool2d(3, { ...o, stride: 2, ceilMode: true })],
    AvgPool3d: [at(2, 4, 4, 5), () => new AvgPool3d(2, o)],
    AdaptiveAvgPool1d: [at(2, 7), () => new AdaptiveAvgPool1d(3, o)],
    AdaptiveAvgPool2d: [at(2, 7, 5), () => new AdaptiveAvgPool2d([3, 2], o)],
    'AdaptiveAvgPool2d to 1': [at(2, 7, 5), () => new AdaptiveAvgPool2d(1, o)],
    AdaptiveAvgPool3d: [at(2, 4, 4, 5), () => new AdaptiveAvgPool3d(2, o)],
    AdaptiveMaxPool2d: [at(2, 7, 5), () => new AdaptiveMaxPool2d([3, 2], o)],
    GlobalAvgPool1d: [at(2, 7), () => new GlobalAvgPool1d(o)],
    GlobalAvgPool2d: [at(2, 7, 5), () => new GlobalAvgPool2d(o)],
    'GlobalAvgPool2d, axes kept': [at(2, 7, 5), () => new GlobalAvgPool2d({ ...o, keepDims: true })],
    GlobalAvgPool3d: [at(2, 3, 4, 5), () => new GlobalAvgPool3d(o)],
    GlobalMaxPool2d: [at(2, 7, 5), () => new GlobalMaxPool2d(o)],
    GlobalStatsPool2d: [at(2, 7, 5), () => new GlobalStatsPool2d(o)],
    'GlobalStatsPool2d, axes kept': [at(2, 7, 5), () => new GlobalStatsPool2d({ ...o, keepDims: true })],
    'Upsample, nearest': [at(2, 3, 4), () => new Upsample({ ...o, scale: 2 })],
    'Upsample, linear': [at(2, 3, 4), () => new Upsample({ ...o, size: [5, 7], mode: 'linear' })],
    'Upsample, linear, corners aligned': [
      at(2, 3, 4),
      () => new Upsample({ ...o, size: [5, 7], mode: 'linear', alignCorners: true }),
    ],
    PixelShuffle: [at(12, 3, 2), () => new PixelShuffle(2, o)],
    'PixelShuffle, DCR': [at(12, 3, 2), () => new PixelShuffle(2, { ...o, order: 'DCR' })],
    PixelUnshuffle: [at(3, 4, 6), () => new PixelUnshuffle(2, o)],
    'PixelUnshuffle, DCR': [at(3, 4, 6), () => new PixelUnshuffle(2, { ...o, order: 'DCR' })],
    'PReLU for each channel': [at(3, 4, 5), () => new PReLU(3, o)],
    SqueezeExcite: [at(4, 3, 5), () => new SqueezeExcite(4, 2, o)],
    'Dropout of channels': [at(3, 4, 5), () => new Dropout(0.5, { ...o, per: 'channel' })],
    'a small network': [
      at(3, 12, 12),
      () =>
        new Sequential({
          conv1: new Conv2d(3, 8, 3, { ...o, stride: 2, padding: 1, bias: false }),
          bn1: new BatchNorm2d(8, o),
          relu1: new ReLU(),
          block: new Residual(
            new Sequential({
              conv: new Conv2d(8, 8, 3, { ...o, padding: 1, bias: false }),
              norm: new BatchNorm2d(8, o),
            }),
            { activation: new ReLU6() },
          ),
          pool: new GlobalAvgPool2d(o),
          fc: new Linear(8, 5),
        }),
    ],
  };
  return Object.fromEntries(
    Object.entries(pairs).map(([name, [input, make]]) => [`${name}, ${layout}`, { input, make }]),
  );
}

const activations: Record<string, () => Module> = {
  ReLU: () => new ReLU(),
  ReLU6: () => new ReLU6(),
  LeakyReLU: () => new LeakyReLU(0.2),
  ELU: () => new ELU(1.5),
  GELU: () => new GELU(),
  'GELU by tanh': () => new GELU({ approximate: 'tanh' }),
  SiLU: () => new SiLU(),
  Hardswish: () => new Hardswish(),
  Hardsigmoid: () => new Hardsigmoid(),
  Hardtanh: () => new Hardtanh(-0.5, 0.75),
  Sigmoid: () => new Sigmoid(),
  Tanh: () => new Tanh(),
  Softplus: () => new Softplus(),
  'Softplus, beta 2': () => new Softplus(2),
  Mish: () => new Mish(),
  Softmax: () => new Softmax(),
  'Softmax over channels': () => new Softmax(1),
  LogSoftmax: () => new LogSoftmax(),
  PReLU: () => new PReLU(),
  'a function of the user': () => new Activation((x) => mul(x, tanh(x))),
};

const plain: Record<string, [Shape, () => Module]> = {
  Linear: [[6], () => new Linear(6, 4)],
  'Linear without bias': [[6], () => new Linear(6, 4, { bias: false })],
  'Linear over the last of three axes': [[3, 6], () => new Linear(6, 4)],
  'BatchNorm1d of features': [[5], () => new BatchNorm1d(5)],
  LayerNorm: [[3, 6], () => new LayerNorm(6)],
  'LayerNorm over two axes, without weights': [[3, 6], () => new LayerNorm([3, 6], { affine: false })],
  Flatten: [[2, 3, 4], () => new Flatten()],
  'Flatten from the second axis on': [[2, 3, 4], () => new Flatten(2)],
  Identity: [[3], () => new Identity()],
  Dropout: [[3], () => new Dropout(0.5)],
};

/** Primitives and composites by themselves, as users write them. */
const functions: Record<string, [Shape, (x: Tensor) => Tensor]> = {
  'exp, log, log1p, expm1, rsqrt': [
    [4],
    (x) => add(log(add(exp(x), 1)), mul(rsqrt(add(abs(x), 1)), sub(log1p(abs(x)), expm1(x)))),
  ],
  'powers, quotients, extrema': [[4], (x) => pow(add(abs(x), 0.5), maximum(div(x, 3), 0.25))],
  'comparisons and choices': [[3, 4], (x) => select(greater(x, mean(x, 1, { keepDims: true })), x, -1)],
  'casts and rounding': [[4], (x) => add(cast(cast(mul(x, 10), 'int32'), 'float32'), round(x))],
  clip: [[4], (x) => clip(x, -0.25, 0.5)],
  'sums, means, maxima, variance': [
    [3, 4],
    (x) => concat([sum(x, 2), mean(x, [2]), max(x, 2), variance(x, 2, { correction: 1 })], 1),
  ],
  argmax: [[3, 4], (x) => cast(argmax(x), 'float32')],
  'products of matrices': [[3, 4], (x) => matmul(x, transpose(x, [0, 2, 1]))],
  'a product with a matrix closed over': [
    [4],
    (x) => matmul(x, tensor([1, 2, 3, 4, 5, 6, 7, 8], [4, 2], { backend: x.backend })),
  ],
  'pieces, stacked and mirrored': [
    [4, 3],
    (x) => {
      const [a, b] = split(x, [1, 3], 1) as [Tensor, Tensor];
      return concat([flip(b, 2), a, slice(x, 1, 0, 4, 2)], 1);
    },
  ],
  padding: [[2, 3], (x) => pad(x, { before: [0, 1, 0], after: [0, 0, 2], value: 3 })],
  'padding inside': [[2, 3], (x) => pad(x, { before: [0, 0, 0], after: [0, 0, 0], interior: [0, 1, 2] })],
  'reflected and repeated edges': [
    [4, 5],
    (x) =>
      padReplicate(padReflect(x, { before: [0, 1, 2], after: [0, 0, 1] }), {
        before: [0, 0, 0],
        after: [0, 2, 0],
      }),
  ],
  'shuffled channels': [
    [6, 2, 3],
    (x) => {
      const [n, c, h, w] = x.shape as [number, number, number, number];
      return reshape(transpose(reshape(x, [n, 2, c / 2, h, w]), [0, 2, 1, 3, 4]), [n, c, h, w]);
    },
  ],
  'batch and channels joined and parted': [
    [6, 2],
    (x) => reshape(mul(reshape(x, [x.shape[0]! * 3, 4]), 2), [x.shape[0]!, 6, 2]),
  ],
  'extents that broadcast': [[3, 1], (x) => broadcastTo(x, [x.shape[0]!, 3, 5])],
  'a gradient of its own': [[4], square],
  'a composite of its own, with another in it': [
    [4],
    (x) => {
      const parts = (): Tensor => softmax(square(mul(x, 0.5)), 1);
      return composite(parts, { name: 'constructor', inputs: [x], attrs: { axis: 1 } });
    },
  ],
  'a composite with three results, two of them used': [
    [4],
    (x) => {
      const parts = (): Tensor[] => [add(x, 1), sub(x, 1), mul(x, 3)];
      const [up, , more] = composite(parts, { name: 'neighbours', inputs: [x], attrs: {} });
      return mul(up!, more!);
    },
  ],
  'means of channels, multiplied': [
    [3, 4, 5],
    (x) => flatten(mul(x, expandDims(expandDims(globalAvgPool(x), -1), -1))),
  ],
};

function square(x: Tensor): Tensor {
  return customVjp(
    'mySquare',
    [x],
    () => [mul(x, x)],
    ({ gy }) => [mul(gy, mul(x, 2))],
    {},
  )[0]!;
}

export const networks: Readonly<Record<string, Network>> = {
  ...spatial('channels-first'),
  ...spatial('channels-last'),
  ...Object.fromEntries(Object.entries(activations).map(([name, make]) => [name, { input: [3, 4], make }])),
  ...Object.fromEntries(Object.entries(plain).map(([name, [input, make]]) => [name, { input, make }])),
  ...Object.fromEntries(
    Object.entries(functions).map(([name, [input, run]]) => [name, { input, make: () => network(run) }]),
  ),
};
