import { perfCases } from '@graftjs/conformance';
import type { DType, OpAttrs, OpName, TensorSpec } from '@graftjs/core';
import type { StepName } from './steps.ts';
import type { BenchCase, ConvGeometry, ConvPass } from './work.ts';

/** name, batch, channels, extent of each axis, filters, kernel, stride, groups. */
type Layer = readonly [string, number, number, number, number, number, number, number];

// prettier-ignore
const dense: readonly Layer[] = [
  ['3×3 64→64 at 56²',                 1,  64,  56,   64, 3, 1, 1],
  ['3×3 256→256 at 14²',               1, 256,  14,  256, 3, 1, 1],
  ['1×1 144→24 at 56²',                1, 144,  56,   24, 1, 1, 1],
  ['1×1 160→960 at 7²',                1, 160,   7,  960, 1, 1, 1],
  ['3×3 32→32 at 32², batch 16',      16,  32,  32,   32, 3, 1, 1],
  ['7×7 3→64 /2 at 224²',              1,   3, 224,   64, 7, 2, 1],
];

// prettier-ignore
const depthwise: readonly Layer[] = [
  ['depthwise 3×3 144 at 56²',         1, 144,  56,  144, 3, 1, 144],
  ['depthwise 3×3 144 /2 at 56²',      1, 144,  56,  144, 3, 2, 144],
];

/** Further shapes: small pictures, few channels, groups, several samples. */
// prettier-ignore
const shapes: readonly Layer[] = [
  ['3×3 128→128 at 14², batch 4',      4, 128,  14,  128, 3, 1, 1],
  ['3×3 64→128 /2 at 28², batch 4',    4,  64,  28,  128, 3, 2, 1],
  ['3×3 3→32 /2 at 96², batch 4',      4,   3,  96,   32, 3, 2, 1],
  ['3×3 128→128 in 32 groups at 28²',  2, 128,  28,  128, 3, 1, 32],
  ['1×1 32→16 at 48², batch 4',        4,  32,  48,   16, 1, 1, 1],
  ['1×1 96→24 at 24², batch 8',        8,  96,  24,   24, 1, 1, 1],
  ['1×1 384→96 at 6², batch 16',      16, 384,   6,   96, 1, 1, 1],
  ['1×1 320→1280 at 3², batch 16',    16, 320,   3, 1280, 1, 1, 1],
  ['1×1 960→160 at 7²',                1, 960,   7,  160, 1, 1, 1],
  ['depthwise 3×3 32 at 48²',          4,  32,  48,   32, 3, 1, 32],
  ['depthwise 3×3 144 /2 at 24²',      8, 144,  24,  144, 3, 2, 144],
  ['depthwise 3×3 384 at 6²',         16, 384,   6,  384, 3, 1, 384],
  ['depthwise 3×3 960 at 3²',         16, 960,   3,  960, 3, 1, 960],
  ['depthwise 5×5 64 at 28²',          4,  64,  28,   64, 5, 1, 64],
  ['depthwise ×2 3×3 32→64 at 28²',    4,  32,  28,   64, 3, 1, 32],
];

const PASSES: readonly ConvPass[] = ['forward', 'input gradient', 'weight gradient'];

function conv(group: string, name: string, geometry: ConvGeometry): BenchCase[] {
  return PASSES.map((pass) => ({ group: `${group} ${pass}`, name, work: { kind: 'conv', pass, geometry } }));
}

function layer(group: string, of: Layer, rank = 2): BenchCase[] {
  const [name, batch, channels, extent, filters, kernel, stride, groups] = of;
  const each = (n: number): number[] => new Array<number>(rank).fill(n);
  return conv(group, name, {
    batch,
    channels,
    filters,
    stride,
    groups,
    size: each(extent),
    kernel: each(kernel),
  });
}

