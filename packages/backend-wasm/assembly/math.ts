/*
 * The functions of core's `math/`, four lanes at a time: the same operations in the same order, so the same bits. Their
 * derivations, sources and error bounds are there. Every ternary of theirs is a bitselect here.
 */

@inline
function c(x: f32): v128 {
  return f32x4.splat(x);
}

@inline
function ci(x: i32): v128 {
  return i32x4.splat(x);
}

/** a · b + constant, in two roundings: a step of Horner's scheme. */
@inline
function step(p: v128, x: v128, constant: f32): v128 {
  return f32x4.add(f32x4.mul(p, x), c(constant));
}

const ROUND_MAGIC: f32 = 12582912;
const MIN_NORMAL: f32 = 1.1754943508222875e-38;

/** y · 2ⁿ for integers |n| ≤ 252, given as floats. */
@inline
function scale(y: v128, n: v128): v128 {
  const k = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(k, 1);
  const once = f32x4.mul(y, i32x4.shl(i32x4.add(half, ci(127)), 23));
  return f32x4.mul(once, i32x4.shl(i32x4.add(i32x4.sub(k, half), ci(127)), 23));
}

@inline
export function signOf(x: v128): v128 {
  const positive = v128.bitselect(c(1), x, f32x4.gt(x, c(0)));
  return v128.bitselect(c(-1), positive, f32x4.lt(x, c(0)));
}

/** On the bits: what has the sign bit becomes +0, but for NaN (below −8388608, the bits of −Infinity, none is one). */
@inline
export function relu(x: v128): v128 {
  return v128.andnot(x, i32x4.shr_s(v128.and(x, i32x4.add(x, ci(8388607))), 31));
}

@inline
function expTail(r: v128): v128 {
  let p = step(c(0.00019761716248467565), r, 0.0013932320289313793);
  p = step(p, r, 0.008333546109497547);
  p = step(p, r, 0.04166649281978607);
  p = step(p, r, 0.1666666567325592);
  return step(p, r, 0.5);
}

const LOG2_E: f32 = 1.4426950216293335;
const LN2_HI: f32 = 0.693359375;
const LN2_LO: f32 = -0.00021219444170128554;

@inline
function roundMagic(x: v128): v128 {
  return f32x4.sub(f32x4.add(x, c(ROUND_MAGIC)), c(ROUND_MAGIC));
}

export function exp(v: v128): v128 {
  const t = f32x4.pmax(f32x4.pmin(v, c(89)), c(-104));
  const n = roundMagic(f32x4.mul(t, c(LOG2_E)));
  const hi = f32x4.sub(t, f32x4.mul(n, c(LN2_HI)));
  const lo = f32x4.mul(n, c(LN2_LO));
  const r = f32x4.sub(hi, lo);
  const e = f32x4.sub(f32x4.sub(hi, r), lo);
  const tail = f32x4.add(f32x4.mul(f32x4.mul(r, r), expTail(r)), e);
  const sum = f32x4.add(c(1), r);
  const lost = f32x4.sub(r, f32x4.sub(sum, c(1)));
  return scale(f32x4.add(sum, f32x4.add(lost, tail)), n);
}

export function expm1(v: v128): v128 {
  const t = f32x4.pmax(f32x4.pmin(v, c(89)), c(-18));
  const n = roundMagic(f32x4.mul(t, c(LOG2_E)));
  const hi = f32x4.sub(t, f32x4.mul(n, c(LN2_HI)));
  const lo = f32x4.mul(n, c(LN2_LO));
  const r = f32x4.sub(hi, lo);
  const e = f32x4.sub(f32x4.sub(hi, r), lo);
  const tail = f32x4.add(f32x4.mul(f32x4.mul(r, r), expTail(r)), e);
  const top = f32x4.gt(n, c(127));
  const power = scale(c(1), v128.bitselect(c(127), n, top));
  const base = f32x4.sub(power, c(1));
  const more = f32x4.mul(power, r);
  const sum = f32x4.add(base, more);
  const lost = f32x4.add(
    f32x4.sub(more, f32x4.sub(sum, base)),
    f32x4.sub(f32x4.sub(power, base), c(1)),
  );
  const y = f32x4.add(sum, f32x4.add(lost, f32x4.mul(power, tail)));
  const doubled = f32x4.mul(y, v128.bitselect(c(2), c(1), top));
  return v128.bitselect(v, doubled, f32x4.eq(v, c(0)));
}

