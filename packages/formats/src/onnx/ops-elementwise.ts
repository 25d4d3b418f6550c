import { elementOf, type OnnxElement, type OnnxNode } from '@graftjs/onnx-graph';
import { dtypeOf, integerType, isElement } from '../graph/element.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import { asNumber, folded, select, trainedOperands, unary, wrapped } from '../graph/translations.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrInt } from './node.ts';

/** Without its one axis, a constant of one element is a number. */
const plain = (v: Value): Value => asNumber(v, 1);

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
    const operands = inputs.map(plain);
    const y = to.add(op, trains ? trainedOperands(to, operands) : operands);
    to.output(ARITHMETIC.has(op) ? wrapped(to, y, element) : y);
  };
/** What may leave the range of a small integer type. */
const ARITHMETIC = new Set(['add', 'sub', 'mul']);
/** Of one input or more. */
const variadic =
  (op: string): Translation =>
  (node, to) =>
    to.output(foldedInputs(op, node, to));
const foldedInputs = (op: string, { inputs }: OnnxNode, to: OnnxLowering): Value =>
  folded(
    op,
    inputs.map((_, i) => plain(to.input(i))),
    to,
  );
const mean: Translation = (node, to) => {
  const count = node.inputs.length;
  const sum = foldedInputs('add', node, to);
  to.output(count > 1 ? to.add('div', [sum, to.number(count)]) : sum);
};

/** float16 rounds, small integer types wrap. */
function castTo(to: OnnxLowering, element: OnnxElement | undefined): void {
  if (!isElement(element)) throw new Unsupported(`to ${element ?? 'an unknown type'}`);
  // ONNX 1.12 cuts off the lower bits, later versions round.
  if (element === 'bfloat16') throw new Unsupported('to bfloat16');
  if (element === 'float32' && to.elementOf(0) === 'float32') return to.output(to.input(0));
  const y = to.add('cast', [to.input(0)], { dtype: dtypeOf(element) }, element);
  to.output(
    element === 'float16' ? to.add('roundFloat', [y], { bits: 11, largest: 65504 }) : wrapped(to, y, element),
  );
}
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
  Where: (_, to) => select(to, plain(to.input(1)), plain(to.input(2))),
  Cast: (node, to) => castTo(to, elementOf(attrInt(node, 'to', 0))),
  CastLike: (_, to) => castTo(to, to.elementOf(1)),
  Clip: clip,
};
