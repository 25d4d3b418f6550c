import type { Layout, Shape, TensorSpec } from '@graftjs/core';
import type { OpAttrs, OpName, OpInputs } from '@graftjs/core/backend';
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

/** Operators that do the same to every element, wherever it is. */
const ELEMENTWISE: ReadonlySet<string> = new Set(
  'Neg Abs Sign Floor Ceil Round Sqrt Reciprocal Exp Log Tanh Erf Sigmoid Relu Clip LeakyRelu Elu HardSwish HardSigmoid Softplus Add Sub Mul Div Pow Max Min'.split(
    ' ',
  ),
);

/** A node whose result is like its first input. */
export function like(
  b: GraphBuilder,
  op: string,
  inputs: readonly (Value | null)[],
  attrs?: Attributes,
): Value {
  const { shape } = inputs[0]!;
  return ELEMENTWISE.has(op) ? elementwise(b, op, inputs, shape, attrs) : b.add(op, inputs, { shape }, attrs);
}

/**
 * An elementwise node. Where its operands are transposed alike it comes before the transposition: so those around
 * convolutions of a channels-last network meet, and vanish.
 */
export function elementwise(
  b: GraphBuilder,
  op: string,
  inputs: readonly (Value | null)[],
  shape: Shape,
  attrs?: Attributes,
): Value {
  const sources = inputs.map((v) => v && sourceOf(b, v));
  const perm = sources.find((s) => s !== null)?.perm;
  const alike = inputs.every(
    (v, i) => v === null || v.shape.length === 0 || (perm && String(sources[i]?.perm) === String(perm)),
  );
  if (!perm || !alike) return b.add(op, inputs, { shape }, attrs);
  const moved = inputs.map((v, i) => sources[i]?.x ?? v);
  const y = b.add(op, moved, { shape: before(shape, perm) }, attrs);
  return transposed(b, y, perm);
}

/** What a value is a transposition of, and how: its axis i is the source's axis `perm[i]`. */
export function sourceOf(
  b: GraphBuilder,
  { name, element }: Value,
): { x: Value; perm: readonly number[] } | null {
  const node = b.maker({ name, element, shape: [] });
  const perm = node?.opType === 'Transpose' ? node.attributes['perm'] : undefined;
  if (perm?.type !== 'ints') return null;
  const source = node!.inputs[0]!;
  return { x: { name: source, element, shape: b.shapes.get(source)! }, perm: perm.value };
}

/** The shape that becomes `shape` by `perm`. */
export function before(shape: Shape, perm: readonly number[]): Shape {
  const out = [...shape];
  perm.forEach((from, i) => (out[from] = shape[i]!));
  return out;
}

/** Elementwise arithmetic of x with something that broadcasts to it. */
export function with_(b: GraphBuilder, op: string, x: Value, other: Value | number): Value {
  return like(b, op, [x, typeof other === 'number' ? scalar(b, other) : other]);
}

/** A primitive by its definition in core, where no operator says the same more shortly. */
export function primitive<N extends OpName>(
  b: GraphBuilder,
  op: N,
  inputs: OpInputs<Value>[N],
  attrs: OpAttrs[N],
  shape: readonly number[],
): Value {
  return lower(b, op, inputs, attrs, { dtype: 'float32', shape });
}

/** Axes in a new order; two transpositions in a row are one, or none. */
export function transposed(b: GraphBuilder, x: Value, perm: readonly number[]): Value {
  const from = sourceOf(b, x);
  const source = from?.x ?? x;
  const whole = from ? perm.map((i) => from.perm[i]!) : perm;
  if (whole.every((axis, i) => axis === i)) return source;
  return b.add('Transpose', [source], { shape: whole.map((i) => source.shape[i]!) }, { perm: whole });
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
