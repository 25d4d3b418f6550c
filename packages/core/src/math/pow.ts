import { fromBits, MIN_NORMAL, ROUND_MAGIC, scaleByPowerOfTwo, toBits } from './bits.ts';
import { expTail } from './exp.ts';
import { SQRT_HALF_BITS, SQRT_HALF_TO_ONE } from './log.ts';

const f = Math.fround;

/** 2/ln2, 2/(3 ln2) and ln2, each as the sum of two float32. */
const C0_HI = 2.885390043258667;
const C0_LO = 3.851926067000022e-8;
const C1_HI = 0.9617967009544373;
const C1_LO = -7.028461812552678e-9;
const LN2_HI = 0.6931471824645996;
const LN2_LO = -1.9046542121259336e-9;

/** The leading 12 bits of a significand, rounded to nearest (Veltkamp 1968). |x| < 2¹¹⁵. */
function head(x: number): number {
  const c = f(4097 * x);
  return f(c - f(c - x));
}

/** a·b − product, where product = fround(a·b): every step is exact (Dekker 1971), so any exact way gives these bits. */
function productError(a: number, b: number, product: number): number {
  const ah = head(a);
  const al = f(a - ah);
  const bh = head(b);
  const bl = f(b - bh);
  return f(f(f(f(f(ah * bh) - product) + f(ah * bl)) + f(al * bh)) + f(al * bl));
}

/**
 * xʸ as 2^(y·log2|x|), the logarithm and the product each held as an unevaluated sum of two float32 (some 44 bits), so
 * that the result keeps its accuracy up to the ends of the range. log2: x = 2ᵏ·m, √½ ≤ m < √2, s = (m − 1)/(m + 1),
 * log2 m = s·(C0 + C1·s² + s⁴·q(s²)). The outline is that of fdlibm's `powf` and of SLEEF's; double-float steps after
 * Dekker (1971); q is our own minimax fit.
 *
 * Special values are C's (C11 F.10.4.4), not JavaScript's: pow(1, y) = 1 and pow(x, ±0) = 1 even for NaN,
 * pow(−1, ±∞) = 1. Negative x with an integer y takes the sign (−1)ʸ, with another y gives NaN. At most 0.82 ulp.
 */
export function pow(x: number, y: number): number {
  const v = f(x);
  const w = f(y);
  const a = Math.abs(v);

  // log2 a = gh + gl
  const tiny = a < MIN_NORMAL;
  const bits = toBits(tiny ? f(a * 33554432) : a) + SQRT_HALF_TO_ONE;
  const k = (bits >> 23) - (tiny ? 152 : 127);
  const m = fromBits((bits & 0x007fffff) + SQRT_HALF_BITS);
  const t = f(m - 1);
  const dh = f(m + 1);
  const dl = f(m - f(dh - 1));
  const sh = f(t / dh);
  const sd = f(sh * dh);
  const sl = f(f(f(f(t - sd) - productError(sh, dh, sd)) - f(sh * dl)) / dh);
  const zh = f(sh * sh);
  const zl = f(productError(sh, sh, zh) + f(f(2 * sh) * sl));
  let q = f(f(0.2817215323448181 * zh) + 0.32001161575317383);
  q = f(f(q * zh) + 0.41220593452453613);
  q = f(f(q * zh) + 0.5770779848098755);
  const ch = f(C1_HI * zh);
  const cl = f(productError(C1_HI, zh, ch) + f(f(C1_HI * zl) + f(C1_LO * zh)));
  const ph = f(C0_HI + ch);
  const pl = f(f(ch - f(ph - C0_HI)) + f(C0_LO + f(cl + f(f(zh * zh) * q))));
  const lh = f(sh * ph);
  const ll = f(productError(sh, ph, lh) + f(f(sh * pl) + f(sl * ph)));
  const gh = f(k + lh);
  const gl = f(f(lh - f(gh - k)) + ll);

  // y·log2 a = eh + el. Beyond ±160 the result is 0 or ∞ anyway; |y| > 2³³ leads there from every a but 1.
  const wa = w > 8589934592 ? 8589934592 : w;
  const wc = wa < -8589934592 ? -8589934592 : wa;
  const product = f(wc * gh);
  const above = product > 160 ? 160 : product;
  const eh = above < -160 ? -160 : above;
  const el = eh === product ? f(productError(wc, gh, product) + f(wc * gl)) : 0;

  // 2^(eh + el) = 2ⁿ·e^(r + c)
  const n = f(f(eh + ROUND_MAGIC) - ROUND_MAGIC);
  const fraction = f(eh - n);
  const uh = f(fraction + el);
  const ul = f(el - f(uh - fraction));
  const r = f(uh * LN2_HI);
  const c = f(productError(uh, LN2_HI, r) + f(f(uh * LN2_LO) + f(ul * LN2_HI)));
  const sum = f(1 + r);
  const lost = f(r - f(sum - 1));
  const tail = f(f(f(r * r) * expTail(r)) + c);
  const finite = scaleByPowerOfTwo(f(sum + f(lost + tail)), n);

  const grows = a === 0 ? w < 0 : w > 0;
  const magnitude = a === 0 || a === Infinity ? (grows ? Infinity : 0) : finite;
  const wabs = Math.abs(w);
  const integer = Math.floor(w) === w;
  const half = f(0.5 * w);
  const odd = integer && wabs < 16777216 && Math.floor(half) !== half;
  const negative = toBits(v) < 0;
  const signed = negative && odd ? -magnitude : magnitude;
  const invalid = v !== v || w !== w || (v < 0 && v > -Infinity && !integer);
  return w === 0 || v === 1 ? 1 : invalid ? NaN : signed;
}
