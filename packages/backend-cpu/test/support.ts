import {
  sizeOf,
  type Backend,
  type DType,
  type Layout,
  type Shape,
  type TensorSpec,
  type TypedArray,
} from '@graftjs/core';
import { type OpAttrs, type OpName, type OpInputs, type Operand } from '@graftjs/core/backend';
import { primitives } from '@graftjs/core/extend';
import fc from 'fast-check';
import { expect } from 'vitest';
import { createCpuBackend, type CpuBuffer } from '../src/index.ts';

export const f: (x: number) => number = Math.fround;
export const backend: Backend<CpuBuffer> = await createCpuBackend();

export interface Value {
  readonly spec: TensorSpec;
  readonly data: TypedArray;
}

export function value(
  data: ArrayLike<number>,
  shape: Shape = [data.length],
  dtype: DType = 'float32',
): Value {
  const types = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
  return { spec: { dtype, shape }, data: types[dtype].from(data) };
}

/** Runs a primitive on fresh buffers, and gives the buffers back. */
export function run<N extends OpName>(op: N, inputs: OpInputs<Value>[N], attrs: OpAttrs[N]): Value {
  const specs = inputs.map((i) => i.spec) as unknown as OpInputs<TensorSpec>[N];
  const spec = primitives[op].infer(specs, attrs);
  const operands = inputs.map((i) => ({ spec: i.spec, buffer: backend.upload(i.data, i.spec) }));
  const out = backend.run(op, operands as unknown as OpInputs<Operand<CpuBuffer>>[N], attrs, spec);
  const data = backend.readSync!(out, spec);
  if (!operands.some((o) => o.buffer === out)) backend.release(out);
  for (const o of operands) backend.release(o.buffer);
  return { spec, data };
}

/** The same bits: tells +0 from −0, takes any NaN for NaN. */
export function expectBits(actual: Value | TypedArray, expected: ArrayLike<number>): void {
  expect(Array.from('data' in actual ? actual.data : actual)).toEqual(Array.from(expected));
}

/** Numbers with all 24 bits of mantissa in use, so that every rounding shows. */
export function noise(size: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const layouts: readonly Layout[] = ['channels-first', 'channels-last'];

export function activationShape(layout: Layout, n: number, c: number, spatial: Shape): number[] {
  return layout === 'channels-first' ? [n, c, ...spatial] : [n, ...spatial, c];
}

/** Offset of an element; −1 where the position is outside. */
export function offset(
  layout: Layout,
  shape: Shape,
  n: number,
  c: number,
  position: readonly number[],
): number {
  const spatial = layout === 'channels-first' ? shape.slice(2) : shape.slice(1, -1);
  if (position.some((p, i) => p < 0 || p >= spatial[i]!)) return -1;
  const index = activationShape(layout, n, c, position);
  return index.reduce((at, p, i) => at * shape[i]! + p, 0);
}

/** All indices of a shape, in row-major order. */
export function indices(shape: Shape): number[][] {
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    const index: number[] = [];
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    return index;
  });
}

/** One spatial axis of a window op that fits. */
export interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly extent: number;
}
export const axisArbitrary: fc.Arbitrary<Axis> = fc
  .record({
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    before: fc.integer({ min: 0, max: 2 }),
    after: fc.integer({ min: 0, max: 2 }),
    more: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ more, ...axis }) => {
    const least = axis.dilation * (axis.kernel - 1) + 1 - axis.before - axis.after;
    return { ...axis, extent: Math.max(least, 1) + more };
  });
