import { composite } from '../op.ts';
import { add, gather, mul, tensor } from '../ops/index.ts';
import { fail, wantListed, wantOneOf } from '../ops/check.ts';
import { gatherFrom, inPieces } from '../ops/pieces.ts';
import { perAxis, spatialAxes, type PerAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Layout } from '../types.ts';

export interface ResizeOptions {
  /** `'linear'` is linear, bilinear or trilinear by the number of spatial axes. Default `'nearest'`. */
  readonly mode?: 'nearest' | 'linear';
  /**
   * Linear only. True: the centres of the corner elements stay where they are; false (the default): the edges do, and
   * positions outside take the nearest element.
   */
  readonly alignCorners?: boolean;
  /**
   * The factors that the size was rounded down from. Then positions go by them, as in PyTorch's `interpolate` with
   * `scale_factor`: output i lies at i / scale, and what is left over is left out at the far end. Default: the size over
   * the input's extent.
   */
  readonly scale?: PerAxis | undefined;
  /** Default channels-first. */
  readonly layout?: Layout;
}

/**
 * Interpolates the spatial axes to new extents; the conventions are those of PyTorch's `interpolate`.
 * Linear is separable: one axis after the other, the last one first.
 * @param x `[n, c, ...spatial]` (or channels-last) with 1, 2 or 3 spatial axes.
 * @param size New spatial extents.
 * @returns `[n, c, ...size]`.
 * @throws ShapeError on arguments, OutOfMemoryError where there can be no room for the result.
 * @example
 * resize(tensor([[[1, 3]]]), 4); // → [[[1, 1, 3, 3]]]
 * resize(tensor([[[1, 3]]]), 4, { mode: 'linear' }); // → [[[1, 1.5, 2.5, 3]]]
 */
export function resize(x: Tensor, size: PerAxis, options: ResizeOptions = {}): Tensor {
  const { mode = 'nearest', alignCorners = false, layout = 'channels-first' } = options;
  const rank = x.rank - 2;
  if (rank < 1 || rank > 3) fail('resize', `input ${showShape(x.shape)} must have 3, 4 or 5 axes`);
  wantOneOf('resize', 'mode', mode, ['nearest', 'linear']);
  const target = perAxis('resize', 'size', size, rank, 1);
  const scales = options.scale === undefined ? undefined : scalesOf('resize', options.scale, rank);
  const axes = spatialAxes(layout, x.rank);
  if (axes.some((a) => x.shape[a] === 0))
    fail('resize', `input ${showShape(x.shape)} has no element to interpolate`);
  const shape = [...x.shape];
  axes.forEach((axis, i) => (shape[axis] = target[i]!));
  for (const axis of axes) wantListed('resize', axis, { dtype: x.dtype, shape }, x.backend);
  return composite(() => {
    let y = x;
    for (let i = rank - 1; i >= 0; i--) {
      const [axis, out] = [axes[i]!, target[i]!];
      const n = y.shape[axis]!;
      // Of equal extents, linear is the identity, and nearest unless it goes by a factor.
      if (n === out && (mode === 'linear' || scales === undefined)) continue;
      y =
        mode === 'nearest'
          ? gatherFrom('resize', y, axis, out, nearest(n, out, scales?.[i]))
          : lerp(y, axis, out, linear(n, out, alignCorners, scales?.[i]));
    }
    return y;
  });
}

/** Factors on spatial extents, one each. */
export function scalesOf(op: string, scale: PerAxis, rank: number): number[] {
  const list = typeof scale === 'number' ? new Array<number>(rank).fill(scale) : [...scale];
  if (list.length !== rank)
    fail(op, `scale [${list.join(', ')}] has ${list.length} entries for ${rank} spatial axes`);
  for (const s of list)
    if (!(s > 0 && Number.isFinite(s))) fail(op, `scale ${s} must be a number greater than 0`);
  return list;
}

type Position = (i: number) => number;

/** Which element of n an output takes. By a factor, in float32 as PyTorch: its rounding decides where i / scale is whole. */
function nearest(n: number, out: number, scale: number | undefined): Position {
  if (scale === undefined) return (i) => Math.floor((i * n) / out);
  const step = Math.fround(1 / scale);
  return (i) => Math.min(Math.floor(Math.fround(i * step)), n - 1);
}

/** Where an output lies among n elements. */
function linear(n: number, out: number, alignCorners: boolean, scale: number | undefined): Position {
  if (alignCorners) return (i) => (out > 1 ? (i * (n - 1)) / (out - 1) : 0);
  if (scale !== undefined) return (i) => Math.max((i + 0.5) / scale - 0.5, 0);
  return (i) => Math.max(((i + 0.5) * n) / out - 0.5, 0);
}

/** y[i] = (1 − t) · x[⌊s⌋] + t · x[⌊s⌋ + 1] with t = s − ⌊s⌋ and s the position of output i in the input. */
function lerp(x: Tensor, axis: number, out: number, position: Position): Tensor {
  const n = x.shape[axis]!;
  const behind = new Array<number>(x.rank - 1 - axis).fill(1);
  return inPieces(axis, out, (from, count) => {
    const [low, high] = [new Int32Array(count), new Int32Array(count)];
    const [before, after] = [new Float64Array(count), new Float64Array(count)];
    for (let i = 0; i < count; i++) {
      const s = position(from + i);
      const at = Math.min(Math.floor(s), n - 1);
      low[i] = at;
      high[i] = Math.min(at + 1, n - 1);
      after[i] = s - at;
      before[i] = 1 - after[i]!;
    }
    const weight = (values: Float64Array): Tensor =>
      tensor(values, [count, ...behind], { backend: x.backend });
    return add(mul(gather(x, low, axis), weight(before)), mul(gather(x, high, axis), weight(after)));
  });
}
