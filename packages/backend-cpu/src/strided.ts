import { stridesOf, type Shape } from '@graftjs/core';
import type { CpuBuffer } from './memory.ts';

/** A walk over several arrays at once: common extents, and for each array its strides over them (0 repeats). */
export interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/**
 * The same walk in fewer axes: extents of 1 go, and neighbours merge where every array steps through them evenly.
 * `[32, 64, 56, 56]` with a bias per channel becomes `[32, 64, 3136]`, with none `[6422528]`.
 */
export function collapse({ shape, strides }: Walk): Walk {
  const outShape: number[] = [];
  const outStrides: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis]!;
    if (extent === 1) continue;
    const last = outShape.length - 1;
    if (last >= 0 && strides.every((s, k) => outStrides[k]![last] === s[axis]! * extent)) {
      outShape[last]! *= extent;
      strides.forEach((s, k) => (outStrides[k]![last] = s[axis]!));
    } else {
      outShape.push(extent);
      strides.forEach((s, k) => outStrides[k]!.push(s[axis]!));
    }
  }
  return { shape: outShape, strides: outStrides };
}

/** Strides of a shape that broadcasts to `rank` axes: 0 where it repeats. */
export function broadcastStrides(shape: Shape, rank: number): number[] {
  const own = stridesOf(shape);
  const lead = rank - shape.length;
  return Array.from({ length: rank }, (_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** Calls `visit` with each array's offset for every index of the leading axes (all but the last `inner`). */
export function forEachOuter(
  walk: Walk,
  inner: number,
  start: readonly number[],
  visit: (at: readonly number[]) => void,
): void {
  const outer = walk.shape.length - inner;
  const index = new Array<number>(Math.max(outer, 0)).fill(0);
  const at = [...start];
  if (walk.shape.includes(0)) return;
  for (;;) {
    visit(at);
    let axis = outer - 1;
    for (; axis >= 0; axis--) {
      if (++index[axis]! < walk.shape[axis]!) {
        for (let k = 0; k < at.length; k++) at[k]! += walk.strides[k]![axis]!;
        break;
      }
      index[axis] = 0;
      for (let k = 0; k < at.length; k++) at[k]! -= walk.strides[k]![axis]! * (walk.shape[axis]! - 1);
    }
    if (axis < 0) return;
  }
}

/** Side of the square blocks in which a transposition runs: 32 × 32 float32 fill 64 cache lines, twice. */
const BLOCK = 32;

/** Copies `shape` elements from one strided place to another. Slices, pads, transpositions and repeats are all this. */
export function copyStrided(
  from: CpuBuffer,
  fromStart: number,
  fromStrides: readonly number[],
  to: CpuBuffer,
  toStart: number,
  toStrides: readonly number[],
  shape: Shape,
): void {
  const walk = collapse({ shape, strides: [fromStrides, toStrides] });
  const rank = walk.shape.length;
  const rows = walk.shape[rank - 2] ?? 1;
  const columns = walk.shape[rank - 1] ?? 1;
  const [s1, s0] = [walk.strides[0]![rank - 2] ?? 0, walk.strides[0]![rank - 1] ?? 0];
  const [t1, t0] = [walk.strides[1]![rank - 2] ?? 0, walk.strides[1]![rank - 1] ?? 0];
  forEachOuter(walk, 2, [fromStart, toStart], ([s, t]) => {
    if (s0 === 1 && t0 === 1 && columns >= 64) copyRows(from, s!, s1, to, t!, t1, rows, columns);
    else if (s0 > s1 && s1 > 0) copyBlocks(from, s!, s1, s0, to, t!, t1, t0, rows, columns);
    else copyPlane(from, s!, s1, s0, to, t!, t1, t0, rows, columns);
  });
}

function copyRows(
  from: CpuBuffer,
  s: number,
  s1: number,
  to: CpuBuffer,
  t: number,
  t1: number,
  rows: number,
  columns: number,
): void {
  for (let r = 0; r < rows; r++) to.set(from.subarray(s + r * s1, s + r * s1 + columns), t + r * t1);
}

function copyPlane(
  from: CpuBuffer,
  s: number,
  s1: number,
  s0: number,
  to: CpuBuffer,
  t: number,
  t1: number,
  t0: number,
  rows: number,
  columns: number,
): void {
  for (let r = 0; r < rows; r++) {
    let i = s + r * s1;
    let j = t + r * t1;
    for (let c = 0; c < columns; c++) {
      to[j] = from[i]!;
      i += s0;
      j += t0;
    }
  }
}

/** Block by block, so that the lines of both sides are used whole while they are in the cache. */
function copyBlocks(
  from: CpuBuffer,
  s: number,
  s1: number,
  s0: number,
  to: CpuBuffer,
  t: number,
  t1: number,
  t0: number,
  rows: number,
  columns: number,
): void {
  for (let r = 0; r < rows; r += BLOCK) {
    for (let c = 0; c < columns; c += BLOCK) {
      copyPlane(
        from,
        s + r * s1 + c * s0,
        s1,
        s0,
        to,
        t + r * t1 + c * t0,
        t1,
        t0,
        Math.min(BLOCK, rows - r),
        Math.min(BLOCK, columns - c),
      );
    }
  }
}