export function sigmoid(v: v128): v128 {
  const low = f32x4.lt(v, c(-40));
  const e = exp(v128.bitselect(v, f32x4.neg(v), low));
  return v128.bitselect(e, f32x4.div(c(1), f32x4.add(c(1), e)), low);
}

/** |x| with the sign of v where v < 0, as `v < 0 ? -x : x` reads. */
@inline
function signed(x: v128, v: v128): v128 {
  return v128.bitselect(f32x4.neg(x), x, f32x4.lt(v, c(0)));
}

export function tanh(v: v128): v128 {
  const a = f32x4.abs(v);
  const e = exp(f32x4.mul(c(2), a));
  const large = signed(f32x4.sub(c(1), f32x4.div(c(2), f32x4.add(e, c(1)))), v);
  const z = f32x4.mul(v, v);
  let p = step(c(-0.00569631764665246), z, 0.02063089609146118);
  p = step(p, z, -0.05373706296086311);
  p = step(p, z, 0.1333140879869461);
  p = step(p, z, -0.3333328068256378);
  const small = f32x4.add(v, f32x4.mul(v, f32x4.mul(z, p)));
  const y = v128.bitselect(v, small, f32x4.eq(v, c(0)));
  return v128.bitselect(large, y, f32x4.ge(a, c(0.625)));
}

export function erf(v: v128): v128 {
  const a = f32x4.abs(v);
  const t = f32x4.pmin(a, c(4));
  let q = step(c(2.1112846297910437e-5), t, -0.00043468133662827313);
  q = step(q, t, 0.004172184504568577);
  q = step(q, t, -0.02512253075838089);
  q = step(q, t, 0.108285091817379);
  q = step(q, t, 0.6333422064781189);
  q = step(q, t, 1.1295173168182373);
  q = step(q, t, -0.00017519050743430853);
  const large = signed(f32x4.sub(c(1), exp(f32x4.neg(q))), v);
  const z = f32x4.mul(v, v);
  let p = step(c(7.992795872269198e-5), z, -0.0008049174211919308);
  p = step(p, z, 0.0051923771388828754);
  p = step(p, z, -0.026855727657675743);
  p = step(p, z, 0.11283625662326813);
  p = step(p, z, -0.3761262893676758);
  p = step(p, z, 0.12837916612625122);
  return v128.bitselect(large, f32x4.add(v, f32x4.mul(v, p)), f32x4.ge(a, c(0.921875)));
}

const SQRT_HALF_BITS: i32 = 0x3f3504f3;
const SQRT_HALF_TO_ONE: i32 = 0x004afb0d;
const SIGNIFICAND: i32 = 0x007fffff;

/** ln(1 + t) + k · ln2 + e. */
@inline
function combine(t: v128, k: v128, e: v128): v128 {
  const s = f32x4.div(t, f32x4.add(c(2), t));
  const z = f32x4.mul(s, s);
  let p = step(c(0.29871460795402527), z, 0.3997756838798523);
  p = step(p, z, 0.6666677594184875);
  const half = f32x4.mul(c(0.5), f32x4.mul(t, t));
  const correction = f32x4.add(
    f32x4.mul(s, f32x4.add(half, f32x4.mul(z, p))),
    f32x4.add(f32x4.mul(k, c(9.058001523953862e-6)), e),
  );
  return f32x4.sub(
    f32x4.mul(k, c(0.6931381225585938)),
    f32x4.sub(f32x4.sub(half, correction), t),
  );
}

/** The significand of the bits of a reduced argument, in [√½, √2). */
@inline
function significand(bits: v128): v128 {
  return i32x4.add(v128.and(bits, ci(SIGNIFICAND)), ci(SQRT_HALF_BITS));
}

