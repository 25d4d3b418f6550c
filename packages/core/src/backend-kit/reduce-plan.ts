import { stridesOf, type Shape } from '../types.ts';
import { collapse } from './walk.ts';

/**
 * How a reduction walks over its input. Output k starts at the element of `kept` with number ⌊k / lanes⌋, and k mod lanes
 * further on; from there, its elements in row-major order are `runs[r] + i · step`, i < `length`, run after run.
 */
export interface ReducePlan {
  /** Outputs that lie side by side in the input; 1 where the innermost axis is reduced. */
  readonly lanes: number;
  /** Extents of the axes that are kept, without that of the lanes, and the strides over them; see `offsetsOf`. */
  readonly kept: { readonly shape: Shape; readonly strides: readonly number[] };
  readonly runs: Int32Array;
  readonly length: number;
  readonly step: number;
}

/** @param axes Sorted and distinct; none of the input's extents is 0. */
export function reducePlan(shape: Shape, axes: readonly number[]): ReducePlan {
  const strides = stridesOf(shape);
  const pick = (list: readonly number[], reduced: boolean): number[] =>
    list.filter((_, i) => axes.includes(i) === reduced);
  const kept = collapse({ shape: pick(shape, false), strides: [pick(strides, false)] });
  const gone = collapse({ shape: pick(shape, true), strides: [pick(strides, true)] });
  const sideBySide = kept.strides[0]!.at(-1) === 1;
  const outer = kept.shape.length - Number(sideBySide);
  return {
    lanes: sideBySide ? kept.shape.at(-1)! : 1,
    kept: { shape: kept.shape.slice(0, outer), strides: kept.strides[0]!.slice(0, outer) },
    runs: offsetsOf(gone.shape.slice(0, -1), gone.strides[0]!),
    length: gone.shape.at(-1) ?? 1,
    step: gone.strides[0]!.at(-1) ?? 0,
  };
}

/** Offsets of all indices of a strided array, in row-major order; strides beyond the shape's axes are not looked at. */
export function offsetsOf(shape: Shape, strides: readonly number[]): Int32Array {
  let list = new Int32Array(1);
  shape.forEach((extent, axis) => {
    const next = new Int32Array(list.length * extent);
    for (let i = 0, t = 0; i < list.length; i++)
      for (let j = 0; j < extent; j++) next[t++] = list[i]! + j * strides[axis]!;
    list = next;
  });
  return list;
}
