import { ShapeError, sizeOf, type Shape } from '@graftjs/core';
import type { Attrs } from '../graph.ts';

/** How `axisOf` says that there is no such axis, and how many there are to choose from. */
interface AxisWords {
  readonly what?: string;
  readonly which?: string;
  readonly count?: number;
}

/**
 * `axis` counted from the front.
 * A number has an axis 0.
 * @throws ShapeError where a tensor of `rank` axes has none such.
 */
export function axisOf(
  axis: unknown,
  rank: number,
  { what = 'axis', which = '', count = Math.max(rank, 1) }: AxisWords = {},
): number {
  const at = typeof axis === 'number' ? (axis < 0 ? axis + rank : axis) : NaN;
  if (!(Number.isInteger(at) && at >= 0 && at < count))
    throw new ShapeError(`${what} ${String(axis)} of ${rank} axes${which}`);
  return at;
}

/** The two extents of a shape that is cut in front of `axis`, which may be its end. */
export function flattened(shape: Shape, axis: unknown): [number, number] {
  const at = axisOf(axis, shape.length, { what: 'flatten from axis', count: shape.length + 1 });
  return [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))];
}
/**
 * The extents that a reshape asks for. −1 stands for what is left, and with the attribute `copyZeros` 0 for the extent
 * that is there.
 */
export function reshapeTarget(from: Shape, wanted: readonly number[], attrs: Attrs): number[] {
  const copied = wanted.map((d, i) => (d === 0 && attrs['copyZeros'] === true ? from[i] : d));
  const bad = (): never => {
    throw new ShapeError(`[${from.join(', ')}] does not reshape to [${wanted.join(', ')}]`);
  };
  if (copied.filter((d) => d === -1).length > 1) bad();
  const size = sizeOf(from);
  const known = copied.reduce<number>((n, d) => (d === -1 ? n : n * (d ?? NaN)), 1);
  const target = copied.map((d) => (d === -1 ? (known === 0 ? 0 : size / known) : d!));
  if (!target.every((d) => Number.isSafeInteger(d) && d >= 0) || sizeOf(target) !== size) bad();
  return target;
}

export interface AxisRange {
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

/**
 * What a slice takes of each axis. Two ways to say it: the attribute `ranges`, per axis `[start, end or null, step]` or
 * null for all of it; or `axes`, `starts`, `ends` and `steps` as in ONNX, where the middle two may be given as values.
 * Negative positions count from the end, those beyond an end stop at it, and a negative step goes backwards.
 */
export function sliceRanges(
  shape: Shape,
  attrs: Attrs,
  startsGiven?: readonly number[],
  endsGiven?: readonly number[],
): AxisRange[] {
  const all = shape.map((size): AxisRange => ({ start: 0, size, step: 1 }));
  const set = (axis: number, start: number, end: number | null, step: number): void => {
    const at = axisOf(axis, shape.length, { which: ' is sliced', count: shape.length });
    const extent = shape[at]!;
    if (!Number.isInteger(step) || step === 0 || Number.isNaN(start))
      throw new ShapeError(`a slice from ${start} by ${step}`);
    // Backwards, the end −1 is the place before the first element.
    const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
    const clamp = (v: number): number => Math.min(Math.max(v < 0 ? v + extent : v, low), high);
    const from = clamp(start);
    const to = end === null ? (step > 0 ? extent : -1) : clamp(end);
    all[at] = { start: from, size: Math.max(Math.ceil((to - from) / step), 0), step };
  };
  const ranges = attrs['ranges'] as readonly (null | readonly [number, number | null, number])[] | undefined;
  if (ranges) ranges.forEach((r, axis) => r && set(axis, r[0], r[1], r[2]));
  else {
    const given = (key: string): number[] | undefined => attrs[key] as number[] | undefined;
    const starts = startsGiven ?? given('starts') ?? [];
    const ends = endsGiven ?? given('ends') ?? [];
    const axes = given('axes') ?? starts.map((_, i) => i);
    const steps = given('steps') ?? starts.map(() => 1);
    if (axes.length !== starts.length || ends.length !== starts.length || steps.length !== starts.length)
      throw new ShapeError('starts, ends, axes and steps of a slice differ in length');
    axes.forEach((axis, i) => set(axis, starts[i]!, ends[i]!, steps[i]!));
  }
  return all;
}
