import * as core from '@graftjs/core';
import type { Tensor } from '@graftjs/core';
import {
  divideIntegers,
  fmod,
  moduloIntegers,
  powerOfIntegers,
  wrapInteger,
} from '../functional/integers.ts';
import * as trigonometry from '../functional/trigonometry.ts';
import { number, operandAt, tensorAt, unary, type GraphOp, type Inputs } from './arguments.ts';

/** Two operands as tensors of one shape; a number becomes a scalar of the other's type. */
function pair(x: Inputs): [Tensor, Tensor] {
  const [a, b] = [operandAt(x, 0), operandAt(x, 1)];
  const like = core.isTensor(a) ? a : core.isTensor(b) ? b : tensorAt(x, 0);
  const lifted = (v: core.TensorLike): Tensor =>
    core.isTensor(v) ? v : core.tensor([v], [], { dtype: like.dtype, backend: like.backend });
  return [lifted(a), lifted(b)];
}
const ofPair =
  (f: (a: Tensor, b: Tensor) => Tensor): GraphOp =>
  (x) =>
    f(...pair(x));

/** To nearest by Dekker's splitting (1971): x · (2ᵏ + 1) leaves the upper 24 − k bits of x. */
function roundFloat(x: Tensor, bits: number, largest: number): Tensor {
  return core.customVjp(
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

export const math: Readonly<Record<string, GraphOp>> = {
  sin: unary(trigonometry.sin),
  cos: unary(trigonometry.cos),
  tan: unary(trigonometry.tan),
  asin: unary(trigonometry.asin),
  acos: unary(trigonometry.acos),
  atan: unary(trigonometry.atan),
  sinh: unary(trigonometry.sinh),
  cosh: unary(trigonometry.cosh),
  asinh: unary(trigonometry.asinh),
  acosh: unary(trigonometry.acosh),
  atanh: unary(trigonometry.atanh),

  notEqual: ofPair(core.notEqual),
  fmod: ofPair(fmod),
  /** Of int32: towards zero, and by zero 0. */
  integerQuotient: ofPair((a, b) => divideIntegers(a, b).quotient),
  /** With the sign of the dividend. */
  integerRemainder: ofPair((a, b) => divideIntegers(a, b).remainder),
  /** With the sign of the divisor. */
  integerModulo: ofPair(moduloIntegers),
  integerPower: ofPair(powerOfIntegers),
  /** `bits` bits of mantissa instead of float32's 24, beyond `largest` infinity; the gradient passes. */
  roundFloat: (x, a) => roundFloat(tensorAt(x, 0), number(a, 'bits', 24), number(a, 'largest', Infinity)),
  /** What an integer type of `bits` bits makes of a result beyond it. */
  wrap: (x, a) => wrapInteger(tensorAt(x, 0), number(a, 'bits', 32), a['signed'] === true),
};