export function log(v: v128): v128 {
  const tiny = f32x4.lt(v, c(MIN_NORMAL));
  const lifted = v128.bitselect(f32x4.mul(v, c(33554432)), v, tiny);
  const bits = i32x4.add(lifted, ci(SQRT_HALF_TO_ONE));
  const k = i32x4.sub(i32x4.shr_s(bits, 23), v128.bitselect(ci(152), ci(127), tiny));
  const t = f32x4.sub(significand(bits), c(1));
  const y = combine(t, f32x4.convert_i32x4_s(k), c(0));
  const finite = v128.bitselect(y, v, f32x4.lt(v, c(Infinity)));
  const positive = v128.bitselect(finite, c(NaN), f32x4.gt(v, c(0)));
  return v128.bitselect(c(-Infinity), positive, f32x4.eq(v, c(0)));
}

export function log1p(v: v128): v128 {
  const u = f32x4.add(c(1), v);
  const bits = i32x4.add(u, ci(SQRT_HALF_TO_ONE));
  const k = i32x4.sub(i32x4.shr_s(bits, 23), ci(127));
  const near = i32x4.eq(k, ci(0));
  const t = v128.bitselect(v, f32x4.sub(significand(bits), c(1)), near);
  const lost = v128.bitselect(
    f32x4.sub(v, f32x4.sub(u, c(1))),
    f32x4.sub(c(1), f32x4.sub(u, v)),
    f32x4.lt(v, c(1)),
  );
  const e = v128.bitselect(c(0), f32x4.div(lost, u), near);
  const y = combine(t, f32x4.convert_i32x4_s(k), e);
  const finite = v128.bitselect(y, v, f32x4.lt(v, c(Infinity)));
  const inside = v128.bitselect(finite, c(NaN), f32x4.gt(v, c(-1)));
  const rest = v128.bitselect(c(-Infinity), inside, f32x4.eq(v, c(-1)));
  return v128.bitselect(v, rest, f32x4.eq(v, c(0)));
}

/** The leading 12 bits of a significand. */
@inline
function head(x: v128): v128 {
  const t = f32x4.mul(c(4097), x);
  return f32x4.sub(t, f32x4.sub(t, x));
}

/** a · b − product. */
@inline
function productError(a: v128, b: v128, product: v128): v128 {
  const ah = head(a);
  const al = f32x4.sub(a, ah);
  const bh = head(b);
  const bl = f32x4.sub(b, bh);
  let e = f32x4.sub(f32x4.mul(ah, bh), product);
  e = f32x4.add(e, f32x4.mul(ah, bl));
  e = f32x4.add(e, f32x4.mul(al, bh));
  return f32x4.add(e, f32x4.mul(al, bl));
}

const C0_HI: f32 = 2.885390043258667;
const C0_LO: f32 = 3.851926067000022e-8;
const C1_HI: f32 = 0.9617967009544373;
const C1_LO: f32 = -7.028461812552678e-9;
const POW_LN2_HI: f32 = 0.6931471824645996;
const POW_LN2_LO: f32 = -1.9046542121259336e-9;

