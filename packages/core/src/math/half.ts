/**
 * Half precision. float16 is IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits), bfloat16 the upper half of a
 * float32 (1, 8, 7). Both round to nearest, halves to even, as numpy and PyTorch do; NaN stays NaN.
 */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Bits of a float16 → its value (exact). */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A float32 value → bits of the nearest float16. Beyond ±65,520 it becomes infinity. */
export function numberToFloat16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to 2^16 or is infinite
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by 127 − 15, then add half a unit less one, plus the last kept bit (ties to even).
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Subnormal: units of 2^-24. The product is exact, and so is the test for a tie.
  const units = Math.abs(f32[0]!) * 2 ** 24;
  const low = Math.floor(units);
  const rest = units - low;
  return sign | (low + (rest > 0.5 || (rest === 0.5 && low & 1) ? 1 : 0));
}

/** Bits of a bfloat16 → its value (exact). */
export function bfloat16ToNumber(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}

/** A float32 value → bits of the nearest bfloat16. */
export function numberToBfloat16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

let table: Float32Array | undefined;
/** All 65,536 float16 values, made at first use: decoding a network is a look-up per weight. */
function float16Table(): Float32Array {
  return (table ??= Float32Array.from({ length: 65536 }, (_, bits) => float16ToNumber(bits)));
}

/** float16 bits → float32 values. */
export function decodeFloat16(bits: Uint16Array): Float32Array {
  const values = float16Table();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = values[bits[i]!]!;
  return out;
}
/** Values → float16 bits. */
export function encodeFloat16(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = numberToFloat16(values[i]!);
  return out;
}
/** bfloat16 bits → float32 values. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}
/** Values → bfloat16 bits. */
export function encodeBfloat16(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = numberToBfloat16(values[i]!);
  return out;
}
