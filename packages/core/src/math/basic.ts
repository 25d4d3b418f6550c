const f = Math.fround;

/** 2²³: from here on every float32 is an integer. */
const INTEGER_FROM = 8388608;

/** Square root, correctly rounded (0.5 ulp), as IEEE 754 demands of hardware: negative → NaN, √−0 = −0. */
export function sqrt(x: number): number {
  return f(Math.sqrt(f(x)));
}

/** 1/√x as two correctly rounded operations, √ then ÷. +0 → +∞, −0 → −∞, +∞ → +0, negative → NaN. At most 1.5 ulp. */
export function rsqrt(x: number): number {
  return f(1 / f(Math.sqrt(f(x))));
}

/** 1/x, correctly rounded (0.5 ulp). ±0 → ±∞, ±∞ → ±0. */
export function reciprocal(x: number): number {
  return f(1 / f(x));
}

/** −1, 1, or x itself where it is ±0 or NaN. */
export function sign(x: number): number {
  const t = f(x);
  return t > 0 ? 1 : t < 0 ? -1 : t;
}

/**
 * The nearest integer, ties to even: IEEE 754 roundToIntegralTiesToEven, WebAssembly's `nearest`. Exact. The sign stays,
 * so −0.3 → −0. Adding 2²³ to |x| leaves no room for a fraction, so the sum is rounded there; then 2²³ is taken off again.
 */
export function roundHalfEven(x: number): number {
  const t = f(x);
  const a = Math.abs(t);
  const rounded = f(f(a + INTEGER_FROM) - INTEGER_FROM);
  return a > 0 && a < INTEGER_FROM ? (t < 0 ? -rounded : rounded) : t;
}
