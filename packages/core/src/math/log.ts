import { fromBits, MIN_NORMAL, toBits } from './bits.ts';

const f = Math.fround;

/** ln 2 in two parts; the first has 17 significant bits, so its product with |k| ≤ 150 is exact. */
const LN2_HI = 0.6931381225585938;
const LN2_LO = 9.058001523953862e-6;

/** Bits of √½, the lower end of the significands after reduction, and their distance from the bits of 1. */
export const SQRT_HALF_BITS = 0x3f3504f3;
export const SQRT_HALF_TO_ONE = 0x004afb0d;

/**
 * With s = t / (2 + t), z = s²: ln(1 + t) = 2s + s·R, R = z·p(z) ≈ ⅔z + ⅖z² + …; and as 2s = t − s·t it is
 * t − (t²/2 − s·(t²/2 + R)), which loses nothing near 0. Plus k·ln2 and a correction c. This is fdlibm's `logf`
 * (Sun Microsystems 1993) with three minimax coefficients of our own (relative error 2⁻³⁰) in place of four.
 */
function combine(t: number, k: number, c: number): number {
  const s = f(t / f(2 + t));
  const z = f(s * s);
  let p = f(f(0.29871460795402527 * z) + 0.3997756838798523);
  p = f(f(p * z) + 0.6666677594184875);
  const half = f(0.5 * f(t * t));
  const correction = f(f(s * f(half + f(z * p))) + f(f(k * LN2_LO) + c));
  return f(f(k * LN2_HI) - f(f(half - correction) - t));
}

/**
 * Natural logarithm. x = 2ᵏ·(1 + t), √½ ≤ 1 + t < √2, from the bits of x (a subnormal is first multiplied by 2²⁵), then
 * fdlibm's formula. ±0 → −∞, negative → NaN, +∞ → +∞. At most 0.84 ulp.
 */
export function log(x: number): number {
  const v = f(x);
  const tiny = v < MIN_NORMAL;
  const bits = toBits(tiny ? f(v * 33554432) : v) + SQRT_HALF_TO_ONE;
  const k = (bits >> 23) - (tiny ? 152 : 127);
  const y = combine(f(fromBits((bits & 0x007fffff) + SQRT_HALF_BITS) - 1), k, 0);
  const positive = v > 0 ? (v < Infinity ? y : v) : NaN;
  return v === 0 ? -Infinity : positive;
}

/**
 * ln(1 + x) without cancellation near 0. The sum u = 1 + x is reduced like the argument of `log`; what its rounding lost
 * comes back as (1 + x − u)/u (fdlibm's `log1pf`). Where u needs no reduction, x itself serves as t. −1 → −∞, below → NaN,
 * ±0 → ±0. At most 0.84 ulp.
 */
export function log1p(x: number): number {
  const v = f(x);
  const u = f(1 + v);
  const bits = toBits(u) + SQRT_HALF_TO_ONE;
  const k = (bits >> 23) - 127;
  const near = k === 0;
  const t = near ? v : f(fromBits((bits & 0x007fffff) + SQRT_HALF_BITS) - 1);
  const lost = v < 1 ? f(v - f(u - 1)) : f(1 - f(u - v));
  const y = combine(t, k, near ? 0 : f(lost / u));
  const inside = v > -1 ? (v < Infinity ? y : v) : NaN;
  return v === 0 ? v : v === -1 ? -Infinity : inside;
}
