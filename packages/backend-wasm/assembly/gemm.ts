import { Affine, affineOf } from './affine';
import { PAIRED } from './build';
import { multiplyPaired } from './gemm-paired';
import { madd } from './madd';

/*
 * The matrix product behind every dense kernel: C[i, j] = Σₖ A[i, k] · B[k, j], k ascending, one accumulator per output,
 * each product and each sum rounded to float32. Operands are packed into panels first, in the order in which the inner
 * loop reads them: four rows of A side by side, eight columns of B side by side, k by k. Eight vectors of accumulators
 * stay in registers; larger tiles, fused or unrolled ones were slower in V8.
 */

export const ROWS = 4;
export const COLUMNS = 8;

/** What happens to an output: begin at +0; go on from its value; begin at +0 and add the result to its value. */
export const ZERO = 0;
export const CONTINUE = 1;
export const ADD = 2;

/** Where a tile goes: eight columns are neighbours; four rows are; or neither, so by way of `edge`. */
const DIRECT = 0;
const ACROSS = 1;
export const EDGE = 2;

@inline
function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

/**
 * Multiplies m packed rows by n packed columns. Output (i, j) is element rows[i] + columns[j] of c. `edge` is room for
 * a tile that hangs over the edge, or where neither four rows nor eight columns are neighbours.
 */
export function multiply(
  a: usize,
  m: i32,
  b: usize,
  n: i32,
  k: i32,
  c: usize,
  rows: usize,
  columns: usize,
  start: i32,
  edge: usize,
): void {
  multiplySegments(a, m, b, n, k, 1, c, rows, columns, start, edge, changetype<Affine>(0), 0);
}

/**
 * The depth falls into `segments` of k each; with ADD, each is summed up on its own and then added to the output.
 * `after`, if there is one, is what follows, with row 0 as its channel `channel`.
 */
export function multiplySegments(
  a: usize,
  m: i32,
  b: usize,
  n: i32,
  k: i32,
  segments: i32,
  c: usize,
  rows: usize,
  columns: usize,
  start: i32,
  edge: usize,
  after: Affine,
  channel: i32,
): void {
  if (PAIRED) {
    multiplyPaired(a, m, b, n, k, segments, c, rows, columns, start, edge, after, channel);
    return;
  }
  const aSegment = <usize>k << 4;
  const bSegment = <usize>k << 5;
  const bPanel = bSegment * segments;
  for (let j = 0; j < n; j += COLUMNS, b += bPanel, columns += COLUMNS * 4) {
    const width = min(COLUMNS, n - j);
    const direct = width == COLUMNS && areNeighbours(columns);
    let pa = a;
    for (let i = 0; i < m; i += ROWS) {
      const height = min(ROWS, m - i);
      const row = rows + (<usize>i << 2);
      const place = placeOf(row, height, width, direct, start);
      if (place == EDGE && start != ZERO) moveTile(c, row, height, columns, width, edge, true);
      for (let s = 0, pb = b; s < segments; s++, pa += aSegment, pb += bSegment) {
        if (width <= 4) halfTile(pa, pb, k, edge, start, after, channel + i);
        else tile(pa, pb, k, place == EDGE ? edge : c, row, columns, place, start, after, channel + i);
      }
      if (place == EDGE) moveTile(c, row, height, columns, width, edge, false);
    }
  }
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
function rowOf(to: usize, rows: usize, columns: usize, place: i32, i: i32): usize {
  return place == EDGE ? to + (i << 5) : to + (<usize>(int(rows, i) + int(columns, 0)) << 2);
}

/** 4 × 8 outputs. */
@inline
function tile(
  a: usize,
  b: usize,
  k: i32,
  to: usize,
  rows: usize,
  columns: usize,
  place: i32,
  start: i32,
  after: Affine,
  channel: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  if (start == CONTINUE) {
    const r0 = rowOf(to, rows, columns, place, 0);
    const r1 = rowOf(to, rows, columns, place, 1);
    const r2 = rowOf(to, rows, columns, place, 2);
    const r3 = rowOf(to, rows, columns, place, 3);
    c00 = v128.load(r0);
    c01 = v128.load(r0, 16);
    c10 = v128.load(r1);
    c11 = v128.load(r1, 16);
    c20 = v128.load(r2);
    c21 = v128.load(r2, 16);
    c30 = v128.load(r3);
    c31 = v128.load(r3, 16);
  }
  for (const end = a + (<usize>k << 4); a != end; a += 16, b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(c00, a0, b0);
    c01 = madd(c01, a0, b1);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(c10, a1, b0);
    c11 = madd(c11, a1, b1);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(c20, a2, b0);
    c21 = madd(c21, a2, b1);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(c30, a3, b0);
    c31 = madd(c31, a3, b1);
  }
  settle(c00, c01, c10, c11, c20, c21, c30, c31, to, rows, columns, place, start, after, channel);
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

/** The left four of the eight columns only, in a tile at `edge`. */
function halfTile(
  a: usize,
  b: usize,
  k: i32,
  edge: usize,
  start: i32,
  after: Affine,
  channel: i32,
): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let c2 = f32x4.splat(0);
  let c3 = f32x4.splat(0);
  if (start == CONTINUE) {
    c0 = v128.load(edge);
    c1 = v128.load(edge, 32);
    c2 = v128.load(edge, 64);
    c3 = v128.load(edge, 96);
  }
  for (const end = a + (<usize>k << 4); a != end; a += 16, b += 32) {
    const b0 = v128.load(b);
    c0 = madd(c0, v128.load32_splat(a), b0);
    c1 = madd(c1, v128.load32_splat(a, 4), b0);
    c2 = madd(c2, v128.load32_splat(a, 8), b0);
    c3 = madd(c3, v128.load32_splat(a, 12), b0);
  }
  if (start == ADD) {
    c0 = f32x4.add(v128.load(edge), c0);
    c1 = f32x4.add(v128.load(edge, 32), c1);
    c2 = f32x4.add(v128.load(edge, 64), c2);
    c3 = f32x4.add(v128.load(edge, 96), c3);
  }
  if (changetype<usize>(after)) {
    c0 = affineOf(after, channel, c0);
    c1 = affineOf(after, channel + 1, c1);
    c2 = affineOf(after, channel + 2, c2);
    c3 = affineOf(after, channel + 3, c3);
  }
  v128.store(edge, c0);
  v128.store(edge, c1, 32);
  v128.store(edge, c2, 64);
  v128.store(edge, c3, 96);
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