export function pow(v: v128, w: v128): v128 {
  const a = f32x4.abs(v);

  // log2 a = gh + gl
  const tiny = f32x4.lt(a, c(MIN_NORMAL));
  const lifted = v128.bitselect(f32x4.mul(a, c(33554432)), a, tiny);
  const bits = i32x4.add(lifted, ci(SQRT_HALF_TO_ONE));
  const exponent = i32x4.sub(i32x4.shr_s(bits, 23), v128.bitselect(ci(152), ci(127), tiny));
  const k = f32x4.convert_i32x4_s(exponent);
  const m = significand(bits);
  const t = f32x4.sub(m, c(1));
  const dh = f32x4.add(m, c(1));
  const dl = f32x4.sub(m, f32x4.sub(dh, c(1)));
  const sh = f32x4.div(t, dh);
  const sd = f32x4.mul(sh, dh);
  const rest = f32x4.sub(
    f32x4.sub(f32x4.sub(t, sd), productError(sh, dh, sd)),
    f32x4.mul(sh, dl),
  );
  const sl = f32x4.div(rest, dh);
  const zh = f32x4.mul(sh, sh);
  const zl = f32x4.add(productError(sh, sh, zh), f32x4.mul(f32x4.mul(c(2), sh), sl));
  let q = step(c(0.2817215323448181), zh, 0.32001161575317383);
  q = step(q, zh, 0.41220593452453613);
  q = step(q, zh, 0.5770779848098755);
  const ch = f32x4.mul(c(C1_HI), zh);
  const cl = f32x4.add(
    productError(c(C1_HI), zh, ch),
    f32x4.add(f32x4.mul(c(C1_HI), zl), f32x4.mul(c(C1_LO), zh)),
  );
  const ph = f32x4.add(c(C0_HI), ch);
  const pl = f32x4.add(
    f32x4.sub(ch, f32x4.sub(ph, c(C0_HI))),
    f32x4.add(c(C0_LO), f32x4.add(cl, f32x4.mul(f32x4.mul(zh, zh), q))),
  );
  const lh = f32x4.mul(sh, ph);
  const ll = f32x4.add(productError(sh, ph, lh), f32x4.add(f32x4.mul(sh, pl), f32x4.mul(sl, ph)));
  const gh = f32x4.add(k, lh);
  const gl = f32x4.add(f32x4.sub(lh, f32x4.sub(gh, k)), ll);

  // y · log2 a = eh + el
  const wc = f32x4.pmax(f32x4.pmin(w, c(8589934592)), c(-8589934592));
  const product = f32x4.mul(wc, gh);
  const eh = f32x4.pmax(f32x4.pmin(product, c(160)), c(-160));
  const low = f32x4.add(productError(wc, gh, product), f32x4.mul(wc, gl));
  const el = v128.bitselect(low, c(0), f32x4.eq(eh, product));

  // 2^(eh + el) = 2ⁿ · e^(r + e)
  const n = roundMagic(eh);
  const fraction = f32x4.sub(eh, n);
  const uh = f32x4.add(fraction, el);
  const ul = f32x4.sub(el, f32x4.sub(uh, fraction));
  const r = f32x4.mul(uh, c(POW_LN2_HI));
  const e = f32x4.add(
    productError(uh, c(POW_LN2_HI), r),
    f32x4.add(f32x4.mul(uh, c(POW_LN2_LO)), f32x4.mul(ul, c(POW_LN2_HI))),
  );
  const sum = f32x4.add(c(1), r);
  const lost = f32x4.sub(r, f32x4.sub(sum, c(1)));
  const tail = f32x4.add(f32x4.mul(f32x4.mul(r, r), expTail(r)), e);
  const finite = scale(f32x4.add(sum, f32x4.add(lost, tail)), n);

  const zero = f32x4.eq(a, c(0));
  const grows = v128.bitselect(f32x4.lt(w, c(0)), f32x4.gt(w, c(0)), zero);
  const extreme = v128.bitselect(c(Infinity), c(0), grows);
  const magnitude = v128.bitselect(extreme, finite, v128.or(zero, f32x4.eq(a, c(Infinity))));
  const integer = f32x4.eq(f32x4.floor(w), w);
  const half = f32x4.mul(c(0.5), w);
  const odd = v128.and(
    v128.and(integer, f32x4.lt(f32x4.abs(w), c(16777216))),
    f32x4.ne(f32x4.floor(half), half),
  );
  const negative = i32x4.lt_s(v, ci(0));
  const y = v128.bitselect(f32x4.neg(magnitude), magnitude, v128.and(negative, odd));
  const nan = v128.or(f32x4.ne(v, v), f32x4.ne(w, w));
  const rootOfNegative = v128.andnot(
    v128.and(f32x4.lt(v, c(0)), f32x4.gt(v, c(-Infinity))),
    integer,
  );
  const valid = v128.bitselect(c(NaN), y, v128.or(nan, rootOfNegative));
  return v128.bitselect(c(1), valid, v128.or(f32x4.eq(w, c(0)), f32x4.eq(v, c(1))));
}
