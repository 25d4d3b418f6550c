import type { DType } from '@graftjs/core';
import type { Json } from '../graph/graph.ts';
import type { Value } from '../graph/lowering.ts';
import { dtypeOf, integerType } from '../graph/element.ts';
import { Unsupported } from '../graph/lowering.ts';
import { typeOf, type TfLowering, type Translation } from './lower.ts';
import { attrBool, attrFloat, attrInt, attrType, type TfNode } from './node.ts';
import { layerOps } from './ops-layers.ts';
import { movementOps } from './ops-movement.ts';

const unary =
  (op: string, attrs: (node: TfNode) => Record<string, Json> = () => ({})): Translation =>
  (node, to) =>
    to.give(op, [to.input(0)], attrs(node));

/** Factors and summands behind the first weights are what is left of an unfused batch norm, and are trained. */
const trained =
  (op: string): Translation =>
  (_, to) => {
    const inputs = [to.operand(0), to.operand(1)];
    const isTrained = inputs.some((v) => v.kind === 'computed' && v.trained);
    const isWeight = (v: Value): boolean =>
      v.kind === 'constant' && v.array.dtype === 'float32' && v.array.shape.length > 0;
    to.give(
      op,
      inputs.map((v, i) => (isTrained && isWeight(v) ? to.weight(i, i === 1 ? 'constant' : 'constant0') : v)),
    );
  };
const binary =
  (op: string, ofIntegers = op): Translation =>
  (_, to) => {
    const inputs = [to.operand(0), to.operand(1)];
    const element = inputs.find((v) => v.element)?.element;
    to.give(integerType(element) ? ofIntegers : op, inputs);
  };
/** Whole numbers or not, rounded down. */
const floorDiv: Translation = (_, to) => {
  const inputs = [to.operand(0), to.operand(1)];
  if (!inputs.some((v) => integerType(v.element))) return to.output(to.add('floor', [to.add('div', inputs)]));
  const left = to.add('integerModulo', inputs);
  to.give('integerQuotient', [to.add('sub', [inputs[0]!, left]), inputs[1]!]);
};
/** With the sign of the divisor, as TensorFlow.js has it. */
const floorMod: Translation = (_, to) => {
  const inputs = [to.operand(0), to.operand(1)];
  if (inputs.some((v) => integerType(v.element))) return to.give('integerModulo', inputs);
  const quotient = to.add('floor', [to.add('div', inputs)]);
  to.give('sub', [inputs[0]!, to.add('mul', [quotient, inputs[1]!])]);
};
const addAll: Translation = (node, to) => {
  const inputs = node.inputs.map((_, i) => to.operand(i));
  to.output(inputs.slice(1).reduce((y, x) => to.add('add', [y, x]), inputs[0] ?? to.input(0)));
};
const squaredDifference: Translation = (_, to) =>
  to.give('square', [to.add('sub', [to.operand(0), to.operand(1)])]);

const reduction =
  (op: string): Translation =>
  (node, to) => {
    const keepDims = attrBool(node, 'keep_dims', attrBool(node, 'keepDims', false));
    to.give(op, [to.input(0)], { axes: to.list(1), keepDims });
  };
const extreme =
  (smallest: boolean): Translation =>
  (node, to) => {
    const x = smallest ? to.add('neg', [to.input(0)]) : to.input(0);
    to.give('argmax', [x], { axis: node.inputs.length > 1 ? to.one(1) : 0, keepDims: false });
  };

const select: Translation = (_, to) => {
  const [a, b] = [to.operand(1), to.operand(2)];
  const dtype = a.kind === 'constant' && b.kind === 'constant' ? { dtype: a.array.dtype } : {};
  to.give('select', [to.input(0), a, b], dtype, a.element);
};
const cast: Translation = (node, to) => {
  const element = typeOf(attrType(node, 'DstT'));
  const dtype = element && dtypeOf(element);
  if (!dtype) throw new Unsupported(`to ${String(attrType(node, 'DstT'))}`);
  if (element === to.elementOf(0)) return to.output(to.input(0));
  const y = to.add('cast', [to.input(0)], { dtype }, element);
  const small = integerType(element);
  to.output(small && small.bits < 32 ? to.add('wrap', [y], { ...small }, element) : y);
};
const fillLike =
  (value: number): Translation =>
  (_, to) => {
    const element = to.elementOf(0) ?? 'float32';
    to.give('fill', [to.add('shape', [to.input(0)])], { dtype: dtypeOf(element) as DType, value }, element);
  };

/** γ · elu(x, α). (Klambauer et al., 2017, arXiv:1706.02515) */
const selu: Translation = (_, to) =>
  to.give('mul', [
    to.add('elu', [to.input(0)], { alpha: 1.6732632423543772 }),
    to.number(1.0507009873554805),
  ]);
