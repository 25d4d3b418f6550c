import { dtypeOf, integerType } from '../graph/element.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import {
  extreme,
  folded,
  select,
  selu,
  sharedOps,
  topK,
  trainedOperands,
  unary,
  wrapped,
} from '../graph/translations.ts';
import { typeOf, type TfLowering, type Translation } from './lower.ts';
import { attrBool, attrFloat, attrInt, attrType } from './node.ts';
import { layerOps } from './ops-layers.ts';
import { movementOps } from './ops-movement.ts';

const operands = (to: TfLowering): Value[] => [to.operand(0), to.operand(1)];
/** What is left of an unfused batch norm, too, is trained. */
const trained =
  (op: string): Translation =>
  (_, to) =>
    to.give(op, trainedOperands(to, operands(to)));
const binary =
  (op: string, ofIntegers = op): Translation =>
  (_, to) => {
    const inputs = operands(to);
    const element = inputs.find((v) => v.element)?.element;
    to.give(integerType(element) ? ofIntegers : op, inputs);
  };
/** Whole numbers or not, rounded down. */
const floorDiv: Translation = (_, to) => {
  const inputs = operands(to);
  if (!inputs.some((v) => integerType(v.element))) return to.output(to.add('floor', [to.add('div', inputs)]));
  const left = to.add('integerModulo', inputs);
  to.give('integerQuotient', [to.add('sub', [inputs[0]!, left]), inputs[1]!]);
};
/** With the sign of the divisor, as TensorFlow.js has it. */
const floorMod: Translation = (_, to) => {
  const inputs = operands(to);
  if (inputs.some((v) => integerType(v.element))) return to.give('integerModulo', inputs);
  const quotient = to.add('floor', [to.add('div', inputs)]);
  to.give('sub', [inputs[0]!, to.add('mul', [quotient, inputs[1]!])]);
};
const squaredDifference: Translation = (_, to) => to.give('square', [to.add('sub', operands(to))]);

const reduction =
  (op: string): Translation =>
  (node, to) => {
    const keepDims = attrBool(node, 'keep_dims', attrBool(node, 'keepDims', false));
    to.give(op, [to.input(0)], { axes: to.list(1), keepDims });
  };
const extremeOf =
  (smallest: boolean): Translation =>
  (node, to) =>
    extreme(to, smallest, { axis: node.inputs.length > 1 ? to.one(1) : 0, keepDims: false });

const selectOf: Translation = (_, to) => select(to, to.operand(1), to.operand(2));
const cast: Translation = (node, to) => {
  const element = typeOf(attrType(node, 'DstT'));
  const dtype = element && dtypeOf(element);
  if (!dtype) throw new Unsupported(`to ${String(attrType(node, 'DstT'))}`);
  if (element === to.elementOf(0)) return to.output(to.input(0));
  const y = to.add('cast', [to.input(0)], { dtype }, element);
  to.output(wrapped(to, y, element));
};
const fillLike =
  (value: number): Translation =>
  (_, to) => {
    const element = to.elementOf(0) ?? 'float32';
    to.give('fill', [to.add('shape', [to.input(0)])], { dtype: dtypeOf(element), value }, element);
  };

const prelu: Translation = (_, to) => to.give('prelu', [to.input(0), to.store(to.float(1), 'slope', true)]);
const log1p: Translation = (_, to) => to.give('log', [to.add('add', [to.input(0), to.number(1)])]);
const expm1: Translation = (_, to) => to.give('sub', [to.add('exp', [to.input(0)]), to.number(1)]);
const clip: Translation = (_, to) => to.give('clip', [to.input(0)], { low: to.one(1), high: to.one(2) });

/** Constants stay constants through these. */
const identity: Translation = (node, to: TfLowering) =>
  node.inputs.forEach((_, i) => to.output(to.input(i), i));

/** TensorFlow's op → how it is said in a `GraphDef`. */
export const translations: Readonly<Record<string, Translation>> = {
  ...sharedOps,
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
  AddN: (node, to) =>
    to.output(
      folded(
        'add',
        node.inputs.map((_, i) => to.operand(i)),
        to,
      ),
    ),
  Sub: binary('sub'),
  Mul: trained('mul'),
  Div: binary('div', 'integerQuotient'),
  RealDiv: binary('div'),
  DivNoNan: (_, to) => {
    const [a, b] = operands(to) as [Value, Value];
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
  Select: selectOf,
  SelectV2: selectOf,
  Cast: cast,
  ZerosLike: fillLike(0),
  OnesLike: fillLike(1),
  Rint: unary('round'),
  Expm1: expm1,
  Log1p: log1p,
  Rsqrt: unary('rsqrt'),
  Square: unary('square'),
  Inv: unary('reciprocal'),
  Relu6: unary('relu6'),
  Elu: unary('elu', () => ({ alpha: 1 })),
  Selu: (_, to) => selu(to, 1.6732632423543772, 1.0507009873554805),
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
  ArgMax: extremeOf(false),
  ArgMin: extremeOf(true),
  Cumsum: (node, to) =>
    to.give('cumulativeSum', [to.input(0)], {
      axis: to.one(1),
      exclusive: attrBool(node, 'exclusive', false),
      reverse: attrBool(node, 'reverse', false),
    }),
  TopKV2: (_, to) => topK(to, { k: to.one(1), axis: -1, smallest: false }),
  OneHot: (node, to) => {
    const values = [to.one(3), to.one(2)];
    const element = to.elementOf(2) ?? 'float32';
    const dtype = dtypeOf(element);
    to.give(
      'oneHot',
      [to.input(0)],
      { depth: to.one(1), axis: attrInt(node, 'axis', -1), values, dtype },
      element,
    );
  },
};
