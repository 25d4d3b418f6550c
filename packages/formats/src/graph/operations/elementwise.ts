import * as core from '@graftjs/core';
import { isTensor, ShapeError, type DType, type Tensor, type TensorLike } from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { boundedShape, type GraphValue } from '../host-array.ts';
import { axisOf } from './axes.ts';
import {
  comparing,
  elementwise as onElements,
  integerQuotient,
  onEach,
  onPairs,
  roundHalfEven,
  sameType,
  type OnNumbers,
} from './host.ts';
import { number, of, operandAt, tensorAt, type Affine, type GraphOp, type Inputs } from './operation.ts';

/** Two small operands may broadcast to something huge. */
function bounded(...operands: readonly TensorLike[]): void {
  const shapes = operands.filter(isTensor).map((x) => x.shape);
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  boundedShape(
    Array.from({ length: rank }, (_, i) => Math.max(...shapes.map((s) => s[i - rank + s.length] ?? 1))),
  );
}
type OfTwo = (a: TensorLike, b: TensorLike) => Tensor;
/** Of two inputs, either of which may be a number. */
export const ofTwo =
  (f: OfTwo) =>
  (x: Inputs): Tensor => {
    // Of two numbers the first becomes a tensor: most often they do not come here, but stay on the host.
    const numbers = x.slice(0, 2).every((v) => typeof v === 'number');
    const [a, b] = [numbers ? tensorAt(x, 0) : operandAt(x, 0), operandAt(x, 1)];
    bounded(a, b);
    return f(a, b);
  };
/** Of any number of inputs, two by two. */
const ofMany =
  (f: OfTwo) =>
  (x: Inputs): GraphValue =>
    x.slice(1).reduce<GraphValue>((y, v) => ofTwo(f)([y, v]), x[0] ?? tensorAt(x, 0));

/** On tensors and, with `host`, on host arrays; there whole numbers may be done differently. */
const unary = (f: (x: Tensor) => Tensor, host?: (v: number) => number): GraphOp => ({
  run: of(f),
  ...(host && { host: onEach(host) }),
});
const unaries = (ops: Readonly<Record<string, (x: Tensor) => Tensor>>): Record<string, GraphOp> =>
  Object.fromEntries(Object.entries(ops).map(([name, f]) => [name, unary(f)]));
const binary = (f: OfTwo, host: OnNumbers, affine?: GraphOp['affine']): GraphOp => ({
  run: ofTwo(f),
  host: onPairs(host),
  ...(affine && { affine }),
});
const compare = (f: OfTwo, host: (a: number, b: number) => boolean): GraphOp => ({
  run: ofTwo(f),
  host: comparing(host),
  element: 'bool',
});
const scaled = (scale: number): Affine => ({ scale, shift: 0 });
const shifted = (shift: number): Affine => ({ scale: 1, shift });

function select(x: Inputs, a: Attrs): Tensor {
  const [yes, no] = [operandAt(x, 1), operandAt(x, 2)];
  const condition = tensorAt(x, 0, 'bool');
  bounded(condition, yes, no);
  const typed = isTensor(yes) || isTensor(no) || typeof a['dtype'] !== 'string';
  if (typed) return core.select(condition, yes, no);
  const options = { dtype: a['dtype'] as DType, backend: condition.backend };
  return core.select(condition, core.tensor([yes], [], options), no);
}
/** x, and a tensor whose rank counts: x with axes of extent 1 behind, so that its own begin at `axis` of that tensor. */
function alignFrom(x: Inputs, a: Attrs): Tensor {
  const [input, like] = [tensorAt(x, 0), tensorAt(x, 1)];
  const axis = number(a, 'axis', 0);
  const behind = like.rank - axisOf(axis, like.rank) - input.rank;
  if (behind < 0) throw new ShapeError(`${input.rank} axes from axis ${axis} of ${like.rank} on`);
  return core.reshape(input, [...input.shape, ...new Array<number>(behind).fill(1)]);
}
/** x, slope of any shape that broadcasts; `perChannel`: `[channels]`, which belong to axis 1. */
function prelu(x: Inputs, a: Attrs): Tensor {
  const input = tensorAt(x, 0);
  if (a['perChannel'] === true) return core.prelu(input, tensorAt(x, 1));
  const slope = operandAt(x, 1);
  bounded(input, slope);
  return core.select(core.greater(input, 0), input, core.mul(input, slope));
}
function clip(x: Inputs, a: Attrs): Tensor {
  const input = tensorAt(x, 0);
  if (input.dtype === 'float32')
    return core.clip(input, number(a, 'low', -Infinity), number(a, 'high', Infinity));
  const above = typeof a['low'] === 'number' ? core.maximum(input, a['low']) : input;
  return typeof a['high'] === 'number' ? core.minimum(above, a['high']) : above;
}

