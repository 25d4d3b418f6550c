import { composite } from '../op.ts';
import { add, gather, mul, tensor } from '../ops/index.ts';
import { fail } from '../ops/check.ts';
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
  /** Default channels-first. */
  readonly layout?: Layout;
}

/**
 * Interpolates the spatial axes to new extents; the conventions are those of PyTorch's `interpolate` with `size`.
 * Linear is separable: one axis after the other, the last one first.
 * @param x `[n, c, ...spatial]` (or channels-last) with 1, 2 or 3 spatial axes.
 * @param size New spatial extents.
 */
export function resize(x: Tensor, size: PerAxis, options: ResizeOptions = {}): Tensor {
  const { mode = 'nearest', alignCorners = false, layout = 'channels-first' } = options;
  const rank = x.rank - 2;
  if (rank < 1 || rank > 3) fail('resize', `input ${showShape(x.shape)} must have 3, 4 or 5 axes`);
  const target = perAxis('resize', 'size', size, rank, 1);
  const axes = spatialAxes(layout, x.rank);
  if (axes.some((a) => x.shape[a] === 0))
    fail('resize', `input ${showShape(x.shape)} has no element to interpolate`);
  return composite(() => {
    let y = x;
    for (let i = rank - 1; i >= 0; i--) {
      const axis = axes[i]!;
      if (y.shape[axis] === target[i]) continue; // both modes are the identity then
      y = mode === 'nearest' ? nearest(y, axis, target[i]!) : lerp(y, axis, target[i]!, alignCorners);
    }
    return y;
  });
}

function nearest(x: Tensor, axis: number, out: number): Tensor {
  const n = x.shape[axis]!;
  return gather(
    x,
    Array.from({ length: out }, (_, i) => Math.floor((i * n) / out)),
    axis,
  );
}

/** y[i] = (1 − t) · x[⌊s⌋] + t · x[⌊s⌋ + 1] with t = s − ⌊s⌋ and s the position of output i in the input. */
function lerp(x: Tensor, axis: number, out: number, alignCorners: boolean): Tensor {
  const n = x.shape[axis]!;
  const low: number[] = [];
  const high: number[] = [];
  const t = new Float64Array(out);
  for (let i = 0; i < out; i++) {
    const s = alignCorners
      ? out > 1
        ? (i * (n - 1)) / (out - 1)
        : 0
      : Math.max(((i + 0.5) * n) / out - 0.5, 0);
    const at = Math.min(Math.floor(s), n - 1);
    low.push(at);
    high.push(Math.min(at + 1, n - 1));
    t[i] = s - at;
  }
  const shape = [out, ...new Array<number>(x.rank - 1 - axis).fill(1)];
  const weight = (values: Float64Array): Tensor => tensor(values, shape, { backend: x.backend });
  return add(mul(gather(x, low, axis), weight(t.map((v) => 1 - v))), mul(gather(x, high, axis), weight(t)));
}
