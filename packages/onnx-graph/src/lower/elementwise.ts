import type { BinaryKind, CompareKind, UnaryKind } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import type { Lowerings } from './lowerings.ts';
import { cast, choose, elementwise, isNan, scalar } from './vocabulary.ts';

/** Kinds of `unary` that are one operator. */
export const UNARY_OPERATORS: Readonly<Partial<Record<UnaryKind, string>>> = {
  neg: 'Neg',
  abs: 'Abs',
  sign: 'Sign',
  floor: 'Floor',
  ceil: 'Ceil',
  round: 'Round',
  sqrt: 'Sqrt',
  reciprocal: 'Reciprocal',
  exp: 'Exp',
  log: 'Log',
  erf: 'Erf',
  relu: 'Relu',
  not: 'Not',
};

type Composed = (b: GraphBuilder, x: Value) => Value;

const COMPOSED: Readonly<Partial<Record<UnaryKind, Composed>>> = {
  rsqrt: (b, x) => elementwise(b, 'Reciprocal', [elementwise(b, 'Sqrt', [x])]),

  trunc(b, x) {
    const below = elementwise(b, 'Less', [x, scalar(b, 0)], 'bool');
    return choose(b, below, elementwise(b, 'Ceil', [x]), elementwise(b, 'Floor', [x]));
  },

  /** onnxruntime's loses digits of small numbers, where x is the nearest float32 to it, or next to that. */
  tanh(b, x) {
    const small = elementwise(b, 'Less', [elementwise(b, 'Abs', [x]), scalar(b, 2 ** -12)], 'bool');
    return choose(b, small, x, elementwise(b, 'Tanh', [x]));
  },

  /** 1 / (1 + e⁻ˣ) and eˣ / (1 + eˣ), so that nothing overflows: onnxruntime's has an absolute error only. */
  sigmoid(b, x) {
    const one = scalar(b, 1);
    const e = elementwise(b, 'Exp', [elementwise(b, 'Neg', [elementwise(b, 'Abs', [x])])]);
    const below = elementwise(b, 'Less', [x, scalar(b, 0)], 'bool');
    return elementwise(b, 'Div', [choose(b, below, e, one), elementwise(b, 'Add', [e, one])]);
  },

  // W. Kahan's forms: what 1 + x and eˣ lose in rounding is lost by the quotient, too, and cancels.

  /** log(u) · x / (u − 1), u = 1 + x; x itself where u = 1, and log(u) where it is infinite. */
  log1p(b, x) {
    const one = scalar(b, 1);
    const u = elementwise(b, 'Add', [x, one]);
    const log = elementwise(b, 'Log', [u]);
    const ratio = elementwise(b, 'Div', [x, elementwise(b, 'Sub', [u, one])]);
    const small = elementwise(b, 'Less', [elementwise(b, 'Abs', [x]), one], 'bool');
    const y = choose(b, small, elementwise(b, 'Mul', [log, ratio]), log);
    return choose(b, elementwise(b, 'Equal', [u, one], 'bool'), x, y);
  },

  /** (u − 1) · x / log(u), u = eˣ, for |x| < 1; u − 1 beyond. */
  expm1(b, x) {
    const one = scalar(b, 1);
    const u = elementwise(b, 'Exp', [x]);
    const less = elementwise(b, 'Sub', [u, one]);
    const ratio = elementwise(b, 'Div', [x, elementwise(b, 'Log', [u])]);
    const small = elementwise(b, 'Less', [elementwise(b, 'Abs', [x]), one], 'bool');
    const y = choose(b, small, elementwise(b, 'Mul', [less, ratio]), less);
    return choose(b, elementwise(b, 'Equal', [u, one], 'bool'), x, y);
  },
};

/** Kinds of `binary`, each one operator. */
export const BINARY_OPERATORS: Readonly<Record<BinaryKind, string>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  pow: 'Pow',
  max: 'Max',
  min: 'Min',
};

const COMPARE: Readonly<Record<Exclude<CompareKind, 'notEqual'>, string>> = {
  equal: 'Equal',
  less: 'Less',
  lessEqual: 'LessOrEqual',
  greater: 'Greater',
  greaterEqual: 'GreaterOrEqual',
};

/** min(relu(x), limit) is one operator, which runtimes join with the convolution before. */
function clipped(b: GraphBuilder, x: Value, limit: Value): Value | undefined {
  const most = b.valuesOf(limit);
  const maker = b.maker(x);
  if (maker?.opType !== 'Relu' || x.element !== 'float32') return undefined;
  if (most?.length !== 1 || !(most[0]! >= 0) || limit.shape.length > x.shape.length) return undefined;
  const inner: Value = { ...x, name: maker.inputs[0]! };
  return b.add('Clip', [inner, scalar(b, 0), scalar(b, most[0]!)], { shape: x.shape });
}

/** 2³¹, the first float32 beyond int32. */
const TOO_LARGE = 2 ** 31;

/** Truncated, saturated, NaN to 0: ONNX leaves the last two open. */
function toInt32(b: GraphBuilder, x: Value): Value {
  const zero = scalar(b, 0);
  const number = choose(b, isNan(b, x), zero, x);
  const high = elementwise(b, 'GreaterOrEqual', [x, scalar(b, TOO_LARGE)], 'bool');
  const low = elementwise(b, 'LessOrEqual', [x, scalar(b, -TOO_LARGE)], 'bool');
  const inside = choose(b, elementwise(b, 'Or', [high, low]), zero, number);
  const y = choose(b, high, scalar(b, TOO_LARGE - 1, 'int32'), cast(b, inside, 'int32'));
  return choose(b, low, scalar(b, -TOO_LARGE, 'int32'), y);
}

export const elementwiseLowerings: Pick<Lowerings, 'unary' | 'binary' | 'compare' | 'select' | 'cast'> = {
  unary(b, [x], { kind }) {
    const op = UNARY_OPERATORS[kind];
    return op === undefined ? COMPOSED[kind]!(b, x) : elementwise(b, op, [x]);
  },

  binary(b, [x, y], { kind }) {
    if (x.element === 'bool') return elementwise(b, kind === 'max' ? 'Or' : 'And', [x, y]);
    if (kind === 'min') return clipped(b, x, y) ?? clipped(b, y, x) ?? elementwise(b, 'Min', [x, y]);
    return elementwise(b, BINARY_OPERATORS[kind], [x, y]);
  },

  compare(b, inputs, { kind }) {
    if (kind === 'notEqual') return elementwise(b, 'Not', [elementwise(b, 'Equal', inputs, 'bool')]);
    // Of bool, ONNX has equality only.
    const ordered = kind !== 'equal' && inputs[0].element === 'bool';
    const numbers = ordered ? inputs.map((x) => cast(b, x, 'int32')) : inputs;
    return elementwise(b, COMPARE[kind], numbers, 'bool');
  },

  select: (b, [condition, yes, no]) => choose(b, condition, yes, no),

  cast: (b, [x], { dtype }) =>
    x.element === 'float32' && dtype === 'int32' ? toInt32(b, x) : cast(b, x, dtype),
};
