import { composite } from '../op.ts';
import { add, gather, mul, tensor } from '../ops/index.ts';
import { fail, normalizeAxis, wantListed, wantOneOf, wantWhole } from '../ops/check.ts';
import { inPieces } from '../ops/pieces.ts';
import { perAxis, spatialAxes, type PerAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Layout } from '../types.ts';

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

/** Factors on spatial extents, one each. */
export function scalesOf(op: string, scale: PerAxis, rank: number): number[] {
  const list = typeof scale === 'number' ? new Array<number>(rank).fill(scale) : [...scale];
  if (list.length !== rank)
    fail(op, `scale [${list.join(', ')}] has ${list.length} entries for ${rank} spatial axes`);
  for (const s of list)
    if (!(s > 0 && Number.isFinite(s))) fail(op, `scale ${s} must be a number greater than 0`);
  return list;
}

/** The elements that an output is made of, and their weights; those beyond an end stand for the last one there. */
export type Taps = readonly (readonly [index: number, weight: number])[];
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

/**
 * Weights of the elements ⌊s⌋ − 1 … ⌊s⌋ + 2 for a position s with t = s − ⌊s⌋. (Keys, 1981, doi:10.1109/TASSP.1981.1163711)
 * @param a The slope: −0.75 in PyTorch, OpenCV and ONNX, −0.5 in TensorFlow and Pillow.
 * @example
 * cubicWeights(0); // → [0, 1, 0, 0]
 */
export function cubicWeights(t: number, a = -0.75): number[] {
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/**
 * Makes an axis anew: every output element is a weighted sum of elements along it, as in all kinds of interpolation. Linear
 * in x, and differentiable.
 * @param x Any shape with that axis; float32, or any dtype where each output is one element with the weight 1.
 * @param count The new extent; x's other axes stay.
 * @param taps What output i is made of: equally many elements for each i. Those beyond an end stand for the last one there.
 * @throws ShapeError where there is no such axis, and where it has no element.
 * @example
 * resampleAxis(tensor([1, 3, 5]), 0, 2, (i) => [[i, 0.5], [i + 1, 0.5]]); // → [2, 4]
 */
export function resampleAxis(x: Tensor, axis: number, count: number, taps: (i: number) => Taps): Tensor {
  const op = 'resampleAxis';
  const along = normalizeAxis(op, axis, x.rank);
  wantWhole(op, 'count', count);
  const n = x.shape[along]!;
  if (n === 0 && count > 0) fail(op, `${showShape(x.shape)} has no element on axis ${along} to repeat`);
  const shape = x.shape.map((d, i) => (i === along ? count : d));
  wantListed(op, along, { dtype: x.dtype, shape }, x.backend);
  const behind = new Array<number>(x.rank - 1 - along).fill(1);
  const width = count > 0 ? taps(0).length : 1;
  return composite(() =>
    inPieces(along, count, (from, m) => {
      const index = Array.from({ length: width }, () => new Int32Array(m));
      const weight = Array.from({ length: width }, () => new Float64Array(m));
      for (let i = 0; i < m; i++) {
        const own = taps(from + i);
        for (let k = 0; k < width; k++) {
          index[k]![i] = Math.min(Math.max(own[k]![0], 0), n - 1);
          weight[k]![i] = own[k]![1];
        }
      }
      const parts = index.map((list, k) => {
        const picked = gather(x, list, along);
        if (width === 1 && weight[0]!.every((w) => w === 1)) return picked;
        return mul(picked, tensor(weight[k]!, [m, ...behind], { backend: x.backend }));
      });
      return parts.reduce((y, part) => add(y, part));
    }),
  );
}
