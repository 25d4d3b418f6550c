import { sizeOf, type TensorSpec } from '@graftjs/core';
import type { BinaryKind, Operand, UnaryKind } from '@graftjs/core/backend';
import { broadcastMap } from './indexing.ts';
import type { Products } from './products.ts';

/** A tensor's values: float32 tensors in float64. */
export type Values = Float64Array | Int32Array | Uint8Array;

/** Sums that are added to. */
type Sums = { [output: number]: number };

/** The arithmetic that the reference kernels are evaluated in. */
export interface Arithmetic {
  readonly name: string;
  /** What becomes of a number that comes in: an uploaded value, a constant in the attributes. */
  readonly number: (x: number) => number;
  readonly add: (a: number, b: number) => number;
  readonly mul: (a: number, b: number) => number;
  readonly div: (a: number, b: number) => number;
  /** Adds products one after the other, each with `mul` and `add`: written out, because the suite waits for little else. */
  readonly addProducts: (to: Sums, a: ArrayLike<number>, b: ArrayLike<number>, list: Products) => void;
  readonly unary: Readonly<Record<UnaryKind, (x: number) => number>>;
  readonly binary: Readonly<Record<BinaryKind, (a: number, b: number) => number>>;
}

export function allocate(spec: TensorSpec): Values {
  const n = sizeOf(spec.shape);
  return spec.dtype === 'float32'
    ? new Float64Array(n)
    : spec.dtype === 'int32'
      ? new Int32Array(n)
      : new Uint8Array(n);
}

/** Fills a fresh tensor; int32 wraps. */
export function fill(spec: TensorSpec, value: (i: number) => number): Values {
  const y = allocate(spec);
  for (let i = 0; i < y.length; i++) y[i] = value(i);
  return y;
}

/** Towards zero, NaN to 0, the rest to the nearest int32. */
export function toInt32(x: number): number {
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x) || 0));
}

/** Both operands of an elementwise op, repeated to the output's shape. */
export function pairs(
  inputs: readonly Operand<Values>[],
  out: TensorSpec,
  value: (a: number, b: number) => number,
): Values {
  const [a, b] = inputs;
  const [ia, ib] = [broadcastMap(a.spec.shape, out.shape), broadcastMap(b.spec.shape, out.shape)];
  return fill(out, (i) => value(a.buffer[ia[i]], b.buffer[ib[i]]));
}

/** int32 wraps (the store does it); there is no integer division or power. */
export const integer: Readonly<Record<BinaryKind, (a: number, b: number) => number>> = {
  add: (a: number, b: number) => (a + b) | 0,
  sub: (a: number, b: number) => (a - b) | 0,
  mul: Math.imul,
  div: () => NaN,
  pow: () => NaN,
  max: Math.max,
  min: Math.min,
};