export const elementwise: Readonly<Record<string, GraphOp>> = {
  add: { run: ofMany(core.add), host: onPairs((a, b) => a + b), affine: shifted },
  sub: binary(
    core.sub,
    (a, b) => a - b,
    (v, isSecond) => (isSecond ? shifted(-v) : null),
  ),
  mul: binary(core.mul, (a, b) => a * b, scaled),
  div: {
    run: ofTwo(core.div),
    host: onPairs((a, b) => a / b, integerQuotient),
    affine: (v, isSecond) => (isSecond ? scaled(1 / v) : null),
  },
  pow: binary(core.pow, (a, b) => a ** b),
  maximum: { run: ofMany(core.maximum), host: onPairs(Math.max) },
  minimum: { run: ofMany(core.minimum), host: onPairs(Math.min) },

  equal: compare(core.equal, (a, b) => a === b),
  notEqual: compare(core.notEqual, (a, b) => a !== b),
  less: compare(core.less, (a, b) => a < b),
  lessEqual: compare(core.lessEqual, (a, b) => a <= b),
  greater: compare(core.greater, (a, b) => a > b),
  greaterEqual: compare(core.greaterEqual, (a, b) => a >= b),
  logicalAnd: { ...binary(core.logicalAnd, Math.min), element: 'bool' },
  logicalOr: { ...binary(core.logicalOr, Math.max), element: 'bool' },
  logicalNot: { ...unary(core.logicalNot, (v) => 1 - v), element: 'bool' },
  /** condition, a, b: all three broadcast; `dtype`: of a and b, where both are numbers. */
  select: {
    run: select,
    host: ([c, a, b]) => onElements([c!, a!, b!], sameType(a!, b!), (condition, x, y) => (condition ? x : y)),
    typedFrom: 1,
  },
  alignFrom: { run: alignFrom },
  cast: {
    run: (x, a) => core.cast(tensorAt(x, 0), a['dtype'] as DType),
    host([x], a) {
      const dtype = a['dtype'] as DType;
      if (dtype === 'bool') return onElements([x!], dtype, (v) => (v !== 0 ? 1 : 0));
      return onElements([x!], dtype, dtype === 'int32' ? Math.trunc : (v) => v);
    },
    keepsValues: true,
  },

  neg: unary(core.neg, (v) => -v),
  abs: unary(core.abs, Math.abs),
  sign: unary(core.sign, Math.sign),
  floor: unary(core.floor, Math.floor),
  ceil: unary(core.ceil, Math.ceil),
  round: unary(core.round, roundHalfEven),
  sqrt: unary(core.sqrt, Math.sqrt),
  rsqrt: unary(core.rsqrt, (v) => 1 / Math.sqrt(v)),
  reciprocal: unary(core.reciprocal, (v) => 1 / v),
  square: unary(
    (x) => core.mul(x, x),
    (v) => v * v,
  ),
  ...unaries({ exp: core.exp, log: core.log, erf: core.erf, tanh: core.tanh }),
  ...unaries({ sin: core.sin, cos: core.cos, tan: core.tan, sinh: core.sinh, cosh: core.cosh }),
  ...unaries({ asin: core.asin, acos: core.acos, atan: core.atan }),
  ...unaries({ asinh: core.asinh, acosh: core.acosh, atanh: core.atanh }),

  ...unaries({ hardswish: core.hardswish, hardsigmoid: core.hardsigmoid, silu: core.silu, mish: core.mish }),
  ...unaries({ softplus: (x) => core.softplus(x) }),
  relu: { ...unary(core.relu, (v) => Math.max(v, 0)), nearClassifier: 'behind', activation: 'relu' },
  relu6: { ...unary(core.relu6, (v) => Math.min(Math.max(v, 0), 6)), activation: 'relu6' },
  sigmoid: { ...unary(core.sigmoid), nearClassifier: 'behind' },
  gelu: {
    run: (x, a) => core.gelu(tensorAt(x, 0), { approximate: a['approximate'] === 'tanh' ? 'tanh' : 'none' }),
  },
  elu: { run: (x, a) => core.elu(tensorAt(x, 0), number(a, 'alpha', 1)) },
  leakyRelu: { run: (x, a) => core.leakyRelu(tensorAt(x, 0), number(a, 'slope', 0.2)) },
  prelu: { run: prelu },
  clip: {
    run: clip,
    host([x], a) {
      const [low, high] = [number(a, 'low', -Infinity), number(a, 'high', Infinity)];
      return onElements([x!], x!.dtype, (v) => Math.min(Math.max(v, low), high));
    },
  },
  /** `flattenFrom`: over that axis and all after it together, as ONNX did before version 13. */
  softmax: { run: alongAxis(core.softmax), nearClassifier: 'behind' },
  logSoftmax: { run: alongAxis(core.logSoftmax), nearClassifier: 'behind' },
  /** 1 at the first maximum along the axis, 0 elsewhere. */
  hardmax: { run: alongAxis(hardmax) },
};

function hardmax(x: Tensor, axis: number): Tensor {
  const at = axisOf(axis, x.rank);
  const along = [x.shape[at] ?? 1, ...new Array<number>(x.rank - 1 - at).fill(1)];
  const places = core.reshape(core.arange(along[0]!, { backend: x.backend }), along);
  return core.cast(core.equal(core.expandDims(core.argmax(x, at), at), places), 'float32');
}

function alongAxis(f: (x: Tensor, axis: number) => Tensor): (inputs: Inputs, a: Attrs) => Tensor {
  return (inputs, a) => {
    const [x, from] = [tensorAt(inputs, 0), a['flattenFrom']];
    if (typeof from !== 'number') return f(x, number(a, 'axis', -1));
    return core.reshape(f(core.flatten(x, from < 0 ? from + x.rank : from), -1), x.shape);
  };
}
