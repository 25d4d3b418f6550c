import * as core from '@graftjs/core';
import { isTensor, type Tensor } from '@graftjs/core';
import { customVjp, lift } from '@graftjs/core/extend';
import { ofTwo } from './elementwise.ts';
import { elementwise, floorModulo, integerQuotient, onPairs, whole } from './host.ts';
import { number, tensorAt, type GraphOp, type Inputs } from './operation.ts';

/** Of two tensors; a number becomes a scalar of the other's type. */
const ofTensors = (f: (a: Tensor, b: Tensor) => Tensor): ((x: Inputs) => Tensor) =>
  ofTwo((a, b) => {
    const like = (isTensor(a) ? a : b) as Tensor;
    return f(lift(a, like), lift(b, like));
  });

/** aᵇ in int32 by squaring, modulo 2³²; 0 for negative b unless a is ±1. */
function powerOfIntegers(a: Tensor, b: Tensor): Tensor {
  let bits = core.abs(b);
  let factor: Tensor = a;
  let y: Tensor | null = null;
  // An exponent from 32 on leaves 0, ±1 or nothing that int32 holds: of it only the parity counts.
  for (let k = 0; k < 5; k++) {
    const part: Tensor = core.select(core.equal(core.fmod(bits, 2), 1), factor, 1);
    y = y ? core.mul(y, part) : part;
    bits = core.truncDivide(bits, 2);
    factor = core.mul(factor, factor);
  }
  return core.select(core.logicalAnd(core.less(b, 0), core.notEqual(core.abs(a), 1)), 0, y!);
}

/** A whole number as `bits` bits hold it, for |x| < 2²⁴ where that is less than all of int32. */
function wrapInteger(x: Tensor, bits: number, signed: boolean): Tensor {
  if (bits >= 32) return x;
  const modulus = 2 ** bits;
  const low = core.remainder(x, modulus);
  return signed ? core.select(core.greater(low, modulus / 2 - 1), core.sub(low, modulus), low) : low;
}

/** To nearest by Dekker's splitting (1971): x · (2ᵏ + 1) leaves the upper 24 − k bits of x. */
function roundFloat(x: Tensor, bits: number, largest: number): Tensor {
  return customVjp(
    'roundFloat',
    [x],
    () => {
      // Where the factor would overflow, beyond 2¹⁰⁰, the mantissa is that of the number 2⁶⁴ times smaller.
      const large = core.greater(core.abs(x), 2 ** 100);
      const small = core.select(large, core.mul(x, 2 ** -64), x);
      const spread = core.mul(small, 2 ** (24 - bits) + 1);
      const high = core.sub(spread, core.sub(spread, small));
      const y = core.select(large, core.mul(high, 2 ** 64), high);
      const beyond = core.greater(core.abs(y), largest);
      const finite = core.equal(core.sub(x, x), 0);
      return [core.select(beyond, core.mul(core.sign(x), Infinity), core.select(finite, y, x))];
    },
    ({ gy }) => [gy],
  )[0]!;
}

/** Whole numbers, and what smaller types make of them. */
export const math: Readonly<Record<string, GraphOp>> = {
  fmod: { run: ofTensors(core.fmod) },
  /** Of int32: towards zero, and by zero 0. */
  integerQuotient: { run: ofTensors(core.truncDivide), host: onPairs(integerQuotient) },
  /** With the sign of the dividend. */
  integerRemainder: {
    run: ofTensors(core.fmod),
    host: onPairs((a, b) => whole(a - b * integerQuotient(a, b))),
  },
  /** With the sign of the divisor. */
  integerModulo: { run: ofTensors(core.remainder), host: onPairs(floorModulo) },
  integerPower: { run: ofTensors(powerOfIntegers), host: onPairs((a, b) => Math.trunc(a ** b)) },
  /** `bits` bits of mantissa instead of float32's 24, beyond `largest` infinity; the gradient passes. */
  roundFloat: {
    run: (x, a) => roundFloat(tensorAt(x, 0), number(a, 'bits', 24), number(a, 'largest', Infinity)),
  },
  /** What an integer type of `bits` bits makes of a result beyond it. */
  wrap: {
    run: (x, a) => wrapInteger(tensorAt(x, 0), number(a, 'bits', 32), a['signed'] === true),
    host([x], a) {
      const size = 2 ** number(a, 'bits', 32);
      const low = a['signed'] === true ? size / 2 : 0;
      return elementwise([x!], x!.dtype, (v) => floorModulo(v + low, size) - low);
    },
  },
};
