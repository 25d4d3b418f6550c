import {
  abs,
  add,
  cast,
  div,
  equal,
  floor,
  greater,
  greaterEqual,
  less,
  logicalAnd,
  mul,
  neg,
  notEqual,
  select,
  sub,
  type Tensor,
} from '@graftjs/core';

// Core has no division of whole numbers. These are in int32 throughout, exact for all of it but −2^31, and have no gradient.

/** Towards zero. */
const truncated = (x: Tensor): Tensor => cast(x, 'int32');
const real = (x: Tensor): Tensor => cast(x, 'float32');

/**
 * Quotient (towards zero) and remainder (with the sign of a) of int32 numbers; by zero: 0 and a. A float32 quotient is off
 * by at most 2⁻²² of itself, so what it leaves is below |b| + 2⁹: dividing that once more is off by one at most.
 */
export function divideIntegers(a: Tensor, b: Tensor): { quotient: Tensor; remainder: Tensor } {
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

/** The remainder with the sign of b, as Python's. */
export function moduloIntegers(a: Tensor, b: Tensor): Tensor {
  const { remainder } = divideIntegers(a, b);
  const turn = logicalAnd(notEqual(remainder, 0), notEqual(less(remainder, 0), less(b, 0)));
  return select(turn, add(remainder, b), remainder);
}

/** a − b · trunc(a / b) for float32, the sign of a: C's fmod, within a rounding of |a|. */
export function fmod(a: Tensor, b: Tensor): Tensor {
  const [m, n] = [abs(a), abs(b)];
  const left = sub(m, mul(floor(div(m, n)), n));
  // Where the quotient was rounded across a whole number.
  const low = select(less(left, 0), add(left, n), left);
  const r = select(greaterEqual(low, n), sub(low, n), low);
  return select(less(a, 0), neg(r), r);
}

/** aᵇ in int32 by squaring, modulo 2³²; 0 for negative b unless a is ±1. */
export function powerOfIntegers(a: Tensor, b: Tensor): Tensor {
  let bits = abs(b);
  let factor: Tensor = a;
  let y: Tensor | null = null;
  // An exponent from 32 on leaves 0, ±1 or nothing that int32 holds: of it only the parity counts.
  for (let k = 0; k < 5; k++) {
    const { quotient, remainder } = divideIntegers(bits, constantLike(bits, 2));
    const part: Tensor = select(equal(remainder, 1), factor, 1);
    y = y ? mul(y, part) : part;
    bits = quotient;
    factor = mul(factor, factor);
  }
  return select(logicalAnd(less(b, 0), notEqual(abs(a), 1)), 0, y!);
}

const constantLike = (x: Tensor, value: number): Tensor => add(mul(x, 0), value);

/** A whole number as `bits` bits hold it, for |x| < 2²⁴ where that is less than all of int32. */
export function wrapInteger(x: Tensor, bits: number, signed: boolean): Tensor {
  if (bits >= 32) return x;
  const modulus = 2 ** bits;
  const low = moduloIntegers(x, constantLike(x, modulus));
  return signed ? select(greater(low, modulus / 2 - 1), sub(low, modulus), low) : low;
}
