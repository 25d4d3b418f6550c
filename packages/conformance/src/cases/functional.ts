import {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  cos,
  cosh,
  cumsum,
  einsum,
  floorDivide,
  fmod,
  gatherNd,
  gridSample,
  localResponseNorm,
  lpPool,
  pixelShuffle,
  pixelUnshuffle,
  prod,
  putAlongAxis,
  remainder,
  scatterNd,
  sin,
  sinh,
  sort,
  takeAlongAxis,
  tan,
  topK,
  truncDivide,
  type GridSampleOptions,
  type Tensor,
} from '@graftjs/core';
import { resampleAxis } from '@graftjs/core/extend';
import { composite, type Case } from './case.ts';
import { distinct, f32, i32, nonzero, range, values, type Fill, type InputSpec } from './data.ts';

/**
 * How far slopes of polynomials are off. The sine's on [0, π/2]: 6.4 · 10⁻⁹, here as a share of slopes that are ½ and more on
 * the average, and a tangent has two of them. The arctangent's on |x| ≤ tan(π/8): 2.3 · 10⁻⁶ of the slope.
 */
const [SINE, ARCTANGENT] = [2 ** -24, 2 ** -18];
/** Of each, less than one half turn is taken away: in float64 halves of whole numbers count as rounded, and ⌊1⌋ is open then. */
const ANGLES = range(-3, 4.6);

const functions: Readonly<Record<string, readonly [f: (x: Tensor) => Tensor, Fill, slopeWithin?: number]>> = {
  sin: [sin, ANGLES, SINE],
  'sin of some turns': [sin, range(-90, 90)],
  'sin of 10⁴ and more': [sin, values(1e4, -12345.678, 3e6, -7.7e8, 1.5e20, 2.5e30)],
  cos: [cos, ANGLES, SINE],
  'cos of some turns': [cos, range(-90, 90)],
  'cos of 10⁴ and more': [cos, values(1e4, -12345.678, 3e6, -7.7e8, 1.5e20, 2.5e30)],
  tan: [tan, range(-1.25, 1.25), SINE],
  asin: [asin, range(-0.875, 0.875), ARCTANGENT],
  acos: [acos, range(-0.875, 0.875), ARCTANGENT],
  atan: [atan, range(-3, 3), ARCTANGENT],
  sinh: [sinh, nonzero],
  cosh: [cosh, range(-3, 3)],
  asinh: [asinh, nonzero],
  acosh: [acosh, range(1.25, 9)],
  atanh: [atanh, range(0.25, 0.875)],
};

const pointwise = Object.entries(functions).map(([name, [f, fill, slopeWithin = 0]]) => {
  const [op, ...what] = name.split(' ');
  const without = what.length > 0;
  return composite(op!, ['[4, 9]', ...what].join(' '), [f32([4, 9], fill)], f, {
    ...(slopeWithin > 0 && { slopeWithin }),
    // See `ANGLES`; and far out, a step of 2⁻¹⁷ is none.
    ...(without && { gradients: [] }),
  });
});

/** Whole quotients are kept off: where a backend's division is not correctly rounded, they are open before they are corrected. */
const divided = [i32([12], values(7, -7, 20, -20, 101, -101)), i32([12], values(3, 3, -6, -3, 7, -9))];
const divisions: Case[] = [
  ...[truncDivide, floorDivide, fmod, remainder].map((f) =>
    composite(f.name, 'of int32', divided, (a, b) => f(a, b)),
  ),
  ...[fmod, remainder].map((f) =>
    composite(
      f.name,
      'of float32',
      [f32([6], values(7.25, -7.25, 0.5, -20.5, 3, -1)), f32([6], values(2, 1.5, 4, -3.25, -2.5, -0.75))],
      (a, b) => f(a, b),
    ),
  ),
];

const exact = { exact: true };
const indexing: Case[] = [
  composite(
    'takeAlongAxis',
    'by nested arrays',
    [f32([3, 2])],
    (x) =>
      takeAlongAxis(
        x,
        [
          [1, -1],
          [0, 1],
        ],
        0,
      ),
    exact,
  ),
  composite(
    'takeAlongAxis',
    'by a tensor',
    [f32([2, 4]), i32([2, 3], values(3, -4, 0, -1, 2, 2))],
    (x, at) => takeAlongAxis(x, at, 1),
    exact,
  ),
  composite(
    'gatherNd',
    'slices, one batch axis',
    [f32([2, 2, 3])],
    (x) => gatherNd(x, [[1], [-2]], 1),
    exact,
  ),
  composite('gatherNd', 'elements', [f32([2, 3, 2])], (x) => gatherNd(x, [[[1, 2, 0]], [[0, -1, 1]]]), exact),
  ...(['none', 'add', 'mul', 'max', 'min'] as const).flatMap((reduction) => [
    composite(
      'putAlongAxis',
      `some twice, ${reduction}`,
      [f32([3, 3], distinct), f32([2, 3], nonzero)],
      (x, y) =>
        putAlongAxis(
          x,
          [
            [1, 0, 2],
            [1, 2, -2],
          ],
          y,
          0,
          { reduction },
        ),
    ),
    composite(
      'scatterNd',
      `some twice, ${reduction}`,
      [f32([4, 2], distinct), f32([3, 2], nonzero)],
      (x, y) => scatterNd(x, [[1], [1], [-1]], y, { reduction }),
    ),
  ]),
  composite('topK', 'the largest on axis 1', [f32([2, 5, 3], distinct)], (x) => {
    const { values: y, indices } = topK(x, 3, { axis: 1 });
    return [y, indices];
  }),
  composite(
    'topK',
    'the largest, NaN among them',
    [f32([3, 6], values(1, NaN, Infinity, -Infinity, 2))],
    (x) => topK(x, 3).indices,
    {
      special: true,
    },
  ),
  ...[false, true].map((descending) =>
    composite('sort', descending ? 'descending' : 'on axis 0', [f32([5, 3], distinct)], (x) => {
      const { values: y, indices } = sort(x, descending ? { descending } : { axis: 0 });
      return [y, indices];
    }),
  ),
  composite('topK', 'the smallest', [f32([3, 6], distinct)], (x) => topK(x, 2, { largest: false }).values),
];

