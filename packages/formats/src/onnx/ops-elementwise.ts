import type { OnnxNode } from '@graftjs/onnx-graph';
import { elementTypes } from '@graftjs/onnx-graph';
import type { Json } from '../graph.ts';
import { type OnnxLowering, type Value, type Translation } from './lower.ts';
import { attrFloat, attrInt, attrString, dtypeOf, Unsupported } from './node.ts';

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
    if (attrInt(node, 'broadcast', 0) && node.attributes['axis'])
      throw new Unsupported('broadcast with an axis');
    const inputs = [to.input(0), to.input(1)];
    const trains = op === 'add' || op === 'mul';
    to.give(op, trains ? inputs.map((_, i) => trainedOperand(to, i, inputs)) : inputs.map(plain));
  };
/** Of one input or more. */
const variadic =
  (op: string): Translation =>
  (node, to) => {
    const inputs = node.inputs.map((_, i) => plain(to.input(i)));
    to.output(inputs.slice(1).reduce((y, x) => to.add(op, [y, x]), inputs[0] ?? to.input(0)));
  };

const cast: Translation = (node, to) => {
  const code = attrInt(node, 'to', 0);
  const element = Object.entries(elementTypes).find(([, t]) => t.code === code)?.[0];
  const dtype = element && dtypeOf(element as keyof typeof elementTypes);
  if (!dtype) throw new Unsupported(`to element type ${code}`);
  to.give('cast', [to.input(0)], { dtype });
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

/** Along one axis since version 13, over it and all after it before. */
const softmax =
  (op: string): Translation =>
  (node, to) =>
    to.give(
      op,
      [to.input(0)],
      to.opset < 13 ? { flattenFrom: attrInt(node, 'axis', 1) } : { axis: attrInt(node, 'axis', -1) },
    );

const hardSigmoid: Translation = (node, to) => {
  const [alpha, beta] = [attrFloat(node, 'alpha', 0.2), attrFloat(node, 'beta', 0.5)];
  if (Math.abs(alpha - 1 / 6) < 1e-6 && beta === 0.5) return to.give('hardsigmoid', [to.input(0)]);
  const line = to.add('add', [to.add('mul', [to.input(0), to.number(alpha)]), to.number(beta)]);
  to.give('clip', [line], { low: 0, high: 1 });
};

export const elementwiseOps: Readonly<Record<string, Translation>> = {
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Pow: binary('pow'),
  Max: variadic('maximum'),
  Min: variadic('minimum'),
  Sum: variadic('add'),
  Equal: binary('equal'),
  Less: binary('less'),
  LessOrEqual: binary('lessEqual'),
  Greater: binary('greater'),
  GreaterOrEqual: binary('greaterEqual'),
  And: binary('logicalAnd'),
  Or: binary('logicalOr'),
  Not: unary('logicalNot'),
  Where: (_, to) => to.give('select', [to.input(0), plain(to.input(1)), plain(to.input(2))]),
  Cast: cast,
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
  Relu: unary('relu'),
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  Softplus: unary('softplus'),
  Mish: unary('mish'),
  HardSwish: unary('hardswish'),
  HardSigmoid: hardSigmoid,
  Elu: unary('elu', (node) => ({ alpha: attrFloat(node, 'alpha', 1) })),
  LeakyRelu: unary('leakyRelu', (node) => ({ slope: attrFloat(node, 'alpha', 0.01) })),
  PRelu: (_, to) => to.give('prelu', [to.input(0), to.weight(1, 'weight')]),
  Gelu: unary('gelu', (node) => ({ approximate: attrString(node, 'approximate', 'none') })),
  Softmax: softmax('softmax'),
  LogSoftmax: softmax('logSoftmax'),
};