const convs: readonly BenchCase[] = [
  ...dense.flatMap((l) => layer('convolution', l)),
  ...depthwise.flatMap((l) => layer('depthwise', l)),
  ...shapes.flatMap((l) => layer('other shapes', l)),
  ...layer('other shapes', ['1-D 9 64→64 at 400', 4, 64, 400, 64, 9, 1, 1], 1),
  ...layer('other shapes', ['3-D 3×3×3 16→16 at 16³', 2, 16, 16, 16, 3, 1, 1], 3),
];

const t = (shape: readonly number[], dtype: DType = 'float32'): TensorSpec => ({ shape, dtype });
const first = t([8, 64, 28, 28]);
const last = t([8, 28, 28, 64]);

function one<N extends OpName>(
  group: string,
  name: string,
  op: N,
  inputs: TensorSpec[],
  attrs: OpAttrs[N],
): BenchCase {
  return { group, name, work: { kind: 'primitive', op, inputs, attrs } };
}

const binary = (name: string, inputs: TensorSpec[], kind: OpAttrs['binary']['kind'] = 'mul'): BenchCase =>
  one('elementwise', name, 'binary', inputs, { kind });

const elementwise: readonly BenchCase[] = [
  ...(['relu', 'neg', 'sqrt', 'rsqrt', 'round', 'sign', 'exp', 'log', 'tanh', 'erf', 'sigmoid'] as const).map(
    (kind) => one('elementwise', kind, 'unary', [first], { kind }),
  ),
  ...(['add', 'mul', 'div', 'max', 'pow'] as const).map((kind) => binary(kind, [first, first], kind)),
  binary('mul by a scalar', [first, t([])]),
  binary('mul per channel, channels first', [first, t([64, 1, 1])]),
  binary('mul per channel, channels last', [last, t([64])]),
  binary('mul per sample and channel, channels first', [first, t([8, 64, 1, 1])]),
  binary('mul per sample and channel, channels last', [last, t([8, 1, 1, 64])]),
  binary('mul per channel, channels first, 3²', [t([8, 1280, 3, 3]), t([1280, 1, 1])]),
  binary('add int32', [t(first.shape, 'int32'), t([], 'int32')], 'add'),
  one('elementwise', 'greater than a scalar', 'compare', [first, t([])], { kind: 'greater' }),
  one('elementwise', 'equal int32', 'compare', [t([64, 100, 1], 'int32'), t([100], 'int32')], {
    kind: 'equal',
  }),
  one('elementwise', 'select', 'select', [t(first.shape, 'bool'), first, t([])], {}),
  one('elementwise', 'float32 to int32', 'cast', [first], { dtype: 'int32' }),
  one('elementwise', 'bool to float32', 'cast', [t(first.shape, 'bool')], { dtype: 'float32' }),
];

const reduce = (
  name: string,
  x: TensorSpec,
  axes: number[],
  kind: OpAttrs['reduce']['kind'] = 'sum',
): BenchCase => one('reductions', name, 'reduce', [x], { kind, axes, keepDims: false });

const reductions: readonly BenchCase[] = [
  reduce('sum of all', first, [0, 1, 2, 3]),
  reduce('sum per channel, channels first', first, [0, 2, 3]),
  reduce('sum per channel, channels last', last, [0, 1, 2]),
  reduce('sum per channel, channels first, 3²', t([16, 1280, 3, 3]), [0, 2, 3]),
  reduce('sum over positions, channels first', first, [2, 3]),
  reduce('sum over positions, channels last', last, [1, 2]),
  reduce('sum of rows of 10', t([10000, 10]), [1]),
  reduce('max of rows of 1000', t([400, 1000]), [1], 'max'),
  reduce('argmax of rows of 1000', t([400, 1000]), [1], 'argmax'),
  reduce('max over positions, channels last', last, [1, 2], 'max'),
];

const move = <N extends OpName>(name: string, op: N, inputs: TensorSpec[], attrs: OpAttrs[N]): BenchCase =>
  one('movement', name, op, inputs, attrs);

