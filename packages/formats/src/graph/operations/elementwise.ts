import * as core from '@graftjs/core';
import { isTensor, ShapeError, type DType, type Tensor, type TensorLike } from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { boundedShape, type GraphValue } from '../host-array.ts';
import { number, operandAt, tensorAt, unary, type GraphOp, type Inputs } from './arguments.ts';
import { axisOf } from './axes.ts';

/** Two small operands may broadcast to something huge. */
function bounded(...operands: readonly TensorLike[]): void {
  const shapes = operands.filter(isTensor).map((x) => x.shape);
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  boundedShape(
    Array.from({ length: rank }, (_, i) => Math.max(...shapes.map((s) => s[i - rank + s.length] ?? 1))),
  );
}
const binary =
  (f: (a: TensorLike, b: TensorLike) => Tensor): GraphOp =>
  (x) => {
    // Of two numbers the first becomes a tensor: most often they do not come here, but stay on the host.
    const numbers = x.slice(0, 2).every((v) => typeof v === 'number');
    const [a, b] = [numbers ? tensorAt(x, 0) : operandAt(x, 0), operandAt(x, 1)];
    bounded(a, b);
    return f(a, b);
  };
/** Of any number of inputs, two by two. */
const folded =
  (f: (a: TensorLike, b: TensorLike) => Tensor): GraphOp =>
  (x) =>
    x
      .map((_, i) => i)
      .slice(1)
      .reduce<GraphValue>((y, i) => binary(f)([y, x[i]!], {}), x[0] ?? tensorAt(x, 0));

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

export const elementwise: Readonly<Record<string, GraphOp>> = {
  add: folded(core.add),
  sub: binary(core.sub),
  mul: binary(core.mul),
  div: binary(core.div),
  pow: binary(core.pow),
  maximum: folded(core.maximum),
  minimum: folded(core.minimum),

  equal: binary(core.equal),
  less: binary(core.less),
  lessEqual: binary(core.lessEqual),
  greater: binary(core.greater),
  greaterEqual: binary(core.greaterEqual),
  logicalAnd: binary(core.logicalAnd),
  logicalOr: binary(core.logicalOr),
  logicalNot: unary(core.logicalNot),
  /** condition, a, b: all three broadcast; `dtype`: of a and b, where both are numbers. */
  select,
  alignFrom,
  cast: (x, a) => core.cast(tensorAt(x, 0), a['dtype'] as DType),

  neg: unary(core.neg),
  abs: unary(core.abs),
  sign: unary(core.sign),
  floor: unary(core.floor),
  ceil: unary(core.ceil),
  round: unary(core.round),
  exp: unary(core.exp),
  log: unary(core.log),
  sqrt: unary(core.sqrt),
  rsqrt: unary(core.rsqrt),
  reciprocal: unary(core.reciprocal),
  erf: unary(core.erf),
  square: unary((x) => core.mul(x, x)),

  relu: unary(core.relu),
  relu6: unary(core.relu6),
  hardswish: unary(core.hardswish),
  hardsigmoid: unary(core.hardsigmoid),
  sigmoid: unary(core.sigmoid),
  tanh: unary(core.tanh),
  silu: unary(core.silu),
  softplus: unary((x) => core.softplus(x)),
  mish: unary(core.mish),
  gelu: (x, a) => core.gelu(tensorAt(x, 0), { approximate: a['approximate'] === 'tanh' ? 'tanh' : 'none' }),
  elu: (x, a) => core.elu(tensorAt(x, 0), number(a, 'alpha', 1)),
  leakyRelu: (x, a) => core.leakyRelu(tensorAt(x, 0), number(a, 'slope', 0.2)),
  /** x, slope of any shape that broadcasts; `perChannel`: `[channels]`, which belong to axis 1. */
  prelu(x, a) {
    const input = tensorAt(x, 0);
    if (a['perChannel'] === true) return core.prelu(input, tensorAt(x, 1));
    const slope = operandAt(x, 1);
    bounded(input, slope);
    return core.select(core.greater(input, 0), input, core.mul(input, slope));
  },
  clip(x, a) {
    const input = tensorAt(x, 0);
    if (input.dtype === 'float32')
      return core.clip(input, number(a, 'low', -Infinity), number(a, 'high', Infinity));
    const above = typeof a['low'] === 'number' ? core.maximum(input, a['low']) : input;
    return typeof a['high'] === 'number' ? core.minimum(above, a['high']) : above;
  },
  /** `flattenFrom`: over that axis and all after it together, as ONNX did before version 13. */
  softmax: (x, a) => alongAxis(core.softmax, tensorAt(x, 0), a),
  logSoftmax: (x, a) => alongAxis(core.logSoftmax, tensorAt(x, 0), a),
  /** 1 at the first maximum along the axis, 0 elsewhere. */
  hardmax: (x, a) => alongAxis(hardmax, tensorAt(x, 0), a),
};

function hardmax(x: Tensor, axis: number): Tensor {
  const at = axisOf(axis, x.rank);
  const along = [x.shape[at] ?? 1, ...new Array<number>(x.rank - 1 - at).fill(1)];
  const places = core.reshape(core.arange(along[0]!, { backend: x.backend }), along);
  return core.cast(core.equal(core.expandDims(core.argmax(x, at), at), places), 'float32');
}

function alongAxis(
  f: (x: Tensor, axis: number) => Tensor,
  x: Tensor,
  a: Readonly<Record<string, unknown>>,
): Tensor {
  const from = a['flattenFrom'];
  if (typeof from !== 'number') return f(x, typeof a['axis'] === 'number' ? a['axis'] : -1);
  return core.reshape(f(core.flatten(x, from < 0 ? from + x.rank : from), -1), x.shape);
}
