import {
  abs,
  add,
  cast,
  clip,
  div,
  exp,
  expm1,
  floor,
  gather,
  greater,
  less,
  log,
  log1p,
  minimum,
  mul,
  neg,
  reciprocal,
  reshape,
  round,
  rsqrt,
  select,
  sign,
  sqrt,
  sub,
  tensor,
} from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { pointwise } from './pointwise.ts';

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

/** From here on, float32 has too few digits for k · π: the angle is found as a fraction of a turn. */
const FAR = 2 ** 13;
/** The first 256 bits of 2/π behind the point. (Payne, Hanek, 1983, doi:10.1145/1057600.1057602) */
const TWO_OVER_PI = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561n;
const BITS = 256n;
/** Exponents e of 2¹³⁺ᵉ, up to float32's largest. */
const EXPONENTS = Array.from({ length: 115 }, (_, e) => e);

/** 2ᵏ / 2π without its whole turns, as a multiple of 2⁻¹⁵ and the rest. */
function turnsOfPower(k: number): [high: number, low: number] {
  const shift = BigInt(k) - 2n;
  const fraction = shift >= 0n ? (TWO_OVER_PI << shift) % (1n << BITS) : TWO_OVER_PI >> -shift;
  const rest = (fraction >> (BITS - 45n)) % (1n << 30n);
  return [Number(fraction >> (BITS - 15n)) / 2 ** 15, Number(rest) / 2 ** 45];
}
interface TurnTables {
  /** 2¹⁰⁻ᵉ. */
  readonly scales: Float32Array;
  /** For each byte of a mantissa, 2¹⁶, 2⁸ and 1 times 2ᵉ⁻¹⁰: what it is in turns. */
  readonly turns: readonly { readonly high: Float32Array; readonly low: Float32Array }[];
}
let made: TurnTables | undefined;
/** Made when they are first wanted: a page that loads core need not wait for them. */
function tables(): TurnTables {
  return (made ??= {
    scales: Float32Array.from(EXPONENTS, (e) => 2 ** (10 - e)),
    turns: [16, 8, 0].map((byte) => {
      const each = EXPONENTS.map((e) => turnsOfPower(e - 10 + byte));
      return { high: Float32Array.from(each, ([h]) => h), low: Float32Array.from(each, ([, l]) => l) };
    }),
  });
}

/**
 * |x| / 2π less its whole turns, for |x| ≥ `FAR`, in [−½, ½] with an error below 2⁻²⁴. |x| = m · 2ᵉ⁻¹⁰ with a whole number m
 * of 24 bits. A byte of it times 15 bits of 2ᵉ⁻¹⁰ / 2π is exact, and so is what is left of that without whole turns. The
 * logarithm is rounded: at a power of two, e may be one too small (m has one bit more, an even number, for which there is
 * room), but never too large, or m would end in ½.
 */
function turns(a: Tensor): Tensor {
  const e = sub(floor(sub(mul(log(a), Math.LOG2E), 1e-4)), 13);
  const at = reshape(cast(clip(e, 0, EXPONENTS.length - 1), 'int32'), [a.size]);
  const picked = (table: Float32Array): Tensor =>
    reshape(gather(tensor(table, [table.length], { backend: a.backend }), at), a.shape);
  const { scales, turns: perByte } = tables();
  const m = mul(a, picked(scales));
  const upper = floor(mul(m, 2 ** -16));
  const rest = sub(m, mul(upper, 2 ** 16));
  const middle = floor(mul(rest, 2 ** -8));
  const bytes = [upper, middle, sub(rest, mul(middle, 2 ** 8))];
  const parts = bytes.map((byte, i) => {
    const whole = mul(byte, picked(perByte[i]!.high));
    return add(sub(whole, round(whole)), mul(byte, picked(perByte[i]!.low)));
  });
  const sum = parts.reduce((p, q) => add(p, q));
  return sub(sum, round(sum));
}

/**
 * sin(x), or with `half` −cos(x): for x = k · π + r, |r| ≤ π/2, it is sin(r) with its sign turned where ⌊k⌋ is odd; k is
 * whole, with `half` it ends in ½.
 */
function sine(x: Tensor, half: number): Tensor {
  const nearest = (halfTurns: Tensor): Tensor =>
    half ? add(round(sub(halfTurns, half)), half) : round(halfTurns);
  const a = abs(x);
  const near = less(a, FAR);
  const k = nearest(mul(x, 1 / Math.PI));
  const r = PI.reduce((rest, part) => sub(rest, mul(k, part)), x);
  // Of |x|: the sine is odd, the cosine is not.
  // Near ones are taken for `FAR` here: their logarithm may be −∞, which is no place in a table.
  const angle = mul(turns(select(near, FAR, a)), 2);
  const l = nearest(angle);
  const farRest = mul(sub(angle, l), Math.PI);
  const rest = select(near, r, half ? farRest : mul(farRest, sign(x)));
  const whole = floor(select(near, k, l));
  const odd = sub(whole, mul(floor(mul(whole, 0.5)), 2));
  const z = square(rest);
  const s = add(rest, mul(mul(rest, z), polynomial(z, SINE)));
  return mul(s, sub(1, mul(odd, 2)));
}

/**
 * Sine of an angle in radians, element by element: within 8 · 10⁻⁷ of the sine of the float32 that x is, whatever its size;
 * ±∞ gives NaN. (Cody, Waite, 1980; from 2¹³ on Payne, Hanek, 1983, doi:10.1145/1057600.1057602)
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * sin(tensor([0, 0.5, 2])); // → [0, 0.4794, 0.9093]
 */
