/**
 * Bits of the significand in which a device adds, 24 for float32: 1 + 2⁻ᵏ is kept apart from 1 for k < bits, and no sum of
 * two numbers with that many bits may be off. The sums go through textures, so those are tested, too.
 * @param add The device's sum of two arrays of 32.
 */
export function significandOf(add: (a: Float32Array, b: Float32Array) => ArrayLike<number>): number {
  const one = new Float32Array(32).fill(1);
  const small = one.map((_, k) => 2 ** -k);
  const sums = add(one, small);
  // 1 + 2⁻²³ is a float32, and 1 + 2⁻²⁴ is none.
  for (let k = 1; k < 24; k++) if (sums[k] !== 1 + 2 ** -k) return k;
  return 24;
}
