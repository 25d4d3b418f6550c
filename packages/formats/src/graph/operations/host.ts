import { ShapeError, sizeOf, type DType, type Shape } from '@graftjs/core';
import { broadcastStrides, forEachOuter, stridesOf } from '@graftjs/core/backend';
import { newHostArray, type HostArray } from '../host-array.ts';
import { axisOf } from './axes.ts';
import { optionalNumbers, type GraphOp } from './operation.ts';

export type HostOp = NonNullable<GraphOp['host']>;
export type OnNumbers = (a: number, b: number) => number;

export const listOf = (x: HostArray | undefined): number[] => Array.from(x?.values ?? []);
export const largest = (inputs: readonly HostArray[]): number =>
  Math.max(0, ...inputs.map((x) => x.values.length));
export const withShape = (x: HostArray, shape: Shape): HostArray => {
  if (sizeOf(shape) !== x.values.length)
    throw new ShapeError(`[${x.shape.join(', ')}] does not reshape to [${shape.join(', ')}]`);
  return { ...x, shape };
};

export function broadcast(shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let extent = 1;
    for (const s of shapes) {
      const d = s[i - rank + s.length] ?? 1;
      if (d !== 1 && extent !== 1 && d !== extent)
        throw new ShapeError(
          `shapes ${shapes.map((x) => `[${x.join(', ')}]`).join(' and ')} do not broadcast`,
        );
      if (d !== 1) extent = d;
    }
    return extent;
  });
}

/** An array of this shape, whose elements are x's at `strides`, from `start` on. */
export function strided(x: HostArray, shape: Shape, strides: readonly number[], start = 0): HostArray {
  const out = newHostArray(x.dtype, shape, x.values.length);
  let i = 0;
  forEachOuter({ shape, strides: [strides] }, 0, ([from]) => (out.values[i++] = x.values[start + from!]!));
  return out;
}

/** f of every element of the inputs, which broadcast. */
export function elementwise(
  inputs: readonly HostArray[],
  dtype: DType,
  f: (...values: number[]) => number,
): HostArray {
  const shape = broadcast(inputs.map((x) => x.shape));
  const out = newHostArray(dtype, shape, largest(inputs));
  const strides = inputs.map((x) => broadcastStrides(x.shape, shape.length));
  const args = new Array<number>(inputs.length);
  let i = 0;
  forEachOuter({ shape, strides }, 0, (at) => {
    for (let k = 0; k < args.length; k++) args[k] = inputs[k]!.values[at[k]!]!;
    out.values[i++] = f(...args);
  });
  return out;
}

/** Values of different types do not mix. */
export function sameType(a: HostArray, b: HostArray): DType {
  if (a.dtype !== b.dtype) throw new ShapeError(`types differ: ${a.dtype} and ${b.dtype}`);
  return a.dtype;
}
export const onEach =
  (f: (x: number) => number): HostOp =>
  ([x]) =>
    elementwise([x!], x!.dtype, f);
export const onPairs =
  (f: OnNumbers, ints: OnNumbers = f): HostOp =>
  ([a, b]) => {
    const dtype = sameType(a!, b!);
    return elementwise([a!, b!], dtype, dtype === 'float32' ? f : ints);
  };
export const comparing =
  (f: (a: number, b: number) => boolean): HostOp =>
  ([a, b]) => {
    sameType(a!, b!);
    return elementwise([a!, b!], 'bool', (x, y) => (f(x, y) ? 1 : 0));
  };
export const reducing =
  (start: number, f: OnNumbers, mean = false): HostOp =>
  ([input], a) => {
    const x = input!;
    const axes = (optionalNumbers(a, 'axes') ?? x.shape.map((_, i) => i)).map((i) =>
      axisOf(i, x.shape.length),
    );
    const kept = keptShape(x.shape, axes);
    const out = newHostArray(x.dtype, kept, x.values.length);
    const sums = new Float64Array(out.values.length).fill(start);
    const strides = [stridesOf(x.shape), broadcastStrides(kept, x.shape.length)];
    forEachOuter({ shape: x.shape, strides }, 0, ([from, to]) => {
      sums[to!] = f(sums[to!]!, x.values[from!]!);
    });
    const n = x.values.length / sums.length;
    out.values.set(mean ? sums.map((s) => s / n) : sums);
    return a['keepDims'] === true ? out : withShape(out, without(kept, axes));
  };

/** Extents with 1 along `axes`. */
export const keptShape = (shape: Shape, axes: readonly number[]): number[] =>
  shape.map((d, i) => (axes.includes(i) ? 1 : d));
/** Extents of the other axes. */
export const without = (shape: Shape, axes: readonly number[]): number[] =>
  shape.filter((_, i) => !axes.includes(i));

export function integerQuotient(a: number, b: number): number {
  if (b === 0) throw new ShapeError('an integer is divided by 0');
  return Math.trunc(a / b);
}
/** −0, which whole numbers have none of, is 0. */
export const whole = (v: number): number => v + 0;
/** With the sign of the divisor. */
export function floorModulo(a: number, b: number): number {
  if (b === 0) throw new ShapeError('an integer is divided by 0');
  return whole(a - b * Math.floor(a / b));
}
export function roundHalfEven(v: number): number {
  const down = Math.floor(v);
  const left = v - down;
  return left > 0.5 || (left === 0.5 && down % 2 !== 0) ? down + 1 : down;
}
