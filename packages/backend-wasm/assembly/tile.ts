import { COLUMNS, ROWS } from '../src/agreed';
import { Affine, affineOf } from './affine';

/* Where the tiles of a matrix product go: for both products, gemm.ts and gemm-paired.ts. */

/** What happens to an output: begin at +0; go on from its value; begin at +0 and add the result to its value. */
export const ZERO = 0;
export const CONTINUE = 1;
export const ADD = 2;

/** Where a tile goes: eight columns are neighbours; four rows are; or neither, so by way of `edge`. */
export const DIRECT = 0;
export const ACROSS = 1;
export const EDGE = 2;

@inline
function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

@inline
export function areNeighbours(columns: usize): bool {
  return int(columns, COLUMNS - 1) - int(columns, 0) == COLUMNS - 1;
}

@inline
export function placeOf(row: usize, height: i32, width: i32, direct: bool, start: i32): i32 {
  if (height < ROWS) return EDGE;
  if (direct) return DIRECT;
  return width == COLUMNS && start == ZERO && int(row, 3) - int(row, 0) == 3 ? ACROSS : EDGE;
}

/** Copies a tile's existing outputs to `edge`, or back. */
export function moveTile(
  c: usize,
  rows: usize,
  height: i32,
  columns: usize,
  width: i32,
  edge: usize,
  there: bool,
): void {
  for (let r = 0; r < height; r++) {
    const row = c + (<usize>int(rows, r) << 2);
    const side = edge + (<usize>r << 5);
    for (let q = 0; q < width; q++) {
      const at = row + (<usize>int(columns, q) << 2);
      const e = side + (<usize>q << 2);
      if (there) store<f32>(e, load<f32>(at));
      else store<f32>(at, load<f32>(e));
    }
  }
}

/** Where row i of a tile begins. The addresses are found anew where they are needed: in the loop, registers are scarce. */
@inline
export function rowOf(to: usize, rows: usize, columns: usize, place: i32, i: i32): usize {
  return place == EDGE ? to + (i << 5) : to + (<usize>(int(rows, i) + int(columns, 0)) << 2);
}

/** What is left to do with the sums of a tile, in registers: what follows, and storing them. */
@inline
export function settle(
  c00: v128,
  c01: v128,
  c10: v128,
  c11: v128,
  c20: v128,
  c21: v128,
  c30: v128,
  c31: v128,
  to: usize,
  rows: usize,
  columns: usize,
  place: i32,
  start: i32,
  after: Affine,
  channel: i32,
): void {
  if (changetype<usize>(after)) {
    c00 = affineOf(after, channel, c00);
    c01 = affineOf(after, channel, c01);
    c10 = affineOf(after, channel + 1, c10);
    c11 = affineOf(after, channel + 1, c11);
    c20 = affineOf(after, channel + 2, c20);
    c21 = affineOf(after, channel + 2, c21);
    c30 = affineOf(after, channel + 3, c30);
    c31 = affineOf(after, channel + 3, c31);
  }
  if (place == ACROSS) {
    const column = to + (<usize>int(rows, 0) << 2);
    storeColumns(column, columns, c00, c10, c20, c30);
    storeColumns(column, columns + 16, c01, c11, c21, c31);
    return;
  }
  const r0 = rowOf(to, rows, columns, place, 0);
  const r1 = rowOf(to, rows, columns, place, 1);
  const r2 = rowOf(to, rows, columns, place, 2);
  const r3 = rowOf(to, rows, columns, place, 3);
  if (start == ADD) {
    c00 = f32x4.add(v128.load(r0), c00);
    c01 = f32x4.add(v128.load(r0, 16), c01);
    c10 = f32x4.add(v128.load(r1), c10);
    c11 = f32x4.add(v128.load(r1, 16), c11);
    c20 = f32x4.add(v128.load(r2), c20);
    c21 = f32x4.add(v128.load(r2, 16), c21);
    c30 = f32x4.add(v128.load(r3), c30);
    c31 = f32x4.add(v128.load(r3, 16), c31);
  }
  v128.store(r0, c00);
  v128.store(r0, c01, 16);
  v128.store(r1, c10);
  v128.store(r1, c11, 16);
  v128.store(r2, c20);
  v128.store(r2, c21, 16);
  v128.store(r3, c30);
  v128.store(r3, c31, 16);
}

/** Stores four rows of four columns, column by column, each at its place. */
@inline
function storeColumns(to: usize, columns: usize, r0: v128, r1: v128, r2: v128, r3: v128): void {
  const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
  v128.store(to + (<usize>int(columns, 0) << 2), i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to + (<usize>int(columns, 1) << 2), i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to + (<usize>int(columns, 2) << 2), i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + (<usize>int(columns, 3) << 2), i64x2.shuffle(high01, high23, 1, 3));
}
