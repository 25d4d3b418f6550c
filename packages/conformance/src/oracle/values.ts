import { sizeOf, type TensorSpec } from '@graftjs/core';
import type { BinaryKind, Operand } from '@graftjs/core/backend';
import { broadcastMap } from './indexing.ts';

/** A tensor's values: float32 tensors in float64. */
export type Values = Float64Array | Int32Array | Uint8Array;

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
