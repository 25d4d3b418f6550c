import { composite } from '../op.ts';
import { fail, wantListed, wantOneOf } from '../ops/check.ts';
import { perAxis, scalesOf, spatialAxes, type PerAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Layout } from '../types.ts';
import { cubicWeights, resampleAxis, type Taps } from './resample.ts';

export interface ResizeOptions {
  /**
   * `'linear'` is linear, bilinear or trilinear by the number of spatial axes, `'cubic'` likewise. Default `'nearest'`, which
   * takes any dtype.
   */
  readonly mode?: 'nearest' | 'linear' | 'cubic';
  /**
   * Not for nearest. True: the centres of the corner elements stay where they are; false (the default): the edges do, and
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
 * All modes are separable: one axis after the other, the last one first. Cubic: Keys (1981), a = −0.75.
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
  wantOneOf('resize', 'mode', mode, ['nearest', 'linear', 'cubic']);
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
      // Of equal extents, nearest is the identity unless it goes by a factor, and the others are.
      if (n === out && (mode !== 'nearest' || scales === undefined)) continue;
      y = resampleAxis(y, axis, out, tapsOf[mode](n, out, alignCorners, scales?.[i]));
    }
    return y;
  });
}

type TapsOfAxis = (
  n: number,
  out: number,
  alignCorners: boolean,
  scale: number | undefined,
) => (i: number) => Taps;

/** Where an output lies among n elements, before and behind which there may be more. */
function position(n: number, out: number, alignCorners: boolean, scale?: number): (i: number) => number {
  if (alignCorners) return (i) => (out > 1 ? (i * (n - 1)) / (out - 1) : 0);
  if (scale !== undefined) return (i) => (i + 0.5) / scale - 0.5;
  return (i) => ((i + 0.5) * n) / out - 0.5;
}

const tapsOf: Readonly<Record<'nearest' | 'linear' | 'cubic', TapsOfAxis>> = {
  /** By a factor, in float32 as PyTorch: its rounding decides where i / scale is whole. */
  nearest(n, out, _, scale) {
    const step = Math.fround(1 / (scale ?? 1));
    const at =
      scale === undefined
        ? (i: number) => Math.floor((i * n) / out)
        : (i: number) => Math.min(Math.floor(Math.fround(i * step)), n - 1);
    return (i) => [[at(i), 1]];
  },
  /** y[i] = (1 − t) · x[⌊s⌋] + t · x[⌊s⌋ + 1] with t = s − ⌊s⌋ and s the position of output i in the input. */
  linear(n, ...how) {
    const at = position(n, ...how);
    return (i) => {
      const s = Math.max(at(i), 0);
      const low = Math.min(Math.floor(s), n - 1);
      return [
        [low, 1 - (s - low)],
        [low + 1, s - low],
      ];
    };
  },
  cubic(n, ...how) {
    const at = position(n, ...how);
    return (i) => {
      const low = Math.floor(at(i));
      return cubicWeights(at(i) - low).map((w, k) => [low - 1 + k, w]);
    };
  },
};
