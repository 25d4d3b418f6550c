import type { TensorSpec } from '@graftjs/core';
import type { OpAttrs, Operand, OpInputs, OpName } from '@graftjs/core/backend';
import type { Values } from '../oracle/values.ts';

/**
 * The oracle's value of every element, and by how much a backend's may differ from it. Null: not at all, the backend
 * must have the very same numbers.
 */
export interface Bounded {
  readonly value: Values;
  readonly error: Float64Array | null;
}

export type BoundedOperand = Operand<Bounded>;

/** What a primitive does to the errors: its inputs, and the value that the oracle gives its output. */
export type ErrorKernel<N extends OpName> = (
  inputs: OpInputs<BoundedOperand>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
  value: Values,
) => Float64Array | null;

export function errorAt(t: BoundedOperand, i: number): number {
  return t.buffer.error === null ? 0 : t.buffer.error[i];
}

/** Distance; 0 between equal infinities. */
export function gap(a: number, b: number): number {
  return a === b ? 0 : Math.abs(a - b);
}
