import type { UnaryKind } from '@graftjs/core/backend';

/*
 * The functions of core's `math/` in GLSL: the same operations in the same order, so the same bits where the device
 * rounds to nearest; derivations and sources are there. Rounding to an integer is `roundEven`, for a compiler could take
 * (x + 2²³) − 2²³ for x; and where a rounding error is worked out as r − ((1 + r) − 1), the 1 is `ONE`, a number that the compiler
 * does not know. Nothing is GLSL's own `exp` or `log`, whose errors its specification leaves at 3 + 2 |x| ulp.
 */

const SCALE = `
// y · 2ⁿ for integers |n| ≤ 252, in two factors.
float scaled(float y, float n) {
  int k = int(n);
  int h = k >> 1;
  return (y * intBitsToFloat((h + 127) << 23)) * intBitsToFloat((k - h + 127) << 23);
}
`;

const EXP_TAIL = `
float expTail(float r) {
  float p = 0.00019761716248467565 * r + 0.0013932320289313793;
  p = p * r + 0.008333546109497547;
  p = p * r + 0.04166649281978607;
  p = p * r + 0.1666666567325592;
  return p * r + 0.5;
}
`;

const REDUCE = `
  float n = roundEven(t * 1.4426950216293335);
  float hi = t - n * 0.693359375;
  float lo = n * -0.00021219444170128554;
  float r = hi - lo;
  float c = (hi - r) - lo;
  float tail = (r * r) * expTail(r) + c;
`;

const EXP = `${SCALE}${EXP_TAIL}
float exp_(float x) {
  if (isnan(x)) return x;
  float t = clamp(x, -104.0, 89.0);
${REDUCE}
  float sum = ONE + r;
  float lost = r - (sum - ONE);
  return scaled(sum + (lost + tail), n);
}
`;

const LOG = `
// ln(1 + t) + k · ln 2 + c.
float combined(float t, float k, float c) {
  float s = t / (2.0 + t);
  float z = s * s;
  float p = 0.29871460795402527 * z + 0.3997756838798523;
  p = p * z + 0.6666677594184875;
  float h = 0.5 * (t * t);
  float correction = s * (h + z * p) + (k * 9.058001523953862e-6 + c);
  return k * 0.6931381225585938 - ((h - correction) - t);
}
`;

/** What the functions want besides their arguments: see above. `one_bits` is 1's. */
export const ONE: string = '#define ONE intBitsToFloat(one_bits)\n';

/** Function `f` of each kind. `isnan` comes first: comparisons with NaN are not to be relied on. */
export const UNARY: Readonly<Record<UnaryKind, string>> = {
  neg: 'float f(float x) { return -x; } int f(int x) { return -x; }',
  abs: 'float f(float x) { return abs(x); } int f(int x) { return abs(x); }',
  sign: `float f(float x) { return isnan(x) ? x : x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x; }
int f(int x) { return sign(x); }`,
  floor: 'float f(float x) { return floor(x); }',
  ceil: 'float f(float x) { return ceil(x); }',
  round: 'float f(float x) { return roundEven(x); }',
  trunc: 'float f(float x) { return trunc(x); }',
  sqrt: 'float f(float x) { return sqrt(x); }',
  rsqrt: 'float f(float x) { return 1.0 / sqrt(x); }',
  reciprocal: 'float f(float x) { return 1.0 / x; }',
  exp: `${EXP}float f(float x) { return exp_(x); }`,
  expm1: `${SCALE}${EXP_TAIL}
float f(float x) {
  if (isnan(x) || x == 0.0) return x;
  float t = clamp(x, -18.0, 89.0);
${REDUCE}
  bool top = n > 127.0;
  float power = scaled(1.0, top ? 127.0 : n);
  float base = power - 1.0;
  float more = power * r;
  float sum = base + more;
  float lost = (more - (sum - base)) + ((power - base) - 1.0);
  float y = sum + (lost + power * tail);
  return y * (top ? 2.0 : 1.0);
}`,
  log: `${LOG}
float f(float x) {
  if (isnan(x) || x < 0.0) return intBitsToFloat(0x7fc00000);
  if (x == 0.0) return intBitsToFloat(int(0xff800000u));
  if (isinf(x)) return x;
  bool tiny = x < 1.1754943508222875e-38;
  int bits = floatBitsToInt(tiny ? x * 33554432.0 : x) + 0x004afb0d;
  int k = (bits >> 23) - (tiny ? 152 : 127);
  return combined(intBitsToFloat((bits & 0x007fffff) + 0x3f3504f3) - 1.0, float(k), 0.0);
}`,
  log1p: `${LOG}
float f(float x) {
  if (isnan(x) || x < -1.0) return intBitsToFloat(0x7fc00000);
  if (x == -1.0) return intBitsToFloat(int(0xff800000u));
  if (isinf(x) || x == 0.0) return x;
  float u = ONE + x;
  int bits = floatBitsToInt(u) + 0x004afb0d;
  int k = (bits >> 23) - 127;
  bool near = k == 0;
  float t = near ? x : intBitsToFloat((bits & 0x007fffff) + 0x3f3504f3) - 1.0;
  float lost = x < 1.0 ? x - (u - ONE) : ONE - (u - x);
  return combined(t, float(k), near ? 0.0 : lost / u);
}`,
  tanh: `${EXP}
float f(float x) {
  float a = abs(x);
  if (a >= 0.625) {
    float large = 1.0 - 2.0 / (exp_(2.0 * a) + 1.0);
    return x < 0.0 ? -large : large;
  }
  if (isnan(x) || x == 0.0) return x;
  float z = x * x;
  float p = -0.00569631764665246 * z + 0.02063089609146118;
  p = p * z - 0.05373706296086311;
  p = p * z + 0.1333140879869461;
  p = p * z - 0.3333328068256378;
  return x + x * (z * p);
}`,
  erf: `${EXP}
float f(float x) {
  float a = abs(x);
  if (a >= 0.921875) {
    float t = min(a, 4.0);
    float q = 2.1112846297910437e-5 * t - 0.00043468133662827313;
    q = q * t + 0.004172184504568577;
    q = q * t - 0.02512253075838089;
    q = q * t + 0.108285091817379;
    q = q * t + 0.6333422064781189;
    q = q * t + 1.1295173168182373;
    q = q * t - 0.00017519050743430853;
    float large = 1.0 - exp_(-q);
    return x < 0.0 ? -large : large;
  }
  float z = x * x;
  float p = 7.992795872269198e-5 * z - 0.0008049174211919308;
  p = p * z + 0.0051923771388828754;
  p = p * z - 0.026855727657675743;
  p = p * z + 0.11283625662326813;
  p = p * z - 0.3761262893676758;
  p = p * z + 0.12837916612625122;
  return x + x * p;
}`,
  sigmoid: `${EXP}
float f(float x) {
  bool low = x < -40.0;
  float e = exp_(low ? x : -x);
  return low ? e : 1.0 / (1.0 + e);
}`,
  relu: `float f(float x) { return isnan(x) || x > 0.0 ? x : 0.0; }
int f(int x) { return max(x, 0); }`,
  not: 'int f(int x) { return 1 - x; }',
};

