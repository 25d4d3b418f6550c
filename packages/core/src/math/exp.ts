import { ROUND_MAGIC, scaleByPowerOfTwo } from './bits.ts';

const f = Math.fround;

const LOG2_E = 1.4426950216293335;
/** ln 2 in two parts; the first has 9 significant bits, so its product with |n| ≤ 2¹⁵ is exact (Cody & Waite 1980). */
const LN2_HI = 0.693359375;
const LN2_LO = -0.00021219444170128554;

/**
 * (eʳ − 1 − r) / r² on |r| ≤ ln2/2: degree 5, minimax for the relative error of eʳ − 1 (2⁻³¹), coefficients rounded to
 * float32 one after the other, the rest refitted each time. Also used by `pow`.
 */
export function expTail(r: number): number {
  let p = f(f(0.00019761716248467565 * r) + 0.0013932320289313793);
  p = f(f(p * r) + 0.008333546109497547);
  p = f(f(p * r) + 0.04166649281978607);
  p = f(f(p * r) + 0.1666666567325592);
  return f(f(p * r) + 0.5);
}

/**
 * eˣ. x = n·ln2 + r with |r| ≤ ln2/2 by a two-part ln 2 (Cody & Waite, as in Cephes `expf`); eʳ = 1 + r + r²·p(r), where
 * the rounding error of 1 + r is carried along (Dekker's fast two-sum), which brings the error close to half an ulp; then
 * 2ⁿ in two factors. Overflows to +∞ above 88.7228, goes through the subnormals to 0 below −103.97.
 * At most 0.77 ulp (0.68 where the result is normal).
 */
export function exp(x: number): number {
  const v = f(x);
  const above = v > 89 ? 89 : v;
  const t = above < -104 ? -104 : above;
  const n = f(f(f(t * LOG2_E) + ROUND_MAGIC) - ROUND_MAGIC);
  const hi = f(t - f(n * LN2_HI));
  const lo = f(n * LN2_LO);
  const r = f(hi - lo);
  const c = f(f(hi - r) - lo);
  const tail = f(f(f(r * r) * expTail(r)) + c);
  const sum = f(1 + r);
  const lost = f(r - f(sum - 1));
  return scaleByPowerOfTwo(f(sum + f(lost + tail)), n);
}

/**
 * eˣ − 1 without cancellation near 0. The reduction is that of `exp`, keeping the rounding error c of r (fdlibm's
 * `expm1`); the result is (2ⁿ − 1) + 2ⁿ·r + 2ⁿ·(r²·p(r) + c), the first two added by a fast two-sum, whose loss is carried along. ±0 → ±0, −∞ → −1.
 * At most 1.03 ulp.
 */
export function expm1(x: number): number {
  const v = f(x);
  const above = v > 89 ? 89 : v;
  const t = above < -18 ? -18 : above;
  const n = f(f(f(t * LOG2_E) + ROUND_MAGIC) - ROUND_MAGIC);
  const hi = f(t - f(n * LN2_HI));
  const lo = f(n * LN2_LO);
  const r = f(hi - lo);
  const c = f(f(hi - r) - lo);
  const tail = f(f(f(r * r) * expTail(r)) + c);
  // 2¹²⁸ is no float32: work with 2¹²⁷ and double at the end.
  const top = n > 127;
  const scale = scaleByPowerOfTwo(1, top ? 127 : n);
  const base = f(scale - 1);
  const step = f(scale * r);
  const sum = f(base + step);
  const lost = f(f(step - f(sum - base)) + f(f(scale - base) - 1));
  const y = f(sum + f(lost + f(scale * tail)));
  return v === 0 ? v : f(y * (top ? 2 : 1));
}

/**
 * 1 / (1 + e⁻ˣ), and eˣ itself below −40, where the two agree to 2⁻⁵⁷: so nothing overflows, and small results stay
 * accurate down to the subnormals. Every step is monotonic, hence the whole. At most 2.49 ulp.
 */
export function sigmoid(x: number): number {
  const v = f(x);
  const low = v < -40;
  const e = exp(low ? v : -v);
  return low ? e : f(1 / f(1 + e));
}

/**
 * tanh x. Below 0.625 an odd polynomial x + x·z·p(z), z = x²; above, 1 − 2/(e^2|x| + 1) with the sign of x, exactly ±1
 * from 9.011 on. The split is that of Cephes `tanhf`, the minimax coefficients (relative error 2⁻²⁸) our own.
 * At most 1.34 ulp.
 */
export function tanh(x: number): number {
  const v = f(x);
  const a = Math.abs(v);
  if (a >= 0.625) {
    const large = f(1 - f(2 / f(exp(f(2 * a)) + 1)));
    return v < 0 ? -large : large;
  }
  const z = f(v * v);
  let p = f(f(-0.00569631764665246 * z) + 0.02063089609146118);
  p = f(f(p * z) - 0.05373706296086311);
  p = f(f(p * z) + 0.1333140879869461);
  p = f(f(p * z) - 0.3333328068256378);
  // z·p is negative, so the sum would turn −0 into +0.
  return v === 0 ? v : f(v + f(v * f(z * p)));
}

/**
 * erf x = 2/√π ∫₀ˣ e^−t² dt. Below 0.921875 it is x + x·p(x²); above, 1 − e^−q(|x|) with the sign of x, where the
 * polynomial q approximates −ln erfc, exactly ±1 from 3.92 on. The shape is that of N. Juffa's `my_erff`
 * (2017, "Efficient implementation of the error function"), the minimax coefficients (2⁻³⁰, 2⁻³⁴) our own.
 * At most 1.28 ulp; not monotonic in the last bit below 0.921875, where the slope is under 1.
 */
export function erf(x: number): number {
  const v = f(x);
  const a = Math.abs(v);
  if (a >= 0.921875) {
    const t = a > 4 ? 4 : a;
    let q = f(f(2.1112846297910437e-5 * t) - 0.00043468133662827313);
    q = f(f(q * t) + 0.004172184504568577);
    q = f(f(q * t) - 0.02512253075838089);
    q = f(f(q * t) + 0.108285091817379);
    q = f(f(q * t) + 0.6333422064781189);
    q = f(f(q * t) + 1.1295173168182373);
    q = f(f(q * t) - 0.00017519050743430853);
    const large = f(1 - exp(-q));
    return v < 0 ? -large : large;
  }
  const z = f(v * v);
  let p = f(f(7.992795872269198e-5 * z) - 0.0008049174211919308);
  p = f(f(p * z) + 0.0051923771388828754);
  p = f(f(p * z) - 0.026855727657675743);
  p = f(f(p * z) + 0.11283625662326813);
  p = f(f(p * z) - 0.3761262893676758);
  p = f(f(p * z) + 0.12837916612625122);
  return f(v + f(v * p));
}
