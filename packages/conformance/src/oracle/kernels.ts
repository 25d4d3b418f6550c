import { sizeOf, type TensorSpec } from '@graftjs/core';
import { type CompareKind, type Kernel, type Kernels, type Operand } from '@graftjs/core/backend';
import type { Arithmetic } from './arithmetic.ts';
import { firstMax } from './choose.ts';
import { broadcastMap, poolWindows, reduceGroups } from './indexing.ts';
import { CONSTANT, movementMap, scatterMap, type MovementOp } from './movement.ts';
import { productsOf, type BilinearOp } from './products.ts';

/** A tensor's values: float32 tensors in float64. */
export type Values = Float64Array | Int32Array | Uint8Array;

export function allocate(spec: TensorSpec): Values {
  const n = sizeOf(spec.shape);
  return spec.dtype === 'float32'
    ? new Float64Array(n)
    : spec.dtype === 'int32'
      ? new Int32Array(n)
      : new Uint8Array(n);
}

/** Fills a fresh tensor; int32 wraps. */
function fill(spec: TensorSpec, value: (i: number) => number): Values {
  const y = allocate(spec);
  for (let i = 0; i < y.length; i++) y[i] = value(i);
  return y;
}

export const compareWith: Readonly<Record<CompareKind, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
};

/** Towards zero, NaN to 0, the rest to the nearest int32. */
export function toInt32(x: number): number {
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x) || 0));
}

/** The contract of `reduce` sum: blocks of 1,024, eight interleaved partial sums in each. */
export function blockedSum(x: ArrayLike<number>, group: readonly number[], add: Arithmetic['add']): number {
  let total = 0;
  for (let from = 0; from < group.length; from += 1024) {
    const p = [0, 0, 0, 0, 0, 0, 0, 0];
    group.slice(from, from + 1024).forEach((at, i) => (p[i % 8] = add(p[i % 8], x[at])));
    total = add(total, add(add(add(p[0], p[1]), add(p[2], p[3])), add(add(p[4], p[5]), add(p[6], p[7]))));
  }
  return total;
}

/** Buffers one behind the other. */
function joined(inputs: readonly Operand<Values>[]): ArrayLike<number> {
  if (inputs.length === 1) return inputs[0].buffer;
  const all = new Float64Array(inputs.reduce((n, { buffer }) => n + buffer.length, 0));
  let at = 0;
  for (const { buffer } of inputs) {
    all.set(buffer, at);
    at += buffer.length;
  }
  return all;
}

/** Both operands of an elementwise op, repeated to the output's shape. */
function pairs(
  inputs: readonly Operand<Values>[],
  out: TensorSpec,
  value: (a: number, b: number) => number,
): Values {
  const [a, b] = inputs;
  const [ia, ib] = [broadcastMap(a.spec.shape, out.shape), broadcastMap(b.spec.shape, out.shape)];
  return fill(out, (i) => value(a.buffer[ia[i]], b.buffer[ib[i]]));
}

