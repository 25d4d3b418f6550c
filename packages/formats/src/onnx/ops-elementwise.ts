import type { OnnxNode } from '@graftjs/onnx-graph';
import { elementTypes } from '@graftjs/onnx-graph';
import type { ElementType } from '../graph/element.ts';
import type { Json } from '../graph/graph.ts';
import { type Value } from '../graph/lowering.ts';
import { type OnnxLowering, type Translation } from './lower.ts';
import { dtypeOf, integerType } from '../graph/element.ts';
import { Unsupported } from '../graph/lowering.ts';
import { attrFloat, attrInt } from './node.ts';
import { wrapped } from './ops-math.ts';

const unary =
  (op: string, attrs: (node: OnnxNode) => Record<string, Json> = () => ({})): Translation =>
  (node, to) =>
    to.give(op, [to.input(0)], attrs(node));

/** One value, whatever its number of axes, is a number: it broadcasts all the same. */
function plain(v: Value): Value {
  return v.kind === 'constant' && v.array.values.length === 1 && v.array.shape.length <= 1
    ? { ...v, array: { ...v.array, shape: [] } }
    : v;
}
/** Factors and summands behind the first weights are trained, as biases and scales of networks are written. */
function trainedOperand(to: OnnxLowering, i: number, others: readonly Value[]): Value {
  const v = plain(to.input(i));
  const isWeight = v.kind === 'constant' && v.array.dtype === 'float32' && v.array.shape.length > 0;
  return isWeight && others.some((o) => o.kind === 'computed' && o.trained) ? to.weight(i, role(i)) : v;
}
const role = (i: number): string => (i === 1 ? 'constant' : `constant${i}`);

const binary =
  (op: string): Translation =>
  (node, to) => {
    const axis = to.opset < 7 && attrInt(node, 'broadcast', 0) ? attrInt(node, 'axis') : undefined;
    if (axis !== undefined) {
      // Before version 7, the second operand's axes might begin at one of the first's.
      const aligned = to.add('alignFrom', [to.input(1), to.input(0)], { axis });
      return to.give(op, [to.input(0), aligned]);
    }
    const inputs = [to.input(0), to.input(1)];
    const element = inputs.find((v) => v.element)?.element;
    if (op === 'div' && integerType(element)) return to.give('integerQuotient', inputs);
    const trains = op === 'add' || op === 'mul';
    const y = to.add(op, trains ? inputs.map((_, i) => trainedOperand(to, i, inputs)) : inputs.map(plain));
    to.output(ARITHMETIC.has(op) ? wrapped(to, y, element) : y);
  };
/** What may leave the range of a small integer type. */
const ARITHMETIC = new Set(['add', 'sub', 'mul']);
/** Of one input or more. */
const variadic =
  (op: string): Translation =>
  (node, to) => {
    const inputs = node.inputs.map((_, i) => plain(to.input(i)));
    to.output(inputs.slice(1).reduce((y, x) => to.add(op, [y, x]), inputs[0] ?? to.input(0)));
  };

/** Of two numbers the graph must be told the type. */
const where: Translation = (_, to) => {
  const [a, b] = [plain(to.input(1)), plain(to.input(2))];
  const dtype = a.kind === 'constant' && b.kind === 'constant' ? { dtype: a.array.dtype } : {};
  to.give('select', [to.input(0), a, b], dtype, a.element);
};
const mean: Translation = (node, to) => {
  const inputs = node.inputs.map((_, i) => plain(to.input(i)));
  const sum = inputs.slice(1).reduce((y, x) => to.add('add', [y, x]), inputs[0]!);
  to.output(inputs.length > 1 ? to.add('div', [sum, to.number(inputs.length)]) : sum);
};

const ELEMENTS = Object.keys(elementTypes) as ElementType[];
/** float16 rounds, small integer types wrap. */
function castTo(to: OnnxLowering, element: ElementType | undefined): void {
  const dtype = element && dtypeOf(element);
  if (!dtype) throw new Unsupported(`to ${element ?? 'an unknown type'}`);
  // ONNX 1.12 cuts off the lower bits, later versions round.
  if (element === 'bfloat16') throw new Unsupported('to bfloat16');
  if (element === 'float32' && to.elementOf(0) === 'float32') return to.output(to.input(0));
  const y = to.add('cast', [to.input(0)], { dtype }, element);
  to.output(
    element === 'float16' ? to.add('roundFloat', [y], { bits: 11, largest: 65504 }) : wrapped(to, y, element),
  );
}
const cast: Translation = (node, to) => {
  const code = attrInt(node, 'to', 0);
  castTo(
    to,
    ELEMENTS.find((e) => elementTypes[e].code === code),
  );
};

/** Limits were attributes before version 11, then inputs. */
const clip: Translation = (node, to) => {
  const [low, high] =
    to.opset < 11
      ? [attrFloat(node, 'min', -Infinity), attrFloat(node, 'max', Infinity)]
      : [to.scalar(1) ?? -Infinity, to.scalar(2) ?? Infinity];
  if (low === 0 && high === 6) return to.give('relu6', [to.input(0)]);
  if (low === 0 && high === Infinity) return to.give('relu', [to.input(0)]);
  // JSON has no infinity; beyond float32 is the same.
  to.give('clip', [to.input(0)], {
    ...(Number.isFinite(low) && { low }),
    ...(Number.isFinite(high) && { high }),
  });
};

export const elementwiseOps: Readonly<Record<string, Translation>> = {
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Max: variadic('maximum'),
  Min: variadic('minimum'),
  Sum: variadic('add'),
  Mean: mean,
  Equal: binary('equal'),
  Less: binary('less'),
  LessOrEqual: binary('lessEqual'),
  Greater: binary('greater'),
  GreaterOrEqual: binary('greaterEqual'),
  And: binary('logicalAnd'),
  Or: binary('logicalOr'),
  Not: unary('logicalNot'),
  Where: where,
  Cast: cast,
  CastLike: (_, to) => castTo(to, to.elementOf(1)),
  Clip: clip,
  Neg: unary('neg'),
  Abs: unary('abs'),
  Sign: unary('sign'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Reciprocal: unary('reciprocal'),
  Erf: unary('erf'),
};
