/**
 * Elementary functions on float32 scalars, the same bits on every platform. Each argument is first rounded to float32,
 * and every single operation after that rounds to float32 too; nothing comes from `Math.exp` and its kin, which differ
 * between engines. Ternaries and branches are lane selects in disguise (bits.ts), so WebAssembly SIMD reproduces each
 * function bit for bit. The bits are part of the contract, but for the sign and payload of NaN.
 */
export { reciprocal, roundHalfEven, rsqrt, sign, sqrt } from './basic.ts';
export { erf, exp, expm1, sigmoid, tanh } from './exp.ts';
export { log, log1p } from './log.ts';
export { pow } from './pow.ts';
export { cospi, sinpi } from './trig.ts';

/**
 * Largest distance from the true value, in units of the float32 spacing at the true value (2⁻¹⁴⁹ among the subnormals).
 * Measured against float64 and rounded up: over every float32 in the binades where the maximum lies, over every third
 * to seventh elsewhere; `pow` on 200 million random pairs, most with a finite result. sqrt, rsqrt and
 * reciprocal follow from IEEE 754.
 */
export const MAX_ULP = {
  exp: 0.8,
  expm1: 1.05,
  log: 0.85,
  log1p: 0.85,
  tanh: 1.35,
  erf: 1.3,
  sigmoid: 2.5,
  sqrt: 0.5,
  rsqrt: 1.5,
  reciprocal: 0.5,
  pow: 0.85,
  sinpi: 1.7,
  cospi: 1.7,
} as const;
