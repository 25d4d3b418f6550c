import { sizeOf, type DType, type Layout, type Shape, type TensorSpec } from '@graftjs/core';
import { type OpAttrs, type OpName, type OpInputs } from '@graftjs/core/backend';
import { outputOf, type BenchCase } from './work.ts';

/** Everything but convolutions: primitives on shapes as they come in networks, and what stays in the cache. */

const t = (shape: Shape, dtype: DType = 'float32'): TensorSpec => ({ shape, dtype });
const first = t([16, 96, 48, 48]);
const last = t([16, 48, 48, 96]);
const bool = t(first.shape, 'bool');
const small = t([16, 24, 8, 8]);

function one<N extends OpName>(
  group: string,
  name: string,
  op: N,
  inputs: OpInputs<TensorSpec>[N],
  attrs: OpAttrs[N],
): BenchCase {
  const work = { kind: 'primitive', op, inputs, attrs } as const;
  const elements = Math.max(sizeOf(outputOf<N>(work).shape), sizeOf(inputs[0]!.shape));
  return { group, name, work, ...(op !== 'matmul' && { elements }) };
}

const unary = (kind: OpAttrs['unary']['kind'], x = first, name: string = kind): BenchCase =>
  one('elementwise', name, 'unary', [x], { kind });
const binary = (name: string, kind: OpAttrs['binary']['kind'], a: TensorSpec, b: TensorSpec): BenchCase =>
  one('elementwise', name, 'binary', [a, b], { kind });
const cast = (name: string, x: TensorSpec, dtype: DType): BenchCase =>
  one('elementwise', name, 'cast', [x], { dtype });

const elementwise: readonly BenchCase[] = [
  unary('relu'),
  unary('relu', small, 'relu, in the cache'),
  ...(['neg', 'sqrt', 'rsqrt', 'round', 'sign', 'exp', 'log', 'tanh', 'erf', 'sigmoid'] as const).map(
    (kind) => unary(kind),
  ),
  ...(['add', 'mul', 'div', 'max', 'pow'] as const).map((kind) => binary(kind, kind, first, first)),
  binary('add of 4', 'add', t([4]), t([4])),
  binary('add, in the cache', 'add', small, small),
  binary('add per channel, channels first', 'add', first, t([96, 1, 1])),
  binary('add per channel, channels first, 3²', 'add', t([16, 960, 3, 3]), t([960, 1, 1])),
  binary('add per channel, channels last', 'add', last, t([96])),
  binary('add per channel, channels last, 3 channels', 'add', t([16, 224, 224, 3]), t([3])),
  binary('add per row', 'add', t([4096, 256]), t([4096, 1])),
  binary('mul per sample and channel, channels first', 'mul', first, t([16, 96, 1, 1])),
  binary('mul per sample and channel, channels last', 'mul', last, t([16, 1, 1, 96])),
  binary('mul by a scalar', 'mul', first, t([])),
  binary('add int32', 'add', t(first.shape, 'int32'), t([], 'int32')),
  binary('and', 'min', bool, bool),
  one('elementwise', 'greater than a scalar', 'compare', [first, t([])], { kind: 'greater' }),
  one('elementwise', 'equal int32', 'compare', [t([64, 100, 1], 'int32'), t([100], 'int32')], {
    kind: 'equal',
  }),
  one('elementwise', 'select', 'select', [bool, first, t([])], {}),
  unary('not', bool),
  cast('float32 to int32', first, 'int32'),
  cast('float32 to bool', first, 'bool'),
  cast('bool to float32', bool, 'float32'),
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
  reduce('sum per channel, channels first, 3²', t([16, 960, 3, 3]), [0, 2, 3]),
  reduce('sum per channel, channels last', last, [0, 1, 2]),
  reduce('sum over positions, channels first', t([16, 1280, 7, 7]), [2, 3]),
  reduce('sum over positions, channels last', t([16, 7, 7, 1280]), [1, 2]),
  reduce('sum of rows of 10', t([100000, 10]), [1]),
  ...(['max', 'argmax'] as const).flatMap((kind) => [
    reduce(`${kind} of rows of 1000`, t([1000, 1000]), [1], kind),
    reduce(`${kind} of rows of 10`, t([100000, 10]), [1], kind),
    reduce(`${kind} over channels, channels first`, first, [1], kind),
  ]),
  reduce('max over positions, channels last', last, [1, 2], 'max'),
];