export function sin(x: Tensor): Tensor {
  return pointwise(
    'sin',
    x,
    () => sine(x, 0),
    (gy) => mul(gy, cos(x)),
  );
}

/**
 * Cosine of an angle in radians, as exact as `sin`.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * cos(tensor([0.5, 2])); // → [0.8776, -0.4161]
 */
export function cos(x: Tensor): Tensor {
  return pointwise(
    'cos',
    x,
    () => neg(sine(x, 0.5)),
    (gy) => mul(gy, neg(sin(x))),
  );
}

/**
 * Tangent of an angle in radians: sin(x) / cos(x).
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * tan(tensor([0, 0.5])); // → [0, 0.5463]
 */
export function tan(x: Tensor): Tensor {
  return pointwise(
    'tan',
    x,
    () => div(sin(x), cos(x)),
    (gy, y) => mul(gy, add(square(y), 1)),
  );
}

// Cephes, atanf: on |x| ≤ tan(π/8).
const ARCTANGENT = [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1];

/**
 * The angle in [−π/2, π/2] whose tangent is x, to 8 units in the last place. (Moshier, Cephes, atanf)
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * atan(tensor([0, 1, -Infinity])); // → [0, 0.7854, -1.5708]
 */
export function atan(x: Tensor): Tensor {
  return pointwise(
    'atan',
    x,
    () => {
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
    (gy) => mul(gy, reciprocal(add(square(x), 1))),
  );
}

/**
 * The angle in [−π/2, π/2] whose sine is x; NaN for |x| > 1.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * asin(tensor([0, 1])); // → [0, 1.5708]
 */
export function asin(x: Tensor): Tensor {
  return pointwise(
    'asin',
    x,
    () => atan(mul(x, rsqrt(mul(sub(1, x), add(x, 1))))),
    (gy) => mul(gy, rsqrt(sub(1, square(x)))),
  );
}

/**
 * The angle in [0, π] whose cosine is x; NaN for |x| > 1.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * acos(tensor([1, 0])); // → [0, 1.5708]
 */
export function acos(x: Tensor): Tensor {
  return pointwise(
    'acos',
    x,
    () => mul(atan(sqrt(div(sub(1, x), add(x, 1)))), 2),
    (gy) => mul(gy, neg(rsqrt(sub(1, square(x))))),
  );
}

/**
 * Hyperbolic sine, (eˣ − e⁻ˣ) / 2, by expm1: small x lose nothing.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * sinh(tensor([0, 1])); // → [0, 1.1752]
 */
export function sinh(x: Tensor): Tensor {
  return pointwise(
    'sinh',
    x,
    () => {
      const t = expm1(abs(x));
      const m = minimum(t, 1e38); // ∞ / ∞ is none
      return mul(sign(x), mul(add(t, div(m, add(m, 1))), 0.5));
    },
    (gy) => mul(gy, cosh(x)),
  );
}

/**
 * Hyperbolic cosine, (eˣ + e⁻ˣ) / 2.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * cosh(tensor([0, 1])); // → [1, 1.5431]
 */
export function cosh(x: Tensor): Tensor {
  return pointwise(
    'cosh',
    x,
    () => mul(add(exp(x), exp(neg(x))), 0.5),
    (gy) => mul(gy, sinh(x)),
  );
}

/**
 * Inverse hyperbolic sine: sign(x) · log1p(|x| + x² / (1 + √(x² + 1))); log(2|x|) where the square would overflow.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * asinh(tensor([0, 1])); // → [0, 0.8814]
 */
export function asinh(x: Tensor): Tensor {
  return pointwise(
    'asinh',
    x,
    () => {
      const a = abs(x);
      const m = minimum(a, 1e9);
      const z = square(m);
      const near = log1p(add(m, div(z, add(sqrt(add(z, 1)), 1))));
      return mul(sign(x), select(less(a, 1e9), near, add(log(a), Math.LN2)));
    },
    (gy) => mul(gy, rsqrt(add(square(x), 1))),
  );
}

/**
 * Inverse hyperbolic cosine: log1p(t + √(2t + t²)) with t = x − 1; log(2x) where the square would overflow; NaN for x < 1.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * acosh(tensor([1, 2])); // → [0, 1.317]
 */
export function acosh(x: Tensor): Tensor {
  return pointwise(
    'acosh',
    x,
    () => {
      const t = sub(minimum(x, 1e9), 1);
      const near = log1p(add(t, sqrt(add(mul(t, 2), square(t)))));
      return select(less(x, 1e9), near, add(log(x), Math.LN2));
    },
    (gy) => mul(gy, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1)))),
  );
}

/**
 * Inverse hyperbolic tangent, sign(x) · log1p(2|x| / (1 − |x|)) / 2; ±∞ at ±1, NaN beyond.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where x is not float32.
 * @example
 * atanh(tensor([0, 0.5])); // → [0, 0.5493]
 */
export function atanh(x: Tensor): Tensor {
  return pointwise(
    'atanh',
    x,
    () => {
      const a = abs(x);
      return mul(sign(x), mul(log1p(div(mul(a, 2), sub(1, a))), 0.5));
    },
    (gy) => mul(gy, reciprocal(sub(1, square(x)))),
  );
}
