import * as core from '@graftjs/core';
import { ShapeError, type ConvOptions, type Layout, type Tensor, type TensorLike } from '@graftjs/core';
import type { Attrs } from './graph.ts';
import { resize } from './resize.ts';

/** Inputs of a node as values: numbers stay numbers. */
type Inputs = readonly TensorLike[];
export type GraphOp = (inputs: Inputs, attrs: Attrs) => Tensor;

const t = (inputs: Inputs, i: number): Tensor => {
  const x = inputs[i];
  if (!core.isTensor(x)) throw new ShapeError(`input ${i} must be a tensor`);
  return x;
};
const layoutOf = (a: Attrs): Layout => (a['layout'] === 'channels-last' ? 'channels-last' : 'channels-first');
const numbers = (a: Attrs, key: string): number[] => {
  const v = a[key];
  if (!Array.isArray(v) || v.some((d) => typeof d !== 'number'))
    throw new ShapeError(`attribute '${key}' must be a list of numbers`);
  return v as number[];
};
const number = (a: Attrs, key: string, fallback: number): number =>
  typeof a[key] === 'number' ? a[key] : fallback;
const window = (
  a: Attrs,
): { stride: number[]; padding: NonNullable<ConvOptions['padding']>; layout: Layout } => ({
  stride: numbers(a, 'stride'),
  padding: a['padding'] as NonNullable<ConvOptions['padding']>,
  layout: layoutOf(a),
});

const unary =
  (f: (x: Tensor) => Tensor): GraphOp =>
  (x) =>
    f(t(x, 0));
const binary =
  (f: (a: TensorLike, b: TensorLike) => Tensor): GraphOp =>
  (x) =>
    f(x[0]!, x[1]!);
const reduction =
  (f: (x: Tensor, axes: number[], options: { keepDims: boolean }) => Tensor): GraphOp =>
  (x, a) =>
    f(t(x, 0), numbers(a, 'axes'), { keepDims: a['keepDims'] === true });

/**
 * What a graph's operations mean: each in core's public ops, so each is differentiable on every backend. Attributes
 * are JSON; layouts, paddings and axes are said as in core.
 */
export const graphOps: Readonly<Record<string, GraphOp>> = {
  /** x, w `[out, in / groups, ...kernel]`, optional bias `[out]`. `activation`: what `GraphModule` joins to it. */
  conv(x, a) {
    return core.convAffine(t(x, 0), t(x, 1), {
      ...window(a),
      dilation: numbers(a, 'dilation'),
      groups: number(a, 'groups', 1),
      shift: x.length > 2 ? t(x, 2) : null,
      activation: a['activation'] === 'relu' || a['activation'] === 'relu6' ? a['activation'] : 'none',
    });
  },
  /** x `[..., in]`, w `[out, in]`, optional bias `[out]`. */
  linear: (x) => core.linear(t(x, 0), t(x, 1), x.length > 2 ? t(x, 2) : null),
  matmul: (x, a) =>
    core.matmul(t(x, 0), t(x, 1), {
      transposeA: a['transposeA'] === true,
      transposeB: a['transposeB'] === true,
    }),
  /** x, scale, shift, stored mean, stored variance, each `[channels]`. Always on the stored statistics. */
  batchNorm(x, a) {
    const factor = core.mul(t(x, 1), core.rsqrt(core.add(t(x, 4), number(a, 'epsilon', 1e-3))));
    const wide = (v: Tensor): Tensor =>
      layoutOf(a) === 'channels-last'
        ? v
        : core.reshape(v, [v.size, ...new Array<number>(t(x, 0).rank - 2).fill(1)]);
    return core.add(core.mul(core.sub(t(x, 0), wide(t(x, 3))), wide(factor)), wide(t(x, 2)));
  },

  add: binary(core.add),
  sub: binary(core.sub),
  mul: binary(core.mul),
  div: binary(core.div),
  pow: binary(core.pow),
  maximum: binary(core.maximum),
  minimum: binary(core.minimum),

  neg: unary(core.neg),
  abs: unary(core.abs),
  exp: unary(core.exp),
  log: unary(core.log),
  sqrt: unary(core.sqrt),
  rsqrt: unary(core.rsqrt),
  square: unary((x) => core.mul(x, x)),
  relu: unary(core.relu),
  relu6: unary(core.relu6),
  hardswish: unary(core.hardswish),
  hardsigmoid: unary(core.hardsigmoid),
  sigmoid: unary(core.sigmoid),
  tanh: unary(core.tanh),
  elu: (x, a) => core.elu(t(x, 0), number(a, 'alpha', 1)),
  leakyRelu: (x, a) => core.leakyRelu(t(x, 0), number(a, 'slope', 0.2)),
  /** x, slope of any shape that broadcasts. */
  prelu(x) {
    const input = t(x, 0);
    return core.select(core.greater(input, 0), input, core.mul(input, x[1]!));
  },
  softmax: (x, a) => core.softmax(t(x, 0), number(a, 'axis', -1)),
  clip: (x, a) => core.clip(t(x, 0), number(a, 'low', -Infinity), number(a, 'high', Infinity)),

  mean: reduction(core.mean),
  sum: reduction(core.sum),
  max: reduction(core.max),
  maxPool: (x, a) => core.maxPool(t(x, 0), numbers(a, 'kernel'), window(a)),
  avgPool: (x, a) =>
    core.avgPool(t(x, 0), numbers(a, 'kernel'), {
      ...window(a),
      countIncludePad: a['countIncludePad'] === true,
    }),

  reshape: (x, a) => core.reshape(t(x, 0), numbers(a, 'shape')),
  transpose: (x, a) => core.transpose(t(x, 0), numbers(a, 'perm')),
  squeeze(x, a) {
    const input = t(x, 0);
    const axes = numbers(a, 'axes').map((i) => (i < 0 ? i + input.rank : i));
    if (!axes.length) return core.squeeze(input);
    return axes.sort((i, j) => j - i).reduce((y, axis) => core.squeeze(y, axis), input);
  },
  expandDims: (x, a) => core.expandDims(t(x, 0), number(a, 'axis', 0)),
  concat: (x, a) =>
    core.concat(
      x.map((_, i) => t(x, i)),
      number(a, 'axis', 0),
    ),
  pad: (x, a) =>
    core.pad(t(x, 0), {
      before: numbers(a, 'before'),
      after: numbers(a, 'after'),
      value: number(a, 'value', 0),
    }),
  /** `ranges`: per axis `[start, end or null, step]` or null for all of it; `drop`: axes of extent 1 to remove. */
  slice(x, a) {
    const ranges = a['ranges'] as readonly (null | readonly [number, number | null, number])[];
    const cut = ranges.reduce(
      (y, r, axis) => (r ? core.slice(y, axis, r[0], r[1] ?? undefined, r[2]) : y),
      t(x, 0),
    );
    return numbers(a, 'drop')
      .sort((i, j) => j - i)
      .reduce((y, axis) => core.squeeze(y, axis), cut);
  },
  resize: (x, a) =>
    resize(t(x, 0), numbers(a, 'size') as [number, number], {
      method: a['method'] === 'nearest' ? 'nearest' : 'bilinear',
      alignCorners: a['alignCorners'] === true,
      halfPixelCenters: a['halfPixelCenters'] === true,
      layout: layoutOf(a),
    }),
};
