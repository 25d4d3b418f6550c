import { ROUND_MAGIC } from './bits.ts';
import { roundHalfEven } from './basic.ts';

const f = Math.fround;

/** π as the sum of two float32. */
const PI_HI = 3.1415927410125732;
const PI_LO = -8.742277657347586e-8;

/** sin πr, |r| ≤ ¼: odd, minimax (relative error 2⁻²⁸), the leading π in two parts. */
function sinKernel(r: number): number {
  const z = f(r * r);
  let p = f(f(-0.5895761251449585 * z) + 2.5498197078704834);
  p = f(f(p * z) - 5.1677093505859375);
  return f(f(r * PI_HI) + f(r * f(f(z * p) + PI_LO)));
}

/** cos πr, |r| ≤ ¼: even, minimax (error 2⁻³¹). */
function cosKernel(r: number): number {
  const z = f(r * r);
  let p = f(f(0.2287461906671524 * z) - 1.3347359895706177);
  p = f(f(p * z) + 4.058696269989014);
  p = f(f(p * z) - 4.934802055358887);
  return f(1 + f(z * p));
}

/** x modulo 2 in [−1, 1], exactly; ±∞ → NaN. */
function wrap(x: number): number {
  return f(x - f(2 * roundHalfEven(f(0.5 * x))));
}

/**
 * sin πx, for any finite x. Taking x modulo 2 and then modulo ½ is exact in binary, so large arguments lose nothing: that
 * is why this, not sin x, serves for turns and phases. An integer gives 0 with the sign of x (C23 `sinpif`), ±∞ gives NaN.
 * At most 1.65 ulp.
 */
export function sinpi(x: number): number {
  const v = f(x);
  const t = wrap(v);
  const n = f(f(f(2 * t) + ROUND_MAGIC) - ROUND_MAGIC);
  const r = f(t - f(0.5 * n));
  const quadrant = n & 3;
  const y = (quadrant & 1) === 0 ? sinKernel(r) : cosKernel(r);
  const zero = r === 0 && (quadrant & 1) === 0;
  return zero ? f(v * 0) : (quadrant & 2) === 0 ? y : -y;
}

/** cos πx, for any finite x, by the same exact reduction. n + ½ gives +0 (C23 `cospif`), ±∞ gives NaN. At most 1.65 ulp. */
export function cospi(x: number): number {
  const t = wrap(f(x));
  const n = f(f(f(2 * t) + ROUND_MAGIC) - ROUND_MAGIC);
  const r = f(t - f(0.5 * n));
  const quadrant = n & 3;
  const y = (quadrant & 1) === 0 ? cosKernel(r) : sinKernel(r);
  const zero = r === 0 && (quadrant & 1) === 1;
  return zero ? 0 : quadrant === 1 || quadrant === 2 ? -y : y;
}
