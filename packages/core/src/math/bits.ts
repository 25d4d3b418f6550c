/**
 * Bit casts and scaling shared by the float32 functions. Private to this folder.
 *
 * Everything built on them maps onto WebAssembly SIMD lane by lane: `toBits` and `fromBits` are free reinterpretations, a
 * ternary is `v128.bitselect`, a branch computes one side of what could be a select, and `Math.fround` of one product,
 * sum, difference, quotient or square root is the f32x4 instruction of that name. Rounding a double result to float32
 * gives exactly what the single-precision instruction gives: 53 ≥ 2·24 + 2 bits make the double rounding harmless
 * (Figueroa 1995, "When is double rounding innocuous?").
 */
const floats = new Float32Array(1);
const ints = new Int32Array(floats.buffer);

/** Smallest normal float32, 2⁻¹²⁶. */
export const MIN_NORMAL = 1.1754943508222875e-38;

/** 1.5·2²³: adding and subtracting it rounds |x| ≤ 2²² to the nearest integer, ties to even. */
export const ROUND_MAGIC = 12582912;

/** The 32 bits of a float32, as a signed integer. */
export function toBits(x: number): number {
  floats[0] = x;
  return ints[0]!;
}

/** The float32 with these 32 bits. */
export function fromBits(bits: number): number {
  ints[0] = bits;
  return floats[0]!;
}

/** y·2ⁿ for an integer |n| ≤ 252, in two factors, so that it over- and underflows with a single rounding. */
export function scaleByPowerOfTwo(y: number, n: number): number {
  const k = n | 0;
  const half = k >> 1;
  const once = Math.fround(y * fromBits((half + 127) << 23));
  return Math.fround(once * fromBits((k - half + 127) << 23));
}
