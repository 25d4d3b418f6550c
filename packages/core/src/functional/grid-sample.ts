import { composite } from '../op.ts';
import { fail, wantOneOf } from '../ops/check.ts';
import {
  abs,
  add,
  cast,
  clip,
  div,
  floor,
  gather,
  greaterEqual,
  lessEqual,
  logicalAnd,
  maximum,
  minimum,
  mul,
  reshape,
  round,
  select,
  slice,
  sub,
  tensor,
  transpose,
} from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { showShape } from '../types.ts';

export interface GridSampleOptions {
  /** Default `'bilinear'`. */
  readonly mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside the input: zeros (the default), the nearest element of the edge, or the mirror image. */
  readonly paddingMode?: 'zeros' | 'border' | 'reflection';
  /** True: −1 and 1 are the centres of the corner elements; false (the default): their outer edges. */
  readonly alignCorners?: boolean;
}
type Settled = Required<GridSampleOptions>;

/** Mirrors positions until they lie between the first and the last element (or their outer edges). */
function reflected(p: Tensor, n: number, alignCorners: boolean): Tensor {
  const low = alignCorners ? 0 : -0.5;
  const span = alignCorners ? n - 1 : n;
  if (span === 0) return mul(p, 0);
  const from = abs(sub(p, low));
  const rest = sub(from, mul(floor(div(from, 2 * span)), 2 * span));
  return add(minimum(rest, sub(2 * span, rest)), low);
}

/** Positions as the padding wants them, before they are rounded to elements. */
function bounded(p: Tensor, n: number, o: Settled): Tensor {
  if (o.paddingMode === 'zeros') return p;
  return clip(o.paddingMode === 'border' ? p : reflected(p, n, o.alignCorners), 0, n - 1);
}

/** Elements along one axis that a position is made of, and their weights: both one number per position. */
function tapsOf(p: Tensor, n: number, o: Settled): { at: Tensor; weight: Tensor | null }[] {
  if (o.mode === 'nearest') return [{ at: round(bounded(p, n, o)), weight: null }];
  if (o.mode === 'bilinear') {
    const inside = bounded(p, n, o);
    const low = floor(inside);
    const t = sub(inside, low);
    return [
      { at: low, weight: sub(1, t) },
      { at: add(low, 1), weight: t },
    ];
  }
  const low = floor(p);
  const t = sub(p, low);
  const a = -0.75;
  const near = (d: Tensor): Tensor => add(mul(sub(mul(d, a + 2), a + 3), mul(d, d)), 1);
  const far = (d: Tensor): Tensor => sub(mul(add(mul(sub(mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
  return [far(add(t, 1)), near(t), near(sub(1, t)), far(sub(2, t))].map((weight, k) => ({
    at: bounded(add(low, k - 1), n, o),
    weight,
  }));
}

/**
 * Reads an image at positions: `y[n, c, i, j] = x[n, c, grid[n, i, j, 1], grid[n, i, j, 0]]`, the coordinates from −1 to 1
 * over the input. Differentiable in x and in the grid. (Jaderberg et al., 2015, arXiv:1506.02025; torch's grid_sample)
 * @param x `[n, c, h, w]`, float32.
 * @param grid `[n, height, width, 2]`, x before y.
 * @returns `[n, c, height, width]`.
 * @throws ShapeError on shapes that do not fit, and on words that are not known.
 * @example
 * const x = reshape(tensor([1, 2, 3, 4]), [1, 1, 2, 2]);
 * const centre = zeros([1, 1, 1, 2]);
 * gridSample(x, centre); // → [[[[2.5]]]]
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const o: Settled = { mode: 'bilinear', paddingMode: 'zeros', alignCorners: false, ...options };
  wantOneOf('gridSample', 'mode', o.mode, ['bilinear', 'nearest', 'bicubic']);
  wantOneOf('gridSample', 'paddingMode', o.paddingMode, ['zeros', 'border', 'reflection']);
  if (x.rank !== 4 || grid.rank !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0])
    fail('gridSample', `a grid ${showShape(grid.shape)} for an input ${showShape(x.shape)}`);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [, height, width] = grid.shape as [number, number, number, number];
  return composite(() => {
    const rows = reshape(transpose(x, [0, 2, 3, 1]), [n * h * w, c]);
    const coordinate = (k: number, extent: number): Tensor => {
      const g = reshape(slice(grid, 3, k, k + 1), [-1, 1]);
      return o.alignCorners ? mul(add(g, 1), (extent - 1) / 2) : mul(sub(mul(add(g, 1), extent), 1), 0.5);
    };
    const [across, down] = [tapsOf(coordinate(0, w), w, o), tapsOf(coordinate(1, h), h, o)];
    const sample = tensor(
      Int32Array.from({ length: n * height * width }, (_, i) => Math.floor(i / (height * width)) * h * w),
      [n * height * width, 1],
      { backend: x.backend },
    );
    const within = (p: Tensor, extent: number): Tensor =>
      logicalAnd(greaterEqual(p, 0), lessEqual(p, extent - 1));
    const index = (p: Tensor, extent: number): Tensor => cast(minimum(maximum(p, 0), extent - 1), 'int32');
    let y: Tensor | null = null;
    for (const v of down) {
      for (const u of across) {
        const at = add(add(mul(index(v.at, h), w), index(u.at, w)), sample);
        let part = gather(rows, reshape(at, [at.size]));
        if (u.weight && v.weight) part = mul(part, mul(u.weight, v.weight));
        if (o.paddingMode === 'zeros') part = select(logicalAnd(within(u.at, w), within(v.at, h)), part, 0);
        y = y ? add(y, part) : part;
      }
    }
    return transpose(reshape(y!, [n, height, width, c]), [0, 3, 1, 2]);
  });
}
