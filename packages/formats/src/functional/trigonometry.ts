import {
  abs,
  add,
  composite,
  customVjp,
  div,
  exp,
  expm1,
  floor,
  greater,
  less,
  log,
  log1p,
  minimum,
  mul,
  neg,
  reciprocal,
  round,
  rsqrt,
  select,
  sign,
  sqrt,
  sub,
  type Tensor,
} from '@graftjs/core';

type Unary = (x: Tensor) => Tensor;

/** A function of each element, and its derivative from x and y. */
function pointwise(name: string, f: Unary, derivative: (x: Tensor, y: Tensor) => Tensor): Unary {
  return (x) =>
    customVjp(
      name,
      [x],
      () => [f(x)],
      ({ outputs, gy }) => [composite(() => mul(gy, derivative(x, outputs[0]!)))],
    )[0]!;
}

const square = (x: Tensor): Tensor => mul(x, x);
/** Horner's rule in z, the highest coefficient first. */
const polynomial = (z: Tensor, coefficients: readonly number[]): Tensor =>
  coefficients
    .slice(2)
    .reduce<Tensor>((p, c) => add(mul(p, z), c), add(mul(z, coefficients[0]!), coefficients[1]!));

// π in three parts (Cody, Waite, 1980): k · the first is exact in float32 for |k| < 2¹⁶.
const PI = [3.140625, 9.67502593994140625e-4, 1.509957990978376e-7];
// 1/13!, −1/11!, …, −1/3!: the rest of the series is below 7e-10 on [−π/2, π/2].
const SINE = [1 / 6227020800, -1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6];

/** sin(x) for x = k · π + r, |r| ≤ π/2, with its sign turned where k is odd; k may end in ½. */
function sineOfRest(x: Tensor, k: Tensor): Tensor {
  const r = PI.reduce((rest, part) => sub(rest, mul(k, part)), x);
  const whole = floor(k);
  const odd = sub(whole, mul(floor(mul(whole, 0.5)), 2));
  const z = square(r);
  const s = add(r, mul(mul(r, z), polynomial(z, SINE)));
  return mul(s, sub(1, mul(odd, 2)));
}

/** Accurate to a few roundings of max(|x|, 1) for |x| < 10⁴; farther out the period itself is lost to float32. */
export const sin: Unary = pointwise(
  'sin',
  (x) => sineOfRest(x, round(mul(x, 1 / Math.PI))),
  (x) => cos(x),
);
/** As `sin`: cos(r + (k + ½) π) = −sin(r + k π). */
export const cos: Unary = pointwise(
  'cos',
  (x) => neg(sineOfRest(x, add(round(sub(mul(x, 1 / Math.PI), 0.5)), 0.5))),
  (x) => neg(sin(x)),
);
export const tan: Unary = pointwise(
  'tan',
  (x) => div(sin(x), cos(x)),
  (_, y) => add(square(y), 1),
);

// Cephes, atanf: on |x| ≤ tan(π/8).
const ARCTANGENT = [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1];

export const atan: Unary = pointwise(
  'atan',
  (x) => {
    const a = abs(x);
    const far = greater(a, Math.tan((3 * Math.PI) / 8));
    const near = greater(a, Math.tan(Math.PI / 8));
    const folded = select(far, neg(reciprocal(a)), select(near, div(sub(a, 1), add(a, 1)), a));
    const start = select(far, Math.PI / 2, select(near, Math.PI / 4, mul(a, 0)));
    const z = square(folded);
    const y = add(folded, mul(mul(folded, z), polynomial(z, ARCTANGENT)));
    // The start of the middle piece is 0 · a; at infinity the far one was chosen.
    return mul(sign(x), add(select(near, start, 0), y));
  },
  (x) => reciprocal(add(square(x), 1)),
);
export const asin: Unary = pointwise(
  'asin',
  (x) => atan(mul(x, rsqrt(mul(sub(1, x), add(x, 1))))),
  (x) => rsqrt(sub(1, square(x))),
);
export const acos: Unary = pointwise(
  'acos',
  (x) => mul(atan(sqrt(div(sub(1, x), add(x, 1)))), 2),
  (x) => neg(rsqrt(sub(1, square(x)))),
);

export const sinh: Unary = pointwise(
  'sinh',
  (x) => {
    const t = expm1(abs(x));
    const m = minimum(t, 1e38); // ∞ / ∞ is none
    return mul(sign(x), mul(add(t, div(m, add(m, 1))), 0.5));
  },
  (x) => cosh(x),
);
export const cosh: Unary = pointwise(
  'cosh',
  (x) => mul(add(exp(x), exp(neg(x))), 0.5),
  (x) => sinh(x),
);
/** sign(x) · log1p(|x| + x² / (1 + √(x² + 1))); log(2|x|) where the square would overflow. */
export const asinh: Unary = pointwise(
  'asinh',
  (x) => {
    const a = abs(x);
    const m = minimum(a, 1e9);
    const z = square(m);
    const near = log1p(add(m, div(z, add(sqrt(add(z, 1)), 1))));
    return mul(sign(x), select(less(a, 1e9), near, add(log(a), Math.LN2)));
  },
  (x) => rsqrt(add(square(x), 1)),
);
/** log1p(t + √(2t + t²)) with t = x − 1; log(2x) where the square would overflow. */
export const acosh: Unary = pointwise(
  'acosh',
  (x) => {
    const t = sub(minimum(x, 1e9), 1);
    const near = log1p(add(t, sqrt(add(mul(t, 2), square(t)))));
    return select(less(x, 1e9), near, add(log(x), Math.LN2));
  },
  (x) => mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1))),
);
export const atanh: Unary = pointwise(
  'atanh',
  (x) => {
    const a = abs(x);
    return mul(sign(x), mul(log1p(div(mul(a, 2), sub(1, a))), 0.5));
  },
  (x) => reciprocal(sub(1, square(x))),
);
