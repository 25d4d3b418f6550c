import { collapse, forEachOuter, type Shape } from '@graftjs/core/backend';
import type { CpuBuffer } from './memory.ts';

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
  const copy = ([s, t]: readonly number[]): void => {
    if (s0 === 1 && t0 === 1 && columns >= 64) copyRows(from, s, s1, to, t, t1, rows, columns);
    else if (s0 > s1 && s1 > 0) copyBlocks(from, s, s1, s0, to, t, t1, t0, rows, columns);
    else copyPlane(from, s, s1, s0, to, t, t1, t0, rows, columns);
  };
  forEachOuter(walk, 2, copy, [fromStart, toStart]);
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
