import { sameShape, type Shape, sizeOf } from '@graftjs/core/backend';
import type { OnnxElement } from '../model.ts';
import type { GraphBuilder, Value } from './builder.ts';

/*
 * ONNX operators as functions that know the shape of what they give, and make no node where nothing changes.
 */

export const ELEMENT_CODE: Readonly<Partial<Record<OnnxElement, number>>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
};

/** numpy's rule; the shapes fit. */
export function broadcastShape(...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const extents = shapes.map((s) => s[s.length - rank + i] ?? 1);
    return extents.find((n) => n !== 1) ?? 1;
  });
}

export function reshape(b: GraphBuilder, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  // −1 and 0 have other meanings in ONNX; allowzero makes 0 mean 0.
  return b.add('Reshape', [x, b.ints(shape)], { shape }, shape.includes(0) ? { allowzero: 1 } : {});
}

/** Axes in a new order; two in a row are one. */
export function transpose(b: GraphBuilder, x: Value, perm: readonly number[]): Value {
  if (perm.every((from, i) => from === i)) return x;
  const shape = perm.map((i) => x.shape[i]!);
  // Where only axes of extent 1 move, nothing does in memory.
  const moving = perm.filter((i) => x.shape[i] !== 1);
  if (moving.every((axis, i) => i === 0 || axis > moving[i - 1]!)) return reshape(b, x, shape);
  return b.add('Transpose', [x], { shape }, { perm });
}

/** From `start`, `size` elements in steps. */
export function slice(
  b: GraphBuilder,
  x: Value,
  start: readonly number[],
  size: readonly number[],
  step: readonly number[] = size.map(() => 1),
): Value {
  if (sameShape(x.shape, size)) return x;
  const axes = [...x.shape.keys()].filter((i) => start[i] !== 0 || size[i] !== x.shape[i]);
  const ends = axes.map((i) => start[i]! + (size[i]! - 1) * step[i]! + 1);
  return b.add(
    'Slice',
    [x, b.ints(axes.map((i) => start[i]!)), b.ints(ends), b.ints(axes), b.ints(axes.map((i) => step[i]!))],
    { shape: size },
  );
}

/** Elements of some axes in reverse order. */
export function reverse(b: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const list = axes.filter((i) => x.shape[i]! > 1);
  if (list.length === 0) return x;
  const each = (n: number): Value => b.ints(list.map(() => n));
  return b.add('Slice', [x, each(-1), each(-(2 ** 31)), b.ints(list), each(-1)], { shape: x.shape });
}

export function pad(
  b: GraphBuilder,
  x: Value,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): Value {
  if ([...before, ...after].every((n) => n === 0)) return x;
  const shape = x.shape.map((n, i) => before[i]! + n + after[i]!);
  return b.add('Pad', [x, b.ints([...before, ...after]), b.constant([value], [], x.element)], { shape });
}

/** `interior` elements of `value` between neighbours: in columns of a second axis after each. */
export function spread(b: GraphBuilder, x: Value, interior: readonly number[], value = 0): Value {
  if (interior.every((n, i) => n === 0 || x.shape[i]! <= 1)) return x;
  const none = x.shape.flatMap(() => [0, 0]);
  const wide = pad(
    b,
    reshape(
      b,
      x,
      x.shape.flatMap((n) => [n, 1]),
    ),
    none,
    interior.flatMap((n) => [0, n]),
    value,
  );
  const joined = reshape(
    b,
    wide,
    x.shape.map((n, i) => n * (interior[i]! + 1)),
  );
  const zeros = x.shape.map(() => 0);
  return slice(
    b,
    joined,
    zeros,
    joined.shape.map((n, i) => n - interior[i]!),
  );
}

/** Of some length, with the rest cut off or filled with zeros, at the end of each axis. */
export function fit(b: GraphBuilder, x: Value, shape: Shape): Value {
  const zeros = shape.map(() => 0);
  const cut = slice(
    b,
    x,
    zeros,
    shape.map((n, i) => Math.min(n, x.shape[i]!)),
  );
  return pad(
    b,
    cut,
    zeros,
    shape.map((n, i) => n - cut.shape[i]!),
  );
}

export function expand(b: GraphBuilder, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  if (sizeOf(x.shape) === sizeOf(shape)) return reshape(b, x, shape);
  return b.add('Expand', [x, b.ints(shape)], { shape });
}

export function concat(b: GraphBuilder, xs: readonly Value[], axis: number): Value {
  if (xs.length === 1) return xs[0]!;
  const n = xs.reduce((sum, x) => sum + x.shape[axis]!, 0);
  return b.add('Concat', xs, { shape: xs[0]!.shape.with(axis, n) }, { axis });
}

/**
 * A node of elementwise arithmetic or comparison. Operands that broadcast lose axes of extent 1 at the end before, and get
 * them back after: onnxruntime would go through them element by element.
 */
export function elementwise(
  b: GraphBuilder,
  op: string,
  xs: readonly Value[],
  element: OnnxElement = xs[0]!.element,
): Value {
  const shape = broadcastShape(...xs.map((x) => x.shape));
  const rank = shape.findLastIndex((n) => n !== 1) + 1;
  if (rank === shape.length || xs.every((x) => sameShape(x.shape, shape)))
    return b.add(op, xs, { shape, element });
  const ones = shape.length - rank;
  const cut = xs.map((x) => reshape(b, x, x.shape.slice(0, Math.max(x.shape.length - ones, 0))));
  return reshape(b, b.add(op, cut, { shape: shape.slice(0, rank), element }), shape);
}

/** `condition ? yes : no` of numbers; for bool in logic, for onnxruntime has no `Where` of it. */
export function choose(b: GraphBuilder, condition: Value, yes: Value, no: Value): Value {
  if (yes.element !== 'bool') return elementwise(b, 'Where', [condition, yes, no], yes.element);
  const both = elementwise(b, 'And', [condition, yes]);
  return elementwise(b, 'Or', [both, elementwise(b, 'And', [elementwise(b, 'Not', [condition]), no])]);
}

export function cast(b: GraphBuilder, x: Value, element: OnnxElement): Value {
  if (x.element === element) return x;
  return b.add('Cast', [x], { shape: x.shape, element }, { to: ELEMENT_CODE[element]! });
}

/** A scalar constant. */
export function scalar(b: GraphBuilder, value: number, element: OnnxElement = 'float32'): Value {
  return b.constant([value], [], element);
}

export function isNan(b: GraphBuilder, x: Value): Value {
  return elementwise(b, 'IsNaN', [x], 'bool');
}

/** Over some axes; none of them means none. */
export function reduce(
  b: GraphBuilder,
  op: 'ReduceSum' | 'ReduceMax',
  x: Value,
  axes: readonly number[],
  keepDims: boolean,
): Value {
  if (axes.length === 0) return x;
  const shape = x.shape.flatMap((n, i) => (!axes.includes(i) ? [n] : keepDims ? [1] : []));
  const keepdims = Number(keepDims);
  // In opset 17 the axes of ReduceSum are an input, those of ReduceMax an attribute.
  return op === 'ReduceSum'
    ? b.add(op, [x, b.ints(axes)], { shape }, { keepdims })
    : b.add(op, [x], { shape }, { axes, keepdims });
}
