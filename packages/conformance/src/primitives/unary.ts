import { float32, type UnaryKind } from '@graftjs/core/backend';
import { unaryOp } from '@graftjs/core/extend';
import { errorAt, gap } from '../bounds/bounded.ts';
import { ORACLE_FUNCTION_ERROR, rounding, ulp } from '../bounds/model.ts';
import { define, type Case } from '../cases/case.ts';
import {
  bool,
  f32,
  i32,
  nonzero,
  positive,
  range,
  real,
  specials,
  values,
  wide,
  type Fill,
  type InputSpec,
} from '../cases/data.ts';
import { erf, roundHalfEven } from '../oracle/special.ts';
import { fill } from '../oracle/values.ts';
import { ONE_ROUNDING, SAME, ULPS, type About } from './about.ts';

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
  trunc: unrounded(Math.trunc, range(-4, 4)),
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

const STEPS = new Set<UnaryKind>(['sign', 'floor', 'ceil', 'round', 'trunc']);

/** How far f(x ± e) may be from y = f(x), f evaluated exactly. All kinds are monotone where they are smooth. */
function spreadUnary(kind: UnaryKind, x: number, e: number, y: number): number {
  if (e === 0) return 0;
  switch (kind) {
    case 'neg':
    case 'abs': // |x| is Lipschitz with constant 1
    case 'not':
      return e;
    case 'relu':
      return x + e <= 0 ? 0 : e;
    case 'reciprocal':
    case 'rsqrt':
      if (Math.abs(x) <= e) return Infinity;
  }
  const f = unaryKinds[kind].exact;
  // A backend that takes the square root of something below 0 gives NaN, and NaN is never within a bound.
  const low = kind === 'sqrt' ? Math.max(x - e, 0) : x - e;
  const [up, down] = [f(x + e), f(low)];
  const spread = Math.max(gap(up, y), gap(y, down));
  return STEPS.has(kind)
    ? spread
    : spread + 2 * ORACLE_FUNCTION_ERROR * Math.max(Math.abs(up), Math.abs(down));
}

export const unary: About<'unary'> = {
  unary: {
    kernel: ({ unary }, [x], { kind }, out) => fill(out, (i) => unary[kind](x.buffer[i])),
    error: (model, [x], { kind }, _, value) => {
      const ulps = model.unary[kind];
      if (x.buffer.error === null && ulps === undefined) return null;
      return Float64Array.from(value as ArrayLike<number>, (y, i) => {
        const moved = spreadUnary(kind, x.buffer.value[i], errorAt(x, i), y);
        if (ulps === undefined || !Number.isFinite(y)) return moved;
        if (kind === 'sqrt' || kind === 'reciprocal') return moved + rounding(model, y, moved, ulps);
        // The others are not correctly rounded, so even a representable result may be missed.
        const size = (Math.abs(y) + moved) * (1 + ORACLE_FUNCTION_ERROR);
        return moved + ulps * ulp(model, size) + ORACLE_FUNCTION_ERROR * size;
      });
    },
    bound(kind) {
      const { ulps } = unaryKinds[kind as UnaryKind];
      return ulps === undefined ? SAME : ulps === 0.5 ? ONE_ROUNDING : ULPS;
    },
  },
};

const of = (kind: UnaryKind, name: string, input: InputSpec, more: Partial<Case> = {}): Case =>
  define('elementwise', `unary ${kind}`, name, input, (x) => unaryOp.apply([x], { kind }), {
    exact: unaryKinds[kind].ulps === undefined,
    ...more,
  });

export const unaryCases: Case[] = [
  ...Object.entries(unaryKinds).flatMap(([name, { fill, far }]): Case[] => {
    if (name === 'not') return [];
    const kind = name as UnaryKind;
    return [
      of(kind, `${kind} [2, 3, 5]`, f32([2, 3, 5], fill)),
      of(kind, `${kind} scalar`, f32([], fill)),
      of(kind, `${kind} of nothing`, f32([0, 3], fill)),
      // 1,031 elements: no multiple of any vector width, and more than one block.
      of(kind, `${kind} far`, f32([1031], far ?? fill), { gradients: [] }),
      of(kind, `${kind} of specials`, f32([24], specials), { special: true }),
    ];
  }),
  ...(['neg', 'abs', 'sign', 'relu'] as const).map((kind) => of(kind, `${kind} int32`, i32([7, 3]))),
  of('not', 'not', bool([3, 7])),
  of('round', 'round halves to even', f32([8], values(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 8388607.5)), {
    gradients: [],
  }),
];
