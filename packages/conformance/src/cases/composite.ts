import {
  batchNorm,
  bceWithLogits,
  convTranspose,
  crossEntropy,
  dropout,
  elu,
  gelu,
  groupNorm,
  hardsigmoid,
  hardswish,
  hardtanh,
  globalStatsPool,
  grad,
  instanceNorm,
  l1,
  layerNorm,
  leakyRelu,
  linear,
  logSoftmax,
  mish,
  mse,
  nll,
  padReflect,
  padReplicate,
  prelu,
  Random,
  relu6,
  resize,
  silu,
  smoothL1,
  softmax,
  softplus,
  type Tensor,
} from '@graftjs/core';
import { standardize } from '@graftjs/core/extend';
import { composite, type Case } from './case.ts';
import { f32, i32, indices, nonzero, positive, range, real, values, type Fill } from './data.ts';
import { activationShape, LAYOUTS } from './geometry.ts';

const activations: Readonly<Record<string, readonly [(x: Tensor) => Tensor, Fill]>> = {
  relu6: [relu6, range(-4, 9)],
  leakyRelu: [leakyRelu, nonzero],
  elu: [elu, range(-5, 3)],
  gelu: [gelu, range(-4, 4)],
  'gelu tanh': [(x) => gelu(x, { approximate: 'tanh' }), range(-4, 4)],
  silu: [silu, range(-6, 6)],
  hardswish: [hardswish, range(-5, 5)],
  hardsigmoid: [hardsigmoid, range(-5, 5)],
  hardtanh: [hardtanh, range(-2, 2)],
  softplus: [softplus, range(-20, 20)],
  'softplus with beta': [(x) => softplus(x, 2.5), range(-4, 4)],
  mish: [mish, range(-6, 6)],
};

const activationCases: Case[] = [
  ...Object.entries(activations).map(([name, [f, fill]]) =>
    composite(name.split(' ')[0], `[4, 9]${name.replace(/^\S+/, '')}`, [f32([4, 9], fill)], (x) => f(x)),
  ),
  ...LAYOUTS.map((layout) =>
    composite(
      'prelu',
      layout,
      [f32(activationShape(2, 3, [4, 2], layout), nonzero), f32([3])],
      (x, slope) => prelu(x, slope, { layout }),
      { layout, rank: 2 },
    ),
  ),
  ...[0, 1, 2].flatMap((axis) => [
    composite('softmax', `on axis ${axis}`, [f32([3, 5, 4], range(-4, 4))], (x) => softmax(x, axis)),
    composite('logSoftmax', `on axis ${axis}`, [f32([3, 5, 4], range(-4, 4))], (x) => logSoftmax(x, axis)),
  ]),
  composite(
    'softmax',
    'of large logits',
    [f32([2, 6], values(90, -80, 1000, 999, -3, 0))],
    (x) => softmax(x),
    {
      gradients: [],
    },
  ),
];

const normCases: Case[] = LAYOUTS.flatMap((layout) => {
  const x = f32(activationShape(3, 4, [3, 2], layout), range(-1, 3));
  const affine = [f32([4], positive), f32([4])];
  const about = { layout, rank: 2 };
  return [
    composite(
      'batchNorm',
      `training, ${layout}`,
      [x, ...affine, f32([4]), f32([4], positive)],
      (t, weight, bias, mean, variance) =>
        batchNorm(t, { mean, variance }, { weight, bias, training: true, layout }).y,
      about,
    ),
    composite(
      'batchNorm',
      `moves the statistics, ${layout}`,
      [x, f32([4]), f32([4], positive)],
      (t, m, v) => {
        const { mean, variance } = batchNorm(t, { mean: m, variance: v }, { training: true, layout });
        return [mean, variance];
      },
      { ...about, gradients: [] }, // no tape sees them
    ),
    composite(
      'batchNorm',
      `on stored statistics, ${layout}`,
      [x, ...affine, f32([4]), f32([4], positive)],
      (t, weight, bias, mean, variance) => batchNorm(t, { mean, variance }, { weight, bias, layout }).y,
      about,
    ),
    composite(
      'groupNorm',
      layout,
      [x, ...affine],
      (t, weight, bias) => groupNorm(t, 2, { weight, bias, layout }),
      about,
    ),
    composite('globalStatsPool', layout, [x], (t) => globalStatsPool(t, { layout }), about),
    composite('instanceNorm', layout, [x], (t) => instanceNorm(t, { layout }), about),
    composite(
      'resize',
      `linear, ${layout}`,
      [f32(activationShape(1, 2, [4, 5], layout))],
      (t) => resize(t, [7, 3], { mode: 'linear', layout }),
      about,
    ),
    composite(
      'resize',
      `linear, corners aligned, ${layout}`,
      [f32(activationShape(1, 2, [4, 5], layout))],
      (t) => resize(t, [7, 3], { mode: 'linear', alignCorners: true, layout }),
      about,
    ),
    composite(
      'resize',
      `cubic, ${layout}`,
      [f32(activationShape(1, 2, [4, 5], layout))],
      (t) => [
        resize(t, [7, 3], { mode: 'cubic', layout }),
        resize(t, [7, 3], { mode: 'cubic', alignCorners: true, layout }),
      ],
      about,
    ),
    composite(
      'resize',
      `nearest, ${layout}`,
      [f32(activationShape(1, 2, [4, 5], layout))],
      (t) => resize(t, [7, 3], { layout }),
      { ...about, exact: true },
    ),
    composite(
      'resize',
      `by factors, ${layout}`,
      [f32(activationShape(1, 2, [4, 5], layout))],
      (t) => [
        resize(t, [6, 4], { scale: [1.6, 0.9], mode: 'linear', layout }),
        resize(t, [6, 4], { scale: [1.6, 0.9], layout }),
      ],
      about,
    ),
    composite(
      'dropout',
      `of channels, ${layout}`,
      [f32(activationShape(3, 4, [2, 2], layout))],
      (t) => dropout(t, 0.5, { per: 'channel', layout, random: new Random(5, 'dropout') }),
      { ...about, exact: true, draws: true },
    ),
  ];
});

