import { COLUMNS, ROWS } from '../src/agreed';
import { Affine } from './affine';
import { madd } from './madd';
import { tileRoom } from './thread';
import { ADD, areNeighbours, CONTINUE, EDGE, moveTile, placeOf, settle } from './tile';

/*
 * The product of gemm.ts for a V8 that joins neighbouring 128-bit operations into one of 256 bits (src/revectorize.ts). It
 * looks for neighbouring stores and follows them back, and gives up at anything that is not alike: so the sums go to plain
 * memory first, in pairs, and to their places from there. Half as many registers are taken, so a tile is two panels wide.
 */

/** Bytes of a tile of 4 × 8. */
const TILE = 128;

export function multiplyPaired(
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
  const aSegment = <usize>k << 4;
  const bSegment = <usize>k << 5;
  const bPanel = bSegment * segments;
  const t = tileRoom();
  for (let j = 0; j < n; j += 2 * COLUMNS, b += 2 * bPanel, columns += 2 * COLUMNS * 4) {
    const right = n - j - COLUMNS;
    let pa = a;
    for (let i = 0; i < m; i += ROWS) {
      const row = rows + (<usize>i << 2);
      const height = min(ROWS, m - i);
      for (let s = 0, pb = b; s < segments; s++, pa += aSegment, pb += bSegment) {
        memory.fill(t, 0, 2 * TILE);
        if (start == CONTINUE) {
          moveTile(c, row, height, columns, min(COLUMNS, n - j), t, true);
          if (right > 0) moveTile(c, row, height, columns + 32, min(COLUMNS, right), t + TILE, true);
        }
        if (right > 0) {
          sums16(pa, pb, pb + bPanel, k, t);
          place(t + TILE, c, row, height, columns + 32, min(COLUMNS, right), start, edge, after, channel + i);
        } else sums8(pa, pb, k, t);
        place(t, c, row, height, columns, min(COLUMNS, n - j), start, edge, after, channel + i);
      }
    }
  }
}

/** Brings a tile from `t` to where it belongs. */
function place(
  t: usize,
  c: usize,
  row: usize,
  height: i32,
  columns: usize,
  width: i32,
  start: i32,
  edge: usize,
  after: Affine,
  channel: i32,
): void {
  const where = placeOf(row, height, width, width == COLUMNS && areNeighbours(columns), start);
  if (where == EDGE && start == ADD) moveTile(c, row, height, columns, width, edge, true);
  settle(
    v128.load(t),
    v128.load(t, 16),
    v128.load(t, 32),
    v128.load(t, 48),
    v128.load(t, 64),
    v128.load(t, 80),
    v128.load(t, 96),
    v128.load(t, 112),
    where == EDGE ? edge : c,
    row,
    columns,
    where,
    start,
    after,
    channel,
  );
  if (where == EDGE) moveTile(c, row, height, columns, width, edge, false);
}

/** Adds the products of four rows and a panel of columns to a tile. */
function sums8(a: usize, b: usize, k: i32, t: usize): void {
  let c00 = v128.load(t);
  let c01 = v128.load(t, 16);
  let c10 = v128.load(t, 32);
  let c11 = v128.load(t, 48);
  let c20 = v128.load(t, 64);
  let c21 = v128.load(t, 80);
  let c30 = v128.load(t, 96);
  let c31 = v128.load(t, 112);
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
  v128.store(t, c00);
  v128.store(t, c01, 16);
  v128.store(t, c10, 32);
  v128.store(t, c11, 48);
  v128.store(t, c20, 64);
  v128.store(t, c21, 80);
  v128.store(t, c30, 96);
  v128.store(t, c31, 112);
}

/** The same with two panels and two tiles. */
function sums16(a: usize, b: usize, d: usize, k: i32, t: usize): void {
  let c00 = v128.load(t);
  let c01 = v128.load(t, 16);
  let c10 = v128.load(t, 32);
  let c11 = v128.load(t, 48);
  let c20 = v128.load(t, 64);
  let c21 = v128.load(t, 80);
  let c30 = v128.load(t, 96);
  let c31 = v128.load(t, 112);
  let d00 = v128.load(t, 128);
  let d01 = v128.load(t, 144);
  let d10 = v128.load(t, 160);
  let d11 = v128.load(t, 176);
  let d20 = v128.load(t, 192);
  let d21 = v128.load(t, 208);
  let d30 = v128.load(t, 224);
  let d31 = v128.load(t, 240);
  for (const end = a + (<usize>k << 4); a != end; a += 16, b += 32, d += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const e0 = v128.load(d);
    const e1 = v128.load(d, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(c00, a0, b0);
    c01 = madd(c01, a0, b1);
    d00 = madd(d00, a0, e0);
    d01 = madd(d01, a0, e1);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(c10, a1, b0);
    c11 = madd(c11, a1, b1);
    d10 = madd(d10, a1, e0);
    d11 = madd(d11, a1, e1);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(c20, a2, b0);
    c21 = madd(c21, a2, b1);
    d20 = madd(d20, a2, e0);
    d21 = madd(d21, a2, e1);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(c30, a3, b0);
    c31 = madd(c31, a3, b1);
    d30 = madd(d30, a3, e0);
    d31 = madd(d31, a3, e1);
  }
  v128.store(t, c00);
  v128.store(t, c01, 16);
  v128.store(t, c10, 32);
  v128.store(t, c11, 48);
  v128.store(t, c20, 64);
  v128.store(t, c21, 80);
  v128.store(t, c30, 96);
  v128.store(t, c31, 112);
  v128.store(t, d00, 128);
  v128.store(t, d01, 144);
  v128.store(t, d10, 160);
  v128.store(t, d11, 176);
  v128.store(t, d20, 192);
  v128.store(t, d21, 208);
  v128.store(t, d30, 224);
  v128.store(t, d31, 240);
}