/** x to the power of y: core's `pow`, with its double-float steps. */
export const POW: string = `${SCALE}${EXP_TAIL}
float head(float x) {
  float c = 4097.0 * x;
  return c - (c - x);
}
// a · b − product, where product = a · b rounded.
float productError(float a, float b, float product) {
  float ah = head(a);
  float al = a - ah;
  float bh = head(b);
  float bl = b - bh;
  return (((ah * bh - product) + ah * bl) + al * bh) + al * bl;
}
float f(float v, float w) {
  if (w == 0.0 || v == 1.0) return 1.0;
  float a = abs(v);
  float wabs = abs(w);
  bool whole = isinf(w) || floor(w) == w;
  if (isnan(v) || isnan(w) || (v < 0.0 && !isinf(v) && !whole)) return intBitsToFloat(0x7fc00000);
  if (a == 1.0 && isinf(w)) return 1.0;
  bool odd = whole && wabs < 16777216.0 && floor(0.5 * w) != 0.5 * w;
  float sign_ = floatBitsToInt(v) < 0 && odd ? -1.0 : 1.0;
  if (a == 0.0 || isinf(a)) return sign_ * ((a == 0.0) == (w < 0.0) ? intBitsToFloat(0x7f800000) : 0.0);

  bool tiny = a < 1.1754943508222875e-38;
  int bits = floatBitsToInt(tiny ? a * 33554432.0 : a) + 0x004afb0d;
  float k = float((bits >> 23) - (tiny ? 152 : 127));
  float m = intBitsToFloat((bits & 0x007fffff) + 0x3f3504f3);
  float t = m - 1.0;
  float dh = m + ONE;
  float dl = m - (dh - ONE);
  float sh = t / dh;
  float sd = sh * dh;
  float sl = (((t - sd) - productError(sh, dh, sd)) - sh * dl) / dh;
  float zh = sh * sh;
  float zl = productError(sh, sh, zh) + (2.0 * sh) * sl;
  float q = 0.2817215323448181 * zh + 0.32001161575317383;
  q = q * zh + 0.41220593452453613;
  q = q * zh + 0.5770779848098755;
  float ch = 0.9617967009544373 * zh;
  float cl = productError(0.9617967009544373, zh, ch) + (0.9617967009544373 * zl + -7.028461812552678e-9 * zh);
  float c0 = 2.885390043258667 * ONE;
  float ph = c0 + ch;
  float pl = (ch - (ph - c0)) + (3.851926067000022e-8 + (cl + (zh * zh) * q));
  float lh = sh * ph;
  float ll = productError(sh, ph, lh) + (sh * pl + sl * ph);
  float gh = k + lh;
  float gl = (lh - (gh - k)) + ll;

  float wc = clamp(w, -8589934592.0, 8589934592.0);
  float product = wc * gh;
  float eh = clamp(product, -160.0, 160.0);
  float el = eh == product ? productError(wc, gh, product) + wc * gl : 0.0;

  float n = roundEven(eh);
  float fraction = eh - n;
  float uh = fraction + el;
  float ul = el - (uh - fraction);
  float r = uh * 0.6931471824645996;
  float c = productError(uh, 0.6931471824645996, r) + (uh * -1.9046542121259336e-9 + ul * 0.6931471824645996);
  float sum = ONE + r;
  float lost = r - (sum - ONE);
  float tail = (r * r) * expTail(r) + c;
  return sign_ * scaled(sum + (lost + tail), n);
}`;