const layerCases: Case[] = [
  composite(
    'layerNorm',
    '[2, 3, 5]',
    [f32([2, 3, 5], range(-1, 3)), f32([5], positive), f32([5])],
    (x, weight, bias) => layerNorm(x, 5, { weight, bias }),
  ),
  composite('standardize', '[4, 6] over 0', [f32([4, 6], range(9, 11))], (x) => standardize(x, 0)),
  composite('linear', '[5, 7] to 4', [f32([5, 7]), f32([4, 7]), f32([4])], (x, w, b) => linear(x, w, b), {
    exact: true,
  }),
  composite('linear', 'with two batch axes', [f32([2, 3, 5]), f32([4, 5])], (x, w) => linear(x, w), {
    exact: true,
  }),
  ...LAYOUTS.map((layout) =>
    composite(
      'convTranspose',
      `output padding by dilation, ${layout}`,
      [f32(activationShape(2, 4, [3, 2], layout)), f32([4, 3, 2, 2])],
      (x, w) => convTranspose(x, w, { dilation: [2, 3], outputPadding: [1, 2], groups: 2, layout }),
      { exact: true, layout, rank: 2 },
    ),
  ),
  composite(
    'padReflect',
    '[2, 4, 5]',
    [f32([2, 4, 5])],
    (x) => padReflect(x, { before: [0, 2, 1], after: [0, 3, 0] }),
    {
      exact: true,
    },
  ),
  composite(
    'padReplicate',
    '[2, 3, 2]',
    [f32([2, 3, 2])],
    (x) => padReplicate(x, { before: [0, 2, 1], after: [0, 1, 0] }),
    {
      exact: true,
    },
  ),
];

const labels = i32([6], values(0, 3, 2, 4, 1, -100));
const logits = f32([6, 5], range(-3, 3));

const lossCases: Case[] = [
  ...[0, 0.1].flatMap((labelSmoothing) =>
    (['mean', 'sum', 'none'] as const).map((reduction) =>
      composite('crossEntropy', `${reduction}, smoothing ${labelSmoothing}`, [logits, labels], (x, t) =>
        crossEntropy(x, t, { labelSmoothing, reduction }),
      ),
    ),
  ),
  composite(
    'crossEntropy',
    'with weights',
    [logits, labels, f32([5], positive)],
    (x, t, weight) => crossEntropy(x, t, { weight, labelSmoothing: 0.1 }),
    { gradients: [0] },
  ),
  composite(
    'crossEntropy',
    "with each position's own weight",
    [logits, labels, f32([5], positive)],
    (x, t, weight) => crossEntropy(x, t, { weight, labelSmoothing: 0.1, weighting: 'sample' }),
    { gradients: [0] },
  ),
  composite(
    'crossEntropy',
    'with soft targets and weights of their own',
    [f32([3, 4], range(-3, 3)), f32([3, 4], range(0, 0.5)), f32([4], positive)],
    (x, t, weight) => crossEntropy(x, t, { weight, labelSmoothing: 0.1, weighting: 'sample' }),
    { gradients: [0] },
  ),
  composite(
    'crossEntropy',
    'of maps',
    [f32([2, 4, 3, 2], range(-3, 3)), i32([2, 3, 2], indices(4))],
    (x, t) => crossEntropy(x, t),
  ),
  composite(
    'crossEntropy',
    'with soft targets',
    [f32([3, 4], range(-3, 3)), f32([3, 4], range(0, 0.5))],
    (x, t) => crossEntropy(x, t, { labelSmoothing: 0.1 }),
  ),
  composite(
    'crossEntropy',
    'of nothing has gradients of 0',
    [f32([2, 3]), i32([2], values(-100)), f32([3], positive)],
    (x, t, weight) => grad((y) => crossEntropy(y, t, { weight, labelSmoothing: 0.1 }))(x),
    { special: true },
  ),
  composite('nll', 'of log-probabilities', [f32([4, 3], range(-4, -0.5)), i32([4], indices(3))], (x, t) =>
    nll(x, t),
  ),
  composite('mse', '[4, 3]', [f32([4, 3]), f32([4, 3])], (x, t) => mse(x, t)),
  composite('l1', '[4, 3]', [f32([4, 3]), f32([4, 3], values(2, -3))], (x, t) => l1(x, t)),
  composite('smoothL1', '[4, 3]', [f32([4, 3], range(-2, 2)), f32([4, 3], real)], (x, t) =>
    smoothL1(x, t, { beta: 0.7 }),
  ),
  composite('bceWithLogits', '[4, 3]', [f32([4, 3], range(-6, 6)), f32([4, 3], range(0, 1))], (x, t) =>
    bceWithLogits(x, t),
  ),
  composite(
    'bceWithLogits',
    'with positive weights',
    [f32([4, 3], range(-6, 6)), f32([4, 3], range(0, 1)), f32([3], positive)],
    (x, t, posWeight) => bceWithLogits(x, t, { posWeight }),
    { gradients: [0] },
  ),
];

export const compositeCases: readonly Case[] = [
  ...activationCases,
  ...normCases,
  ...layerCases,
  ...lossCases,
];
