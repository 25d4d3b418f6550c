import { float32, type UnaryKind } from '@graftjs/core/backend';
import { nonzero, positive, range, real, wide, type Fill } from './cases/data.ts';
import { erf, roundHalfEven } from './oracle/special.ts';

type Fn = (x: number) => number;

/** All that the suite knows of a kind of `unary`. */
export interface AboutUnary {
  /** Its definition, in float64. */
  readonly exact: Fn;
  /** The float32 number that the contract of `cpu` and `wasm` gives. */
  readonly contract: Fn;
  /** Largest error of that, in ulp; none where every result is exact. */
  readonly ulps?: number;
  /** Where the function is defined and its derivatives exist. */
  readonly fill: Fill;
  /** Over the whole range of the function: tiny and large arguments. Default: `fill`. */
  readonly far?: Fill;
}

/** Nothing is rounded: both are the same. */
const unrounded = (fn: Fn, fill: Fill): AboutUnary => ({ exact: fn, contract: fn, fill, far: wide });

const f = Math.fround;
const { MAX_ULP } = float32;

/** A new kind is a line here; see docs/adding-an-op.md for the others. */
export const unaryKinds: Readonly<Record<UnaryKind, AboutUnary>> = {
  neg: unrounded((x) => -x, real),
  abs: unrounded(Math.abs, nonzero),
  sign: unrounded(Math.sign, nonzero),
  floor: unrounded(Math.floor, range(-4, 4)),
  ceil: unrounded(Math.ceil, range(-4, 4)),
  round: unrounded(roundHalfEven, range(-4, 4)),
  relu: unrounded((x) => Math.max(x, 0), nonzero),
  sqrt: {
    exact: Math.sqrt,
    contract: (x) => f(Math.sqrt(x)),
    ulps: MAX_ULP.sqrt,
    fill: positive,
    far: range(0, 1e6),
  },
  rsqrt: {
    exact: (x) => 1 / Math.sqrt(x),
    contract: (x) => f(1 / f(Math.sqrt(x))),
    ulps: MAX_ULP.rsqrt,
    fill: positive,
    far: range(1e-6, 1e6),
  },
  reciprocal: {
    exact: (x) => 1 / x,
    contract: (x) => f(1 / x),
    ulps: MAX_ULP.reciprocal,
    fill: nonzero,
    far: wide,
  },
  exp: { exact: Math.exp, contract: float32.exp, ulps: MAX_ULP.exp, fill: real, far: range(-87, 88) },
  expm1: { exact: Math.expm1, contract: float32.expm1, ulps: MAX_ULP.expm1, fill: real, far: range(-20, 88) },
  log: { exact: Math.log, contract: float32.log, ulps: MAX_ULP.log, fill: positive, far: range(1e-6, 1e6) },
  log1p: {
    exact: Math.log1p,
    contract: float32.log1p,
    ulps: MAX_ULP.log1p,
    fill: positive,
    far: range(-0.999, 1e3),
  },
  tanh: { exact: Math.tanh, contract: float32.tanh, ulps: MAX_ULP.tanh, fill: real, far: range(-12, 12) },
  erf: { exact: erf, contract: float32.erf, ulps: MAX_ULP.erf, fill: real, far: range(-5, 5) },
  sigmoid: {
    exact: (x) => 1 / (1 + Math.exp(-x)),
    contract: float32.sigmoid,
    ulps: MAX_ULP.sigmoid,
    fill: real,
    far: range(-80, 80),
  },
  /** bool → bool. */
  not: unrounded((x) => 1 - x, real),
};

/** Something of each kind; those of which it is undefined are left out. */
export function ofUnaryKinds<T>(
  pick: (about: AboutUnary) => T | undefined,
): Readonly<Partial<Record<UnaryKind, T>>> {
  const entries = Object.entries(unaryKinds).map(([kind, about]) => [kind, pick(about)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
