import { float32 as m } from '@graftjs/core/backend';
import type { UnaryKind } from '@graftjs/core/backend';
import { bitsOf } from './memory.ts';

const f = Math.fround;

type Loop<A> = (x: A, y: A, n: number) => void;
type IntKind = 'neg' | 'abs' | 'sign' | 'relu';

/**
 * One loop per kind: a function called through a variable in one shared loop would cost more than the arithmetic. The
 * store into a Float32Array rounds, so `f` appears only where a step before the last must be rounded.
 */
export const floatLoops: Record<Exclude<UnaryKind, 'not'>, Loop<Float32Array>> = {
  neg(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = -x[i]!;
  },
  abs(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.abs(x[i]!);
  },
  sign(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.sign(x[i]!);
  },
  floor(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.floor(x[i]!);
  },
  ceil(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.ceil(x[i]!);
  },
  round(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.roundHalfEven(x[i]!);
  },
  trunc(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.trunc(x[i]!);
  },
  sqrt(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.sqrt(x[i]!);
  },
  rsqrt(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = 1 / f(Math.sqrt(x[i]!));
  },
  reciprocal(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = 1 / x[i]!;
  },
  exp(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.exp(x[i]!);
  },
  expm1(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.expm1(x[i]!);
  },
  log(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.log(x[i]!);
  },
  log1p(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.log1p(x[i]!);
  },
  tanh(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.tanh(x[i]!);
  },
  erf(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.erf(x[i]!);
  },
  sigmoid(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = m.sigmoid(x[i]!);
  },
  relu(x, y, n) {
    // On the bits: what has the sign bit becomes +0, but for NaN (below −8388608, the bits of −Infinity, none is one).
    // A comparison would be mispredicted for every other activation, and take four times as long.
    const from = bitsOf(x);
    const to = bitsOf(y);
    for (let i = 0; i < n; i++) {
      const v = from[i]!;
      to[i] = v & ~((v & (v + 8388607)) >> 31);
    }
  },
};

/** Wraps: the negative of -2³¹ is itself. */
export const intLoops: Record<IntKind, Loop<Int32Array>> = {
  neg(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = -x[i]!;
  },
  abs(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.abs(x[i]!);
  },
  sign(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.sign(x[i]!);
  },
  relu(x, y, n) {
    for (let i = 0; i < n; i++) y[i] = Math.max(x[i]!, 0);
  },
};
