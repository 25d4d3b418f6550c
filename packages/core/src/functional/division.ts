import { composite } from '../op.ts';
import { wantDtype } from '../ops/check.ts';
import {
  abs,
  add,
  cast,
  div,
  equal,
  floor,
  greaterEqual,
  less,
  logicalAnd,
  mul,
  neg,
  notEqual,
  select,
  sub,
} from '../ops/index.ts';
import { lift } from '../ops/lift.ts';
import type { Tensor, TensorLike } from '../tensor.ts';

// There is no primitive that divides whole numbers. These are exact for all of int32 but −2³¹, and have no gradient.

/** Towards zero. */
const truncated = (x: Tensor): Tensor => cast(x, 'int32');
const real = (x: Tensor): Tensor => cast(x, 'float32');

/**
 * Quotient (towards zero) and remainder (with the sign of a) of int32 numbers; by zero: 0 and a. A float32 quotient is off
 * by at most 2⁻²² of itself, so what it leaves is below |b| + 2⁹: dividing that once more is off by one at most.
 */
function divideIntegers(a: Tensor, b: Tensor): { quotient: Tensor; remainder: Tensor } {
  const [m, n] = [abs(a), abs(b)];
  const by = select(equal(n, 0), 1, n);
  let q = truncated(div(real(m), real(by)));
  let r = sub(m, mul(q, by));
  const more = truncated(floor(div(real(r), real(by))));
  q = add(q, more);
  r = sub(r, mul(more, by));
  const over = cast(greaterEqual(r, by), 'int32');
  const under = cast(less(r, 0), 'int32');
  q = sub(add(q, over), under);
  r = add(sub(r, mul(over, by)), mul(under, by));
  const zero = equal(b, 0);
  return {
    quotient: select(zero, 0, select(equal(less(a, 0), less(b, 0)), q, neg(q))),
    remainder: select(zero, a, select(less(a, 0), neg(r), r)),
  };
}

/** Is a remainder of a / b, with a's sign, on the other side of zero than b? */
const across = (rest: Tensor, b: Tensor): Tensor =>
  logicalAnd(notEqual(rest, 0), notEqual(less(rest, 0), less(b, 0)));

function integers(op: string, a: Tensor, b: TensorLike): Tensor {
  const divisor = lift(b, a);
  wantDtype(op, 'the dividend', a, 'int32');
  wantDtype(op, 'the divisor', divisor, 'int32');
  return divisor;
}

/**
 * a / b of whole numbers, towards zero; by zero 0. (torch.div with `rounding_mode='trunc'`; C's `/`)
 * @param a Any shape, int32.
 * @param b A number, or int32 of a shape that broadcasts with a's.
 * @returns int32.
 * @throws ShapeError where one is not int32 (of floats it is `floor(div(a, b))` and the like).
 * @example
 * truncDivide(tensor(Int32Array.of(7, -7)), 2); // → [3, -3]
 */
export function truncDivide(a: Tensor, b: TensorLike): Tensor {
  return composite(() => divideIntegers(a, integers('truncDivide', a, b)).quotient);
}

/**
 * a / b of whole numbers, rounded down; by zero 0. (numpy.floor_divide; Python's `//`)
 * @param a Any shape, int32.
 * @param b A number, or int32 of a shape that broadcasts with a's.
 * @returns int32.
 * @throws ShapeError where one is not int32 (of floats it is `floor(div(a, b))`).
 * @example
 * floorDivide(tensor(Int32Array.of(7, -7)), 2); // → [3, -4]
 */
export function floorDivide(a: Tensor, b: TensorLike): Tensor {
  return composite(() => {
    const divisor = integers('floorDivide', a, b);
    const { quotient, remainder: rest } = divideIntegers(a, divisor);
    return sub(quotient, cast(across(rest, divisor), 'int32'));
  });
}

/**
 * What a division towards zero leaves, with the sign of a: a − b · trunc(a / b). Exact for int32 (by zero: a), within a
 * rounding of |a| for float32. (torch.fmod; numpy.fmod; C's fmod and `%`)
 * @param a Any shape, int32 or float32.
 * @param b A number, or the same dtype and a shape that broadcasts with a's.
 * @throws ShapeError where the dtypes differ or are bool.
 * @example
 * fmod(tensor([5.5, -5.5]), 2); // → [1.5, -1.5]
 */
export function fmod(a: Tensor, b: TensorLike): Tensor {
  return composite(() => {
    if (a.dtype === 'int32') return divideIntegers(a, integers('fmod', a, b)).remainder;
    wantDtype('fmod', 'the dividend', a, 'float32', 'int32');
    const [m, n] = [abs(a), abs(lift(b, a))];
    const left = sub(m, mul(floor(div(m, n)), n));
    // Where the quotient was rounded across a whole number.
    const low = select(less(left, 0), add(left, n), left);
    const r = select(greaterEqual(low, n), sub(low, n), low);
    return select(less(a, 0), neg(r), r);
  });
}

/**
 * What a division rounded down leaves, with the sign of b: a − b · ⌊a / b⌋. Exact for int32 (by zero: a), within a rounding
 * of |a| for float32. (torch.remainder; numpy.remainder; Python's `%`)
 * @param a Any shape, int32 or float32.
 * @param b A number, or the same dtype and a shape that broadcasts with a's.
 * @throws ShapeError where the dtypes differ or are bool.
 * @example
 * remainder(tensor([5.5, -5.5]), 2); // → [1.5, 0.5]
 */
export function remainder(a: Tensor, b: TensorLike): Tensor {
  return composite(() => {
    const [rest, divisor] = [fmod(a, b), lift(b, a)];
    return select(across(rest, divisor), add(rest, divisor), rest);
  });
}
