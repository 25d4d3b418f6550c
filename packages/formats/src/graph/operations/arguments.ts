import {
  isTensor,
  ShapeError,
  tensor,
  type ConvOptions,
  type DType,
  type Layout,
  type Tensor,
  type TensorLike,
} from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { toTensor, type GraphValue } from '../host-array.ts';

/** What an operation means: inputs are values as they are at run time, attributes JSON, layouts and axes as in core. */
export type GraphOp = (inputs: Inputs, attrs: Attrs) => GraphValue;
export type Inputs = readonly GraphValue[];

/**
 * Input `i` as a tensor; what was computed on the host is put beside the other inputs. A number, which has no type of its
 * own, becomes a scalar of `dtype`, by default that of a tensor beside it, or float32.
 */
export function tensorAt(inputs: Inputs, i: number, dtype?: DType): Tensor {
  const x = inputs[i];
  if (x === undefined) throw new ShapeError(`input ${i} must be a tensor`);
  if (isTensor(x)) return x;
  const beside = inputs.find(isTensor);
  if (typeof x !== 'number') return toTensor(x, beside);
  return tensor(x, [], {
    dtype: dtype ?? beside?.dtype ?? 'float32',
    ...(beside && { backend: beside.backend }),
  });
}
/** The same, but a number stays one. */
export function operandAt(inputs: Inputs, i: number): TensorLike {
  return typeof inputs[i] === 'number' ? inputs[i] : tensorAt(inputs, i);
}
export function optionalTensor(inputs: Inputs, i: number): Tensor | null {
  return inputs.length > i ? tensorAt(inputs, i) : null;
}
/**
 * Input `i` as numbers that are known before anything is computed.
 * @throws ShapeError for a tensor: a shape cannot depend on data.
 */
export function numbersAt(inputs: Inputs, i: number): number[] {
  const x = inputs[i];
  if (x === undefined || isTensor(x)) throw new ShapeError(`input ${i} depends on data, it must not`);
  return typeof x === 'number' ? [x] : Array.from(x.values);
}

export const layoutOf = (a: Attrs): Layout =>
  a['layout'] === 'channels-last' ? 'channels-last' : 'channels-first';
export function numbers(a: Attrs, key: string): number[] {
  const v = a[key];
  if (!Array.isArray(v) || v.some((d) => typeof d !== 'number'))
    throw new ShapeError(`attribute '${key}' must be a list of numbers`);
  return v as number[];
}
export const optionalNumbers = (a: Attrs, key: string): number[] | undefined =>
  a[key] === undefined ? undefined : numbers(a, key);
export const number = (a: Attrs, key: string, fallback: number): number =>
  typeof a[key] === 'number' ? a[key] : fallback;

export const windowOf = (
  a: Attrs,
): { stride: number[]; padding: NonNullable<ConvOptions['padding']>; layout: Layout } => ({
  stride: numbers(a, 'stride'),
  padding: a['padding'] as NonNullable<ConvOptions['padding']>,
  layout: layoutOf(a),
});

export const unary =
  (f: (x: Tensor) => Tensor): GraphOp =>
  (x) =>
    f(tensorAt(x, 0));