const sums: Case[] = [
  composite('cumsum', 'on axis 1', [f32([3, 5, 2])], (x) => cumsum(x, 1), exact),
  composite(
    'cumsum',
    'exclusive, from the end',
    [f32([3, 5])],
    (x) => cumsum(x, -1, { exclusive: true, reverse: true }),
    exact,
  ),
  composite('prod', 'of five and of three', [f32([5, 2, 3], nonzero)], (x) => prod(x, [0, 2])),
  composite('prod', 'with zeros', [f32([3, 4], values(0, 2, -1, 3, 0, 0.5, 0))], (x) =>
    prod(x, 1, { keepDims: true }),
  ),
  composite(
    'einsum',
    'of two, transposed',
    [f32([2, 3, 4]), f32([2, 4, 3])],
    (a, b) => einsum('bij,bjk->kbi', a, b),
    exact,
  ),
  composite('einsum', 'of a diagonal', [f32([2, 3, 3])], (a) => einsum('...ii->...i', a), exact),
  composite(
    'einsum',
    'of three, one sum alone',
    [f32([2, 3]), f32([3, 2]), f32([2, 4])],
    (a, b, c) => einsum('ij,jk,kl->i', a, b, c),
    exact,
  ),
  composite(
    'einsum',
    'with a broadcast extent',
    [f32([2, 1]), f32([3, 4])],
    (a, b) => einsum('ij,jk->ik', a, b),
    exact,
  ),
];

const grids = [
  { mode: 'bilinear' },
  { mode: 'bilinear', paddingMode: 'border', alignCorners: true },
  { mode: 'bicubic', paddingMode: 'reflection', alignCorners: true },
  { mode: 'nearest', paddingMode: 'reflection' },
] as const satisfies GridSampleOptions[];

const images: Case[] = [
  ...grids.map((options) =>
    composite(
      'gridSample',
      Object.entries(options)
        .map(([key, value]) => (typeof value === 'string' ? value : key))
        .join(', '),
      // No position near one where the elements that count change.
      [f32([1, 2, 3, 4]), f32([1, 2, 2, 2], values(-0.61, 0.13, 0.31, -0.83, 0.67, 0.43, -0.17, 0.91))],
      (x, grid) => gridSample(x, grid, options),
      options.mode === 'nearest' ? { gradients: [0] } : {},
    ),
  ),
  composite('lpPool', 'p 2', [f32([1, 2, 4, 5], nonzero)], (x) => lpPool(x, 2, [2, 3], { stride: [2, 1] }), {
    rank: 2,
    layout: 'channels-first',
  }),
  composite(
    'lpPool',
    'p 3, padded, channels-last',
    [f32([1, 4, 5, 2], nonzero)],
    (x) => lpPool(x, 3, 2, { padding: 1, layout: 'channels-last' }),
    { rank: 2, layout: 'channels-last' },
  ),
  composite('localResponseNorm', 'three of five channels', [f32([1, 5, 2, 2])], (x) =>
    localResponseNorm(x, 3, { alpha: 0.5, k: 1.5 }),
  ),
  composite('localResponseNorm', 'two of four channels', [f32([2, 4, 3])], (x) =>
    localResponseNorm(x, 2, { beta: 1 }),
  ),
  ...(['channels-first', 'channels-last'] as const).flatMap((layout) =>
    (['CRD', 'DCR'] as const).flatMap((order) => {
      const inLayout = (c: number, h: number, w: number): InputSpec =>
        f32(layout === 'channels-first' ? [2, c, h, w] : [2, h, w, c]);
      const more = { ...exact, rank: 2, layout } as const;
      const [what, options] = [`by 2, ${order}, ${layout}`, { layout, order }];
      return [
        composite('pixelShuffle', what, [inLayout(12, 3, 2)], (x) => pixelShuffle(x, 2, options), more),
        composite('pixelUnshuffle', what, [inLayout(3, 4, 6)], (x) => pixelUnshuffle(x, 2, options), more),
      ];
    }),
  ),
  composite(
    'pixelShuffle',
    'of int32, by 3',
    [i32([1, 9, 1, 2], values(...Array.from({ length: 18 }, (_, i) => i)))],
    (x) => pixelShuffle(x, 3),
    exact,
  ),
  composite('resampleAxis', 'three elements each', [f32([2, 4, 2])], (x) =>
    resampleAxis(x, 1, 3, (i) => [
      [i - 1, 0.25],
      [i, 0.5],
      [i + 2, 0.25],
    ]),
  ),
];

export const functionalCases: readonly Case[] = [...pointwise, ...divisions, ...indexing, ...sums, ...images];
