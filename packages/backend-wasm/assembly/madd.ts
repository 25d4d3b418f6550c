/**
 * c + a · b. The product is rounded before it is added, as the contract has it, but in the build with relaxed SIMD, where
 * the processor may leave that rounding out: closer to the exact value, other bits.
 */
@inline
export function madd(c: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}