const movement: readonly BenchCase[] = [
  move('transpose NCHW to NHWC', 'transpose', [first], { perm: [0, 2, 3, 1] }),
  move('transpose NHWC to NCHW', 'transpose', [last], { perm: [0, 3, 1, 2] }),
  move('transpose 1000×1000', 'transpose', [t([1000, 1000])], { perm: [1, 0] }),
  move('slice half of the channels', 'slice', [first], {
    ...{ start: [0, 16, 0, 0], size: [8, 32, 28, 28], step: [1, 1, 1, 1] },
  }),
  move('slice every other column', 'slice', [first], {
    ...{ start: [0, 0, 0, 0], size: [8, 64, 28, 14], step: [1, 1, 1, 2] },
  }),
  move('pad by 1', 'pad', [first], {
    ...{ before: [0, 0, 1, 1], after: [0, 0, 1, 1], interior: [0, 0, 0, 0], value: 0 },
  }),
  move('concat of channels, channels first', 'concat', [first, first], { axis: 1 }),
  move('concat of channels, channels last', 'concat', [last, last], { axis: 3 }),
  move('broadcast per channel', 'broadcastTo', [t([64, 1, 1])], { shape: first.shape }),
  move('gather rows', 'gather', [t([8, 1024]), t([256], 'int32')], { axis: 0 }),
];

const both = (n: number): readonly (readonly [number, number])[] => [
  [n, n],
  [n, n],
];
const window = { kernel: [3, 3], stride: [2, 2], padding: both(1), dilation: [1, 1], ceilMode: false };

const pools: readonly BenchCase[] = (
  [
    ['channels first', 'channels-first', first, t([8, 64, 14, 14])],
    ['channels last', 'channels-last', last, t([8, 14, 14, 64])],
  ] as const
).flatMap(([name, layout, x, y]) => {
  const max = { ...window, layout };
  const average = { ...max, countIncludePad: false };
  return [
    one('pools', `max 3×3 /2, ${name}`, 'maxPool', [x], max),
    one('pools', `gradient of max 3×3 /2, ${name}`, 'maxPoolGrad', [x, y], max),
    one('pools', `average 3×3 /2, ${name}`, 'avgPool', [x], average),
    one('pools', `gradient of average 3×3 /2, ${name}`, 'avgPoolGrad', [y], {
      ...average,
      inputSize: [28, 28],
    }),
  ];
});

const product = (m: number, k: number, n: number, transposeB = false): BenchCase =>
  one(
    'products',
    `${m}×${k}×${n}${transposeB ? ', second transposed' : ''}`,
    'matmul',
    [t([m, k]), t(transposeB ? [n, k] : [k, n])],
    { transposeA: false, transposeB },
  );

const products: readonly BenchCase[] = [
  product(256, 256, 256),
  product(32, 1280, 1000),
  product(1, 1280, 1000),
  product(1, 1280, 1000, true),
];

const step = (group: string, name: string, of: StepName): BenchCase => ({
  group,
  name,
  work: { kind: 'step', step: of },
});

const networks: readonly BenchCase[] = [
  step('training steps', '32C3-64C3-pool-128-10, 28², batch 32, Adam', 'cnn'),
  step('training steps', 'MobileNetV2, 96², batch 16, SGD', 'mobilenet-v2'),
  step('training steps', 'ResNet-18, 64², batch 16, SGD', 'resnet-18'),
  step('forward passes', 'MobileNetV2 ×1.4, 224², its own layers', 'mobilenet-v2 forward'),
  step('forward passes', "MobileNetV2 ×1.4, 224², nsfwjs's file", 'nsfw forward'),
];

/** Layers of well-known networks, from the conformance suite: Graft's backends alone. */
const layers: readonly BenchCase[] = perfCases.map((c) => ({
  group: `layers ${c.layout ?? 'dense'}`,
  name: c.name,
  work: { kind: 'case', case: c },
}));

/** All that is measured, in the order of the report. */
export const benchCases: readonly BenchCase[] = [
  ...convs,
  ...products,
  ...elementwise,
  ...reductions,
  ...movement,
  ...pools,
  ...layers,
  ...networks,
];