/** Every primitive, from its definition in core's `primitives.ts`, in the given arithmetic. Slow and plain on purpose. */
export function referenceKernels(arithmetic: Arithmetic): Kernels<Values> {
  const { number, add, div, unary, binary, addProducts } = arithmetic;
  const bilinear =
    <N extends BilinearOp>(name: N): Kernel<N, Values> =>
    (inputs, attrs, out) => {
      const [a, b] = inputs.map((t) => t.buffer);
      const shapes = inputs.map((t) => t.spec.shape);
      const y = allocate(out);
      for (const part of productsOf[name](shapes, attrs, out.shape)) {
        const sum = allocate(out);
        addProducts(sum, a, b, part);
        // In each output of conv only one part has terms, and adding +0 to it, or it to +0, is exact.
        for (let o = 0; o < y.length; o++) y[o] = add(y[o], sum[o]);
      }
      return y;
    };

  const movement =
    <N extends MovementOp>(name: N): Kernel<N, Values> =>
    (inputs, attrs, out) => {
      const data = name === 'gather' ? inputs.slice(0, 1) : inputs;
      const x = joined(data);
      const shapes = inputs.map((t) => t.spec.shape);
      const indices = name === 'gather' ? Array.from(inputs[1]!.buffer) : [];
      const map = movementMap(name, shapes, attrs, out.shape, indices);
      const value = 'value' in attrs ? number(attrs.value) : 0;
      return fill(out, (i) => (map[i] === CONSTANT ? value : x[map[i]]));
    };

  return {
    unary: ([x], { kind }, out) => fill(out, (i) => unary[kind](x.buffer[i])),
    binary(inputs, { kind }, out) {
      // int32 multiplies modulo 2³²: a float64 product would have lost the low bits.
      const f =
        kind === 'mul' && out.dtype === 'int32'
          ? Math.imul
          : out.dtype === 'int32'
            ? integer[kind]
            : binary[kind];
      return pairs(inputs, out, f);
    },
    compare: (inputs, { kind }, out) => pairs(inputs, out, (a, b) => Number(compareWith[kind](a, b))),
    select(inputs, _, out) {
      const [c, a, b] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
      const [condition, yes, no] = inputs.map((t) => t.buffer);
      return fill(out, (i) => (condition[c[i]] ? yes[a[i]] : no[b[i]]));
    },
    cast([x], { dtype }, out) {
      const convert = { float32: number, int32: toInt32, bool: (v: number) => Number(v !== 0) }[dtype];
      return fill(out, (i) => convert(x.buffer[i]));
    },
    reduce([x], { kind, axes }, out) {
      const groups = reduceGroups(x.spec.shape, axes);
      const plus = out.dtype === 'int32' ? integer.add : add;
      const best = (o: number): number => firstMax(x.buffer, groups[o]);
      if (kind === 'sum') return fill(out, (o) => blockedSum(x.buffer, groups[o], plus));
      return fill(out, kind === 'argmax' ? best : (o) => x.buffer[groups[o][best(o)]]);
    },
    matmul: bilinear('matmul'),
    reshape: movement('reshape'),
    transpose: movement('transpose'),
    slice: movement('slice'),
    pad: movement('pad'),
    concat: movement('concat'),
    broadcastTo: movement('broadcastTo'),
    gather: movement('gather'),
    scatterAdd([values, indices], { axis }, out) {
      const y = allocate(out);
      const plus = out.dtype === 'int32' ? integer.add : add;
      scatterMap(values.spec.shape, indices.buffer, axis, out.shape).forEach((o, i) => {
        y[o] = plus(y[o], values.buffer[i]);
      });
      return y;
    },
    conv: bilinear('conv'),
    convInputGrad: bilinear('convInputGrad'),
    convWeightGrad: bilinear('convWeightGrad'),
    maxPool([x], attrs, out) {
      const windows = poolWindows(x.spec.shape, out.shape, attrs, false);
      const best = ({ inputs }: { inputs: number[] }): number | undefined =>
        inputs[firstMax(x.buffer, inputs)];
      return fill(out, (o) => x.buffer[best(windows[o]) ?? -1] ?? -Infinity);
    },
    maxPoolGrad([x, gy], attrs, out) {
      const y = allocate(out);
      poolWindows(x.spec.shape, gy.spec.shape, attrs, false).forEach(({ inputs }, o) => {
        const to = inputs[firstMax(x.buffer, inputs)];
        if (to !== undefined) y[to] = add(y[to], gy.buffer[o]);
      });
      return y;
    },
    avgPool([x], attrs, out) {
      const windows = poolWindows(x.spec.shape, out.shape, attrs, attrs.countIncludePad);
      return fill(out, (o) =>
        div(
          windows[o].inputs.reduce((sum, i) => add(sum, x.buffer[i]), 0),
          windows[o].count,
        ),
      );
    },
    avgPoolGrad([gy], attrs, out) {
      const y = allocate(out);
      poolWindows(out.shape, gy.spec.shape, attrs, attrs.countIncludePad).forEach(({ inputs, count }, o) => {
        for (const i of inputs) y[i] = add(y[i], div(gy.buffer[o], count));
      });
      return y;
    },
  };
}

/** int32 wraps (the store does it); there is no integer division or power. */
const integer = {
  add: (a: number, b: number) => (a + b) | 0,
  sub: (a: number, b: number) => (a - b) | 0,
  mul: Math.imul,
  div: () => NaN,
  pow: () => NaN,
  max: Math.max,
  min: Math.min,
} as const;