const move = <N extends OpName>(
  name: string,
  op: N,
  inputs: OpInputs<TensorSpec>[N],
  attrs: OpAttrs[N],
): BenchCase => one('movement', name, op, inputs, attrs);
const transpose = (name: string, shape: Shape, perm: number[]): BenchCase =>
  move(`transpose ${name}`, 'transpose', [t(shape)], { perm });
const slice = (name: string, x: TensorSpec, start: number[], size: number[], step: number[]): BenchCase =>
  move(`slice ${name}`, 'slice', [x], { start, size, step });

const movement: readonly BenchCase[] = [
  transpose('NCHW to NHWC', first.shape, [0, 2, 3, 1]),
  transpose('NHWC to NCHW', last.shape, [0, 3, 1, 2]),
  transpose('NCHW to NHWC, 3 channels', [16, 3, 224, 224], [0, 2, 3, 1]),
  transpose('NHWC to NCHW, 3 channels', [16, 224, 224, 3], [0, 3, 1, 2]),
  transpose('OIHW to HWIO', [256, 256, 3, 3], [2, 3, 1, 0]),
  transpose('HWIO to OIHW', [3, 3, 256, 256], [3, 2, 0, 1]),
  transpose('1024×1024', [1024, 1024], [1, 0]),
  slice('channels, channels first', first, [0, 8, 0, 0], [16, 64, 48, 48], [1, 1, 1, 1]),
  slice('channels, channels last', last, [0, 0, 0, 8], [16, 48, 48, 64], [1, 1, 1, 1]),
  slice('every second position', first, [0, 0, 0, 0], [16, 96, 24, 24], [1, 1, 2, 2]),
  move('pad by 1', 'pad', [first], {
    ...{ before: [0, 0, 1, 1], after: [0, 0, 1, 1], interior: [0, 0, 0, 0], value: 0 },
  }),
  move('concat channels, channels first', 'concat', [first, first], { axis: 1 }),
  move('concat channels, channels last', 'concat', [last, last], { axis: 3 }),
  move('broadcast per channel', 'broadcastTo', [t([96, 1, 1])], { shape: first.shape }),
  move('gather rows', 'gather', [t([10000, 128]), t([5000], 'int32')], { axis: 0 }),
  move('gather columns', 'gather', [t([1000, 1000]), t([500], 'int32')], { axis: 1 }),
  move('scatterAdd rows', 'scatterAdd', [t([5000, 128]), t([5000], 'int32')], { axis: 0, size: 10000 }),
];

function poolsOf(kernel: number, pad: number, layout: Layout): BenchCase[] {
  const isFirst = layout === 'channels-first';
  const [x, y] = isFirst ? [first, t([16, 96, 24, 24])] : [last, t([16, 24, 24, 96])];
  const both = <T>(v: T): readonly T[] => [v, v];
  const max = {
    ...{ kernel: both(kernel), stride: both(2), padding: both([pad, pad] as const), dilation: both(1) },
    ...{ ceilMode: false, layout },
  };
  const average = { ...max, countIncludePad: false };
  const name = `${kernel}×${kernel} /2, ${isFirst ? 'channels first' : 'channels last'}`;
  return [
    one('pools', `max ${name}`, 'maxPool', [x], max),
    one('pools', `gradient of max ${name}`, 'maxPoolGrad', [x, y], max),
    one('pools', `average ${name}`, 'avgPool', [x], average),
    one('pools', `gradient of average ${name}`, 'avgPoolGrad', [y], { ...average, inputSize: [48, 48] }),
  ];
}

const product = (m: number, k: number, n: number, transposeB = false): BenchCase =>
  one(
    'products',
    `${m}×${k}×${n}${transposeB ? ', second transposed' : ''}`,
    'matmul',
    [t([m, k]), t(transposeB ? [n, k] : [k, n])],
    { transposeA: false, transposeB },
  );

export const primitiveCases: readonly BenchCase[] = [
  product(256, 256, 256),
  product(32, 1280, 1000),
  product(1, 1280, 1000),
  product(1, 1280, 1000, true),
  ...elementwise,
  ...reductions,
  ...movement,
  ...(['channels-first', 'channels-last'] as const).flatMap((layout) => [
    ...poolsOf(2, 0, layout),
    ...poolsOf(3, 1, layout),
  ]),
];
