import {
  add,
  composite,
  concat,
  flip,
  mul,
  pad,
  reshape,
  slice,
  sum,
  type ReduceOptions,
  type Tensor,
} from '@graftjs/core';

export interface CumulativeSumOptions {
  /** The sum of what comes before, without the element itself. */
  readonly exclusive?: boolean;
  /** From the end towards the start. */
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
 * Sums along an axis of the elements up to each one (ONNX CumSum), in ⌈log₂ n⌉ passes: after pass k an element holds the
 * sum of the last 2ᵏ. (Hillis, Steele, 1986)
 */
export function cumulativeSum(x: Tensor, axis: number, options: CumulativeSumOptions = {}): Tensor {
  return composite(() => {
    let y = options.reverse ? flip(x, axis) : x;
    const n = x.shape[axis]!;
    if (options.exclusive) y = shifted(y, axis, 1);
    for (let by = 1; by < n; by *= 2) y = add(y, shifted(y, axis, by));
    return options.reverse ? flip(y, axis) : y;
  });
}

/** The product over `axes` (default: all), of halves and halves of halves: its gradient divides by nothing. */
export function product(x: Tensor, axes?: readonly number[], options: ReduceOptions = {}): Tensor {
  const over = (axes ?? x.shape.map((_, i) => i)).map((a) => (a < 0 ? a + x.rank : a));
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