const prelu: Translation = (_, to) => to.give('prelu', [to.input(0), to.store(to.float(1), 'slope', true)]);
const softsign: Translation = (_, to) =>
  to.give('div', [to.input(0), to.add('add', [to.add('abs', [to.input(0)]), to.number(1)])]);
const log1p: Translation = (_, to) => to.give('log', [to.add('add', [to.input(0), to.number(1)])]);
const expm1: Translation = (_, to) => to.give('sub', [to.add('exp', [to.input(0)]), to.number(1)]);
const clip: Translation = (_, to) => to.give('clip', [to.input(0)], { low: to.one(1), high: to.one(2) });

/** Constants stay constants through these. */
const identity: Translation = (node, to: TfLowering) =>
  node.inputs.forEach((_, i) => to.output(to.input(i), i));

/** TensorFlow's op → how it is said in a `GraphDef`. */
export const translations: Readonly<Record<string, Translation>> = {
  ...layerOps,
  ...movementOps,
  Identity: identity,
  IdentityN: identity,
  StopGradient: identity,
  PreventGradient: identity,
  Snapshot: identity,
  CheckNumerics: identity,
  EnsureShape: identity,
  Add: trained('add'),
  AddV2: trained('add'),
  AddN: addAll,
  Sub: binary('sub'),
  Mul: trained('mul'),
  Div: binary('div', 'integerQuotient'),
  RealDiv: binary('div'),
  DivNoNan: (_, to) => {
    const [a, b] = [to.operand(0), to.operand(1)];
    const isZero = to.add('equal', [b, to.number(0)]);
    const safe = to.add('select', [isZero, to.number(1), b]);
    to.give('select', [isZero, to.number(0), to.add('div', [a, safe])]);
  },
  FloorDiv: floorDiv,
  FloorMod: floorMod,
  Mod: floorMod,
  SquaredDifference: squaredDifference,
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Pow: binary('pow', 'integerPower'),
  Equal: binary('equal'),
  NotEqual: binary('notEqual'),
  Less: binary('less'),
  LessEqual: binary('lessEqual'),
  Greater: binary('greater'),
  GreaterEqual: binary('greaterEqual'),
  LogicalAnd: binary('logicalAnd'),
  LogicalOr: binary('logicalOr'),
  LogicalNot: unary('logicalNot'),
  Select: select,
  SelectV2: select,
  Cast: cast,
  ZerosLike: fillLike(0),
  OnesLike: fillLike(1),
  Neg: unary('neg'),
  Abs: unary('abs'),
  Sign: unary('sign'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Round: unary('round'),
  Rint: unary('round'),
  Exp: unary('exp'),
  Expm1: expm1,
  Log: unary('log'),
  Log1p: log1p,
  Sqrt: unary('sqrt'),
  Rsqrt: unary('rsqrt'),
  Square: unary('square'),
  Reciprocal: unary('reciprocal'),
  Inv: unary('reciprocal'),
  Erf: unary('erf'),
  Sin: unary('sin'),
  Cos: unary('cos'),
  Tan: unary('tan'),
  Asin: unary('asin'),
  Acos: unary('acos'),
  Atan: unary('atan'),
  Sinh: unary('sinh'),
  Cosh: unary('cosh'),
  Relu: unary('relu'),
  Relu6: unary('relu6'),
  Elu: unary('elu', () => ({ alpha: 1 })),
  Selu: selu,
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  Softplus: unary('softplus'),
  Softsign: softsign,
  Softmax: unary('softmax', () => ({ axis: -1 })),
  LogSoftmax: unary('logSoftmax', () => ({ axis: -1 })),
  LeakyRelu: unary('leakyRelu', (node) => ({ slope: attrFloat(node, 'alpha', 0.2) })),
  Prelu: prelu,
  ClipByValue: clip,
  Mean: reduction('mean'),
  Sum: reduction('sum'),
  Max: reduction('max'),
  Min: reduction('min'),
  Prod: reduction('prod'),
  ArgMax: extreme(false),
  ArgMin: extreme(true),
  Cumsum: (node, to) =>
    to.give('cumulativeSum', [to.input(0)], {
      axis: to.one(1),
      exclusive: attrBool(node, 'exclusive', false),
      reverse: attrBool(node, 'reverse', false),
    }),
  /** Values, and where they are. */
  TopKV2: (_, to) => {
    const places = to.add('topK', [to.input(0)], { k: to.one(1), axis: -1, smallest: false });
    to.output(to.add('gatherElements', [to.input(0), places], { axis: -1 }));
    to.output(places, 1);
  },
  OneHot: (node, to) => {
    const values = [to.one(3), to.one(2)];
    const element = to.elementOf(2) ?? 'float32';
    const dtype = dtypeOf(element) as DType;
    to.give(
      'oneHot',
      [to.input(0)],
      { depth: to.one(1), axis: attrInt(node, 'axis', -1), values, dtype },
      element,
    );
  },
};
