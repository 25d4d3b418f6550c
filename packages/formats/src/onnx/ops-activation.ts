import type { Value } from '../graph/lowering.ts';
import { selu, unary, wantFloat } from '../graph/translations.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrInt, attrString } from './node.ts';

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

const seluOf: Translation = (node, to) => {
  // ONNX's defaults are these in float32; the first versions had 1.6732 and 1.0507.
  const early = to.opset < 6;
  const alpha = attrFloat(node, 'alpha', early ? 1.6732 : 1.67326319217681884765625);
  const gamma = attrFloat(node, 'gamma', early ? 1.0507 : 1.05070102214813232421875);
  selu(to, alpha, gamma);
};

/** max(0, x) + min(0, α · (exp(x / α) − 1)). (Barron, 2017, arXiv:1704.07483) */
const celu: Translation = (node, to) => {
  const alpha = attrFloat(node, 'alpha', 1);
  const unit = to.add('elu', [to.add('div', [to.input(0), to.number(alpha)])], { alpha: 1 });
  to.give('mul', [unit, to.number(alpha)]);
};

/** x where x > α, otherwise 0. (Konda et al., 2014, arXiv:1402.3337) */
const thresholdedRelu: Translation = (node, to) => {
  const above = to.add('greater', [to.input(0), to.number(attrFloat(node, 'alpha', 1))]);
  to.give('select', [above, to.input(0), to.number(0)]);
};

/** x + bias below −λ, x − bias above λ, 0 between. */
const shrink: Translation = (node, to) => {
  wantFloat(to.elementOf(0));
  const [bias, lambd] = [attrFloat(node, 'bias', 0), attrFloat(node, 'lambd', 0.5)];
  const x = to.input(0);
  const outside = (op: string, limit: number, change: number, other: Value): Value =>
    to.add('select', [to.add(op, [x, to.number(limit)]), to.add('add', [x, to.number(change)]), other]);
  to.output(outside('less', -lambd, bias, outside('greater', lambd, -bias, to.number(0))));
};

/** One slope for all, one per element, or in old files one per channel without axes for the positions. */
const prelu: Translation = (_, to) => {
  const slope = to.weight(1, 'weight');
  const perChannel = to.opset < 7 && shapeOf(to, 1)?.length === 1;
  to.give('prelu', [to.input(0), slope], perChannel ? { perChannel } : {});
};
const shapeOf = (to: OnnxLowering, i: number): readonly number[] | undefined => to.knownInput(i)?.array.shape;

export const activations: Readonly<Record<string, Translation>> = {
  Mish: unary('mish'),
  HardSwish: unary('hardswish'),
  HardSigmoid: hardSigmoid,
  Elu: (node, to) => to.give('elu', [to.input(0)], { alpha: attrFloat(node, 'alpha', 1) }),
  Selu: seluOf,
  Celu: celu,
  LeakyRelu: (node, to) => to.give('leakyRelu', [to.input(0)], { slope: attrFloat(node, 'alpha', 0.01) }),
  ThresholdedRelu: thresholdedRelu,
  PRelu: prelu,
  Gelu: (node, to) =>
    to.give('gelu', [to.input(0)], { approximate: attrString(node, 'approximate', 'none') }),
  Shrink: shrink,
  Softmax: softmax('softmax'),
  LogSoftmax: softmax('logSoftmax'),
  Hardmax: softmax('hardmax'),
};
