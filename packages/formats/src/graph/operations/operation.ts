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
import type { ElementType } from '../element.ts';
import type { Attrs } from '../graph.ts';
import { toTensor, type GraphValue, type HostArray } from '../host-array.ts';

/** Values as they are at run time. */
export type Inputs = readonly GraphValue[];
/** Of one channel: value · scale + shift. */
export interface Affine {
  readonly scale: number;
  readonly shift: number;
}

/** An operation of a graph: all that importers, the module and the passes over graphs know of it. */
export interface GraphOp {
  /**
   * What it means, in core's public ops, so that it is differentiable on every backend; attributes are JSON, layouts and axes
   * as in core. Left out where the operation takes only what is known before anything is computed.
   */
  readonly run?: (inputs: Inputs, attrs: Attrs) => GraphValue;
  /**
   * The same on host arrays, where all inputs are such: what shapes are computed with, and what constants are folded with.
   * What has none runs as a tensor.
   */
  readonly host?: (inputs: readonly HostArray[], attrs: Attrs) => HostArray;
  /** The type of the result: by default the attribute `dtype`, or else that of the first input which has one. */
  readonly element?: ElementType;
  /** The first input whose type the result may have. Default 0. */
  readonly typedFrom?: number;
  /** Is the result on the host although the input is a tensor? */
  readonly toHost?: true;
  /** Are the channels anywhere behind it? */
  readonly movesChannels?: true;
  /** Does it leave all values what they are? */
  readonly keepsValues?: true;
  /** What it does to a channel beside a constant, which is the second input if `isSecond`; null where that is not affine. */
  readonly affine?: (constant: number, isSecond: boolean) => Affine | null;
  /** May it stand between the features and a classifier, and behind it ('around'), or only behind it? */
  readonly nearClassifier?: 'around' | 'behind';
  /** The activation that it is to a convolution which takes it along. */
  readonly activation?: 'relu' | 'relu6';
}

/** Operations that are only done on tensors. */
export const onTensors = (ops: Readonly<Record<string, GraphOp['run']>>): Record<string, GraphOp> =>
  Object.fromEntries(Object.entries(ops).map(([name, run]) => [name, { run }] as const)) as Record<
    string,
    GraphOp
  >;

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

/** Of one tensor. */
export const of =
  (f: (x: Tensor) => Tensor) =>
  (x: Inputs): Tensor =>
    f(tensorAt(x, 0));
