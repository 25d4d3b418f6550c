import { composite } from '../op.ts';
import { reshape, transpose } from '../ops/index.ts';
import { fail, wantListed, wantOneOf, wantWhole } from '../ops/check.ts';
import {
  activationShape,
  channelAxis,
  perAxis,
  scalesOf,
  spatialAxes,
  spatialOf,
  type PerAxis,
} from '../ops/spatial.ts';
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

export interface PixelShuffleOptions {
  /** Default channels-first. */
  readonly layout?: Layout;
  /**
   * Where the channels have row i and column j of the blocks of channel k, of c: `'CRD'`, PyTorch's (the default), at
   * (k · factor + i) · factor + j, `'DCR'`, TensorFlow's, at (i · factor + j) · c + k. The names are ONNX's.
   */
  readonly order?: 'CRD' | 'DCR';
}

/**
 * Channels become positions: each pixel a block of factor × factor pixels. PyTorch's `pixel_shuffle`, TensorFlow's
 * `depth_to_space` with the order `'DCR'`. (Shi et al., 2016, arXiv:1609.05158)
 * @param x `[n, c · factor², h, w]` (or channels-last), any dtype.
 * @returns `[n, c, h · factor, w · factor]`.
 * @throws ShapeError where x has not 4 axes, its channels do not divide into blocks, or an argument is none.
 * @example
 * pixelShuffle(tensor([1, 2, 3, 4], [1, 4, 1, 1]), 2); // → [[[[1, 2], [3, 4]]]]
 * pixelShuffle(zeros([1, 27, 8, 8]), 3).shape; // → [1, 3, 24, 24]
 */
export function pixelShuffle(x: Tensor, factor: number, options: PixelShuffleOptions = {}): Tensor {
  return shuffled('pixelShuffle', x, factor, options);
}

/**
 * The inverse of `pixelShuffle`: blocks of factor × factor pixels become channels. PyTorch's `pixel_unshuffle`, TensorFlow's
 * `space_to_depth` with the order `'DCR'`.
 * @param x `[n, c, h · factor, w · factor]` (or channels-last), any dtype.
 * @returns `[n, c · factor², h, w]`.
 * @throws ShapeError where x has not 4 axes, its extents do not divide into blocks, or an argument is none.
 * @example
 * pixelUnshuffle(tensor([[[[1, 2], [3, 4]]]]), 2); // → [[[[1]], [[2]], [[3]], [[4]]]]
 */
export function pixelUnshuffle(x: Tensor, factor: number, options: PixelShuffleOptions = {}): Tensor {
  return shuffled('pixelUnshuffle', x, factor, options);
}

function shuffled(
  op: 'pixelShuffle' | 'pixelUnshuffle',
  x: Tensor,
  factor: number,
  { layout = 'channels-first', order = 'CRD' }: PixelShuffleOptions,
): Tensor {
  wantWhole(op, 'factor', factor, 1);
  wantOneOf(op, 'order', order, ['CRD', 'DCR']);
  if (x.rank !== 4) fail(op, `input has shape ${showShape(x.shape)}, it must have 4 axes`);
  const widens = op === 'pixelShuffle';
  const [channels, area] = [x.shape[channelAxis(layout, 4)]!, factor * factor];
  const extents = spatialOf(layout, x.shape);
  if (widens && channels % area !== 0)
    fail(op, `${channels} channels do not divide into blocks of ${factor} × ${factor}`);
  if (!widens && extents.some((d) => d % factor !== 0))
    fail(op, `spatial extents ${showShape(extents)} do not divide into blocks of ${factor} × ${factor}`);
  const c = widens ? channels / area : channels;
  const [h, w] = widens ? (extents as [number, number]) : [extents[0]! / factor, extents[1]! / factor];
  // The six axes before and after, a letter each; row i and column j are those inside a block.
  const block = order === 'CRD' ? 'cij' : 'ijc';
  const ends = layout === 'channels-first' ? [`n${block}hw`, 'nchiwj'] : [`nhw${block}`, 'nhiwjc'];
  const [from, to] = (widens ? ends : ends.toReversed()) as [string, string];
  const size: Readonly<Record<string, number>> = { n: x.shape[0]!, c, h, w, i: factor, j: factor };
  const spatial = widens ? [h * factor, w * factor] : [h, w];
  const shape = activationShape(layout, x.shape[0]!, widens ? c : c * area, spatial);
  const perm = [...to].map((axis) => from.indexOf(axis));
  // Blocks of one channel are in both orders.
  const attrs = { factor, layout, order: c === 1 ? 'DCR' : order };
  const run = (): Tensor => {
    const parted = [...from].map((axis) => size[axis]!);
    return reshape(transpose(reshape(x, parted), perm), shape);
  };
  return composite(run, { name: op, inputs: [x], attrs });
}
