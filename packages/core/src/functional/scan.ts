import { composite } from '../op.ts';
import { normalizeAxes, normalizeAxis } from '../ops/check.ts';
import { add, concat, flip, mul, pad, reshape, slice, sum } from '../ops/index.ts';
import type { Axes, ReduceOptions, Tensor } from '../tensor.ts';

export interface CumsumOptions {
  /** The sum of what comes before, without the element itself. Default false. */
  readonly exclusive?: boolean;
  /** From the end towards the start. Default false. */
  readonly reverse?: boolean;
}

/** y moved by `by` places towards the end of an axis, zeros first. */
function shifted(y: Tensor, axis: number, by: number): Tensor {
  const n = y.shape[axis]!;
  const only = (v: number): number[] => y.shape.map((_, a) => (a === axis ? v : 0));
  const kept = slice(y, axis, 0, Math.max(n - by, 0));
  return pad(kept, { before: only(Math.min(by, n)), after: only(0) });
}

/**
 * Running sums along an axis, in ⌈log₂ n⌉ passes: after pass k an element holds the sum of the last 2ᵏ. (Hillis, Steele,
 * 1986, doi:10.1145/7902.7903)
 * @param x Any shape with that axis.
 * @returns The same shape.
 * @throws ShapeError where there is no such axis.
 * @example
 * const x = tensor([1, 2, 3, 4]);
 * cumsum(x, 0); // → [1, 3, 6, 10]
 * cumsum(x, 0, { exclusive: true, reverse: true }); // → [9, 7, 4, 0]
 */
export function cumsum(x: Tensor, axis: number, options: CumsumOptions = {}): Tensor {
  const along = normalizeAxis('cumsum', axis, x.rank);
  const n = x.shape[along]!;
  return composite(() => {
    let y = options.reverse ? flip(x, along) : x;
    if (options.exclusive) y = shifted(y, along, 1);
    for (let by = 1; by < n; by *= 2) y = add(y, shifted(y, along, by));
    return options.reverse ? flip(y, along) : y;
  });
}

/**
 * Product over axes, of halves and halves of halves: its gradient divides by nothing, so that zeros do no harm.
 * @param x Any shape, float32 or int32.
 * @param axes Default: all.
 * @returns x's shape without the axes, or with `keepDims` with extent 1 there; of no elements the product is 1.
 * @throws ShapeError where there is no such axis, or one is named twice.
 * @example
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * prod(x, 1); // → [6, 120]
 * prod(x); // → 720
 */
export function prod(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const over = normalizeAxes('prod', axes, x.rank);
  return composite(() => {
    const y = over.reduce((part, axis) => {
      let rest = part;
      for (let n = rest.shape[axis]!; n > 1; n = rest.shape[axis]!) {
        const half = Math.floor(n / 2);
        const pairs = mul(slice(rest, axis, 0, half), slice(rest, axis, half, 2 * half));
        rest = n % 2 ? concat([pairs, slice(rest, axis, n - 1, n)], axis) : pairs;
      }
      // Of nothing it is 1.
      if (rest.shape[axis] === 0) rest = add(sum(rest, axis, { keepDims: true }), 1);
      return rest;
    }, x);
    const gone = new Set(over);
    return options.keepDims
      ? y
      : reshape(
          y,
          y.shape.filter((_, i) => !gone.has(i)),
        );
  });
}
