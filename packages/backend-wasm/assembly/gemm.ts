import { COLUMNS, ROWS } from '../src/agreed';
import { Affine, affineOf } from './affine';
import { PAIRED } from './build';
import { multiplyPaired } from './gemm-paired';
import { madd } from './madd';
import { ADD, areNeighbours, CONTINUE, EDGE, moveTile, placeOf, rowOf, settle, ZERO } from './tile';

/*
 * The matrix product behind every dense kernel: C[i, j] = Σₖ A[i, k] · B[k, j], k ascending, one accumulator per output,
 * each product and each sum rounded to float32. Operands are packed into panels first, in the order in which the inner
 * loop reads them: four rows of A side by side, eight columns of B side by side, k by k. Eight vectors of accumulators
 * stay in registers; larger tiles, fused or unrolled ones were slower in V8.
 */

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
