import type { BinaryKind, CompareKind, UnaryKind } from '@graftjs/core/backend';
import { exact } from '../oracle/arithmetic.ts';
import { broadcastMap } from '../oracle/indexing.ts';
import { compareWith, toInt32 } from '../oracle/kernels.ts';
import { errorAt, gap, type BoundedOperand, type ErrorKernel } from './bounded.ts';
import { ORACLE_FUNCTION_ERROR, rounding, ulp, type ErrorModel } from './model.ts';

const STEPS = new Set<UnaryKind>(['sign', 'floor', 'ceil', 'round']);

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
  const f = exact.unary[kind];
  // A backend that takes the square root of something below 0 gives NaN, and NaN is never within a bound.
  const low = kind === 'sqrt' ? Math.max(x - e, 0) : x - e;
  const [up, down] = [f(x + e), f(low)];
  const spread = Math.max(gap(up, y), gap(y, down));
  return STEPS.has(kind)
    ? spread
    : spread + 2 * ORACLE_FUNCTION_ERROR * Math.max(Math.abs(up), Math.abs(down));
}

export function unaryError(model: ErrorModel): ErrorKernel<'unary'> {
  return ([x], { kind }, _, value) => {
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
  };
}

/** How far (a ± ea) ∘ (b ± eb) may be from y = a ∘ b, evaluated exactly. */
function spreadBinary(kind: BinaryKind, a: number, ea: number, b: number, eb: number, y: number): number {
  if (ea === 0 && eb === 0) return 0;
  switch (kind) {
    case 'add':
    case 'sub':
      return ea + eb;
    case 'mul':
      return (ea && ea * Math.abs(b)) + (eb && eb * Math.abs(a)) + (ea && eb && ea * eb);
    case 'div': // a'/b' − a/b = ((a' − a)·b − a·(b' − b)) / (b·b')
      if (Math.abs(b) <= eb) return Infinity;
      return (ea + (eb && eb * Math.abs(y))) / (Math.abs(b) - eb);
    case 'max':
      return Math.max(gap(Math.max(a + ea, b + eb), y), gap(y, Math.max(a - ea, b - eb)));
    case 'min':
      return Math.max(gap(Math.min(a + ea, b + eb), y), gap(y, Math.min(a - ea, b - eb)));
    case 'pow': {
      // Monotone in either argument for a > 0: the corners are the extremes. A whole exponent has a derivative elsewhere, too.
      if (a - ea > 0) {
        const corners = [a - ea, a + ea].flatMap((p) => [p ** (b - eb), p ** (b + eb)]);
        const most = Math.max(...corners);
        return Math.max(...corners.map((c) => gap(c, y))) + 2 * ORACLE_FUNCTION_ERROR * most;
      }
      if (eb > 0 || !Number.isInteger(b) || b < 0) return Infinity;
      return b === 0 ? 0 : b * ea * (Math.abs(a) + ea) ** (b - 1);
    }
  }
}

/** Is the float64 sum y of a and b their exact sum? (Knuth's TwoSum gives what it lost.) */
function addsExactly(a: number, b: number, y: number): boolean {
  const part = y - a;
  return a - (y - part) + (b - part) === 0;
}

export function binaryError(model: ErrorModel): ErrorKernel<'binary'> {
  return (inputs, { kind }, out, value) => {
    const [a, b] = inputs;
    const untouched = a.buffer.error === null && b.buffer.error === null;
    const rounds = out.dtype === 'float32' && kind !== 'max' && kind !== 'min';
    if (untouched && !rounds) return null;
    const [ia, ib] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
    return Float64Array.from(value as ArrayLike<number>, (y, i) => {
      const [p, q] = [a.buffer.value[ia[i]], b.buffer.value[ib[i]]];
      const [ep, eq] = [errorAt(a, ia[i]), errorAt(b, ib[i])];
      const moved = spreadBinary(kind, p, ep, q, eq, y);
      if (!rounds || !Number.isFinite(y)) return moved;
      const exactly = model.precision === 53 && moved === 0 && (kind === 'add' || kind === 'sub');
      if (exactly && addsExactly(p, kind === 'add' ? q : -q, y)) return 0;
      if (kind !== 'pow')
        return moved + rounding(model, y, moved, kind === 'div' ? model.division : model.arithmetic);
      const size = (Math.abs(y) + moved) * (1 + ORACLE_FUNCTION_ERROR);
      return moved + model.pow * ulp(model, size) + ORACLE_FUNCTION_ERROR * size;
    });
  };
}

/** Can `a ± ea` and `b ± eb` compare otherwise than a and b do? Both extremes of a − b must agree with it. */
function undecided(kind: CompareKind, a: number, ea: number, b: number, eb: number): boolean {
  if (ea === 0 && eb === 0) return false;
  const test = compareWith[kind];
  const outcome = test(a, b);
  const touching = a - ea <= b + eb && b - eb <= a + ea;
  const equality = kind === 'equal' || kind === 'notEqual';
  return equality ? touching : test(a + ea, b - eb) !== outcome || test(a - ea, b + eb) !== outcome;
}

/** 1 where the outcome depends on errors, 0 elsewhere. */
export const compareError: ErrorKernel<'compare'> = (inputs, { kind }, out) => {
  const [a, b] = inputs;
  if (a.buffer.error === null && b.buffer.error === null) return null;
  const [ia, ib] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
  return Float64Array.from(ia, (p, i) => {
    const [x, y] = [a.buffer.value[p], b.buffer.value[ib[i]]];
    return Number(undecided(kind, x, errorAt(a, p), y, errorAt(b, ib[i])));
  });
};

/** The error of the branch taken; where the condition is undecided, the distance to the other branch as well. */
export const selectError: ErrorKernel<'select'> = (inputs, _, out, value) => {
  if (inputs.every((t) => t.buffer.error === null)) return null;
  const [condition, a, b] = inputs;
  const [ic, ia, ib] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
  const distance = (t: BoundedOperand, at: number, y: number): number =>
    gap(t.buffer.value[at], y) + errorAt(t, at);
  return Float64Array.from(value as ArrayLike<number>, (y, i) => {
    if (errorAt(condition, ic[i]) > 0) return Math.max(distance(a, ia[i], y), distance(b, ib[i], y));
    return condition.buffer.value[ic[i]] ? errorAt(a, ia[i]) : errorAt(b, ib[i]);
  });
};

export function castError(model: ErrorModel): ErrorKernel<'cast'> {
  return ([x], { dtype }, _, value) => {
    const from = x.spec.dtype;
    if (x.buffer.error === null && !(from === 'int32' && dtype === 'float32')) return null;
    return Float64Array.from(value as ArrayLike<number>, (y, i) => {
      const [v, e] = [x.buffer.value[i], errorAt(x, i)];
      if (dtype === 'bool') return Number(e > 0 && Math.abs(v) <= e);
      if (dtype === 'float32') return e + (from === 'int32' ? rounding(model, v, e, 0.5) : 0);
      return Math.max(gap(toInt32(v + e), y), gap(y, toInt32(v - e)));
    });
  };
}
