import type { Layout, OpAttrs, OpName, Shape, TensorSpec } from '@graftjs/core';
import { float, lower, type Attributes, type GraphBuilder, type Value } from '@graftjs/onnx-graph';

/** One op on its way into a file: what the tables of this folder write with. */
export interface Emit {
  readonly b: GraphBuilder;
  /** Values; null where an optional input is absent. */
  readonly inputs: readonly (Value | null)[];
  /** What the op gives. */
  readonly outputs: readonly TensorSpec[];
}

/** One float32 number. */
export const scalar = (b: GraphBuilder, value: number): Value => b.constant([value], []);

/** A node whose result is like its first input. */
export function like(
  b: GraphBuilder,
  op: string,
  inputs: readonly (Value | null)[],
  attrs?: Attributes,
): Value {
  return b.add(op, inputs, { shape: inputs[0]!.shape }, attrs);
}

/** Elementwise arithmetic of x with something that broadcasts to it. */
export function with_(b: GraphBuilder, op: string, x: Value, other: Value | number): Value {
  return like(b, op, [x, typeof other === 'number' ? scalar(b, other) : other]);
}

/** A primitive by its definition in core, where no operator says the same more shortly. */
export function primitive<N extends OpName>(
  b: GraphBuilder,
  op: N,
  inputs: readonly Value[],
  attrs: OpAttrs[N],
  shape: readonly number[],
): Value {
  return lower(b, op, inputs, attrs, { dtype: 'float32', shape });
}

export function transposed(b: GraphBuilder, x: Value, perm: readonly number[]): Value {
  return primitive(
    b,
    'transpose',
    [x],
    { perm },
    perm.map((i) => x.shape[i]!),
  );
}
export function reshaped(b: GraphBuilder, x: Value, shape: readonly number[]): Value {
  return primitive(b, 'reshape', [x], { shape }, shape);
}

/** ONNX has its channels first: what runs there on what is not goes there and back. */
export function channelsFirst(b: GraphBuilder, x: Value, layout: Layout, run: (x: Value) => Value): Value {
  const rank = x.shape.length;
  if (layout === 'channels-first' || rank < 3) return run(x);
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  const y = run(transposed(b, x, [0, rank - 1, ...spatial]));
  return y.shape.length < 3 ? y : transposed(b, y, [0, ...spatial.map((i) => i + 1), 1]);
}

/** `[n, c, ...spatial]` of a shape in either layout. */
export function firstShape(shape: Shape, layout: Layout): Shape {
  return layout === 'channels-first' ? shape : [shape[0]!, shape.at(-1)!, ...shape.slice(1, -1)];
}

/** ONNX's padding: all that is before, then all that is after; null where some is negative, which ONNX does not have. */
export function padsOf(padding: readonly (readonly [number, number])[]): number[] | null {
  if (padding.flat().some((n) => n < 0)) return null;
  return [...padding.map(([lo]) => lo), ...padding.map(([, hi]) => hi)];
}

export { float };
