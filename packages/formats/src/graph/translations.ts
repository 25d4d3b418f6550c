import { dtypeOf, integerType, type ElementType } from './element.ts';
import type { Json } from './graph.ts';
import { Unsupported, type Lowering, type Value } from './lowering.ts';

/** Says a node of any format in the graph's operations: what several formats say alike. */
export type Translation<Node = unknown> = (node: Node, to: Lowering) => void;

/** @throws Unsupported for whole numbers. */
export function wantFloat(element: ElementType | undefined): void {
  if (element && dtypeOf(element) !== 'float32') throw new Unsupported(`of ${element}`);
}

/** One operation of the first input. */
export const unary =
  <Node>(op: string, attrs?: (node: Node) => Record<string, Json>): Translation<Node> =>
  (node, to) =>
    to.give(op, [to.input(0)], attrs?.(node));
const ofFloats =
  (op: string): Translation =>
  (_, to) => {
    wantFloat(to.elementOf(0));
    to.give(op, [to.input(0)]);
  };
/** Under the names of operations with a capital letter, as ONNX and TensorFlow have them: 'Relu' for 'relu'. */
const capital = (ops: readonly string[], translation: (op: string) => Translation): [string, Translation][] =>
  ops.map((op) => [op[0]!.toUpperCase() + op.slice(1), translation(op)]);

const UNARY = [
  ...['neg', 'abs', 'sign', 'floor', 'ceil', 'round', 'exp', 'log', 'sqrt', 'reciprocal', 'erf'],
  ...['relu', 'sigmoid', 'tanh', 'softplus'],
];
const TRIGONOMETRIC = [
  ...['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'asinh', 'acosh', 'atanh'],
];

/** x / (1 + |x|). */
const softsign: Translation = (_, to) =>
  to.give('div', [to.input(0), to.add('add', [to.add('abs', [to.input(0)]), to.number(1)])]);

/** What ONNX and TensorFlow call by one name and mean alike. */
export const sharedOps: Readonly<Record<string, Translation>> = {
  ...Object.fromEntries([...capital(UNARY, unary), ...capital(TRIGONOMETRIC, ofFloats)]),
  Softsign: softsign,
  Range: (_, to) => to.give('range', [to.extents(0), to.extents(1), to.extents(2)]),
};

/** A constant of one element is a number, whatever its number of axes up to `rank`: it broadcasts all the same. */
export function asNumber(v: Value, rank: number = Infinity): Value {
  const isOne = v.kind === 'constant' && v.array.values.length === 1 && v.array.shape.length <= rank;
  return isOne ? { ...v, array: { ...v.array, shape: [] } } : v;
}
/** Factors and summands behind the first weights are trained, as biases and scales of networks are written. */
export function trainedOperands(to: Lowering, inputs: readonly Value[]): Value[] {
  const isTrained = inputs.some((v) => v.kind === 'computed' && v.trained);
  return inputs.map((v, i) => {
    const isWeight = v.kind === 'constant' && v.array.dtype === 'float32' && v.array.shape.length > 0;
    return isTrained && isWeight ? to.weight(i, i === 1 ? 'constant' : `constant${i}`) : v;
  });
}
/** Any number of values, two by two. */
export const folded = (op: string, [first, ...rest]: readonly Value[], to: Lowering): Value =>
  rest.reduce((y, x) => to.add(op, [y, x]), first ?? to.input(0));

/** The first input chooses between two values. Of two numbers the graph must be told the type. */
export function select(to: Lowering, a: Value, b: Value): void {
  const dtype = a.kind === 'constant' && b.kind === 'constant' ? { dtype: a.array.dtype } : {};
  to.give('select', [to.input(0), a, b], dtype, a.element);
}
/** γ · elu(x, α). (Klambauer et al., 2017, arXiv:1706.02515) */
export const selu = (to: Lowering, alpha: number, gamma: number): void =>
  to.give('mul', [to.add('elu', [to.input(0)], { alpha }), to.number(gamma)]);

/** What an integer type of 8 or 16 bits makes of a result that is computed in 32. */
export function wrapped(to: Lowering, v: Value, element: ElementType | undefined): Value {
  const type = integerType(element);
  return type && type.bits < 32 ? to.add('wrap', [v], { ...type }, element) : v;
}

/** Position of the largest or smallest element. */
export function extreme(to: Lowering, smallest: boolean, attrs: Record<string, Json>): void {
  to.give('argmax', [smallest ? to.add('neg', [to.input(0)]) : to.input(0)], attrs);
}
/** The largest or smallest, and as a second output where they are. */
export function topK(to: Lowering, attrs: { k: number; axis: number; smallest: boolean }): void {
  const places = to.add('topK', [to.input(0)], attrs);
  to.output(to.add('gatherElements', [to.input(0), places], { axis: attrs.axis }));
  to.output(places, 1);
}
