/*
 * The matrix product behind every dense kernel: C[i, j] = Σₖ A[i, k] · B[k, j], k ascending, one accumulator per output,
 * each product and each sum rounded to float32. Operands are packed into panels first, in the order in which the inner
 * loop reads them: four rows of A side by side, eight columns of B side by side, k by k. Eight vectors of accumulators
 * stay in registers; larger tiles, fused or unrolled ones were slower in V8.
 */

const ROWS = 4;
const COLUMNS = 8;

/** What happens to an output: begin at +0; go on from its value; begin at +0 and add the result to its value. */
const CONTINUE = 1;
const ADD = 2;

@inline
function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

/**
 * Multiplies m packed rows by n packed columns. Output (i, j) is element rows[i] + columns[j] of c. `edge` is room for
 * a tile whose columns are not neighbours, or that hangs over the edge.
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
  const aPanel = <usize>k << 4;
  const bPanel = <usize>k << 5;
  for (let j = 0; j < n; j += COLUMNS, b += bPanel) {
    const first = int(columns, j);
    const whole = j + COLUMNS <= n && int(columns, j + COLUMNS - 1) - first == COLUMNS - 1;
    const to = c + (<usize>first << 2);
    let pa = a;
    for (let i = 0; i < m; i += ROWS, pa += aPanel) {
      if (whole && i + ROWS <= m) {
        const r0 = to + (<usize>int(rows, i) << 2);
        const r1 = to + (<usize>int(rows, i + 1) << 2);
        const r2 = to + (<usize>int(rows, i + 2) << 2);
        const r3 = to + (<usize>int(rows, i + 3) << 2);
        tile(pa, b, k, r0, r1, r2, r3, start);
      } else {
        const height = min(ROWS, m - i);
        const width = min(COLUMNS, n - j);
        if (start) moveTile(c, rows, i, height, columns, j, width, edge, true);
        tile(pa, b, k, edge, edge + 32, edge + 64, edge + 96, start);
        moveTile(c, rows, i, height, columns, j, width, edge, false);
      }
    }
  }
}

/** Copies a tile's existing outputs to `edge`, or back. */
function moveTile(
  c: usize,
  rows: usize,
  i: i32,
  height: i32,
  columns: usize,
  j: i32,
  width: i32,
  edge: usize,
  there: bool,
): void {
  for (let r = 0; r < height; r++) {
    const row = c + (<usize>int(rows, i + r) << 2);
    const side = edge + (<usize>r << 5);
    for (let q = 0; q < width; q++) {
      const at = row + (<usize>int(columns, j + q) << 2);
      const e = side + (<usize>q << 2);
      if (there) store<f32>(e, load<f32>(at));
      else store<f32>(at, load<f32>(e));
    }
  }
}

/** 4 × 8 outputs, eight neighbours from each of r0 to r3 on. */
@inline
function tile(a: usize, b: usize, k: i32, r0: usize, r1: usize, r2: usize, r3: usize, start: i32): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  if (start == CONTINUE) {
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
    c00 = f32x4.add(c00, f32x4.mul(a0, b0));
    c01 = f32x4.add(c01, f32x4.mul(a0, b1));
    const a1 = v128.load32_splat(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(a1, b0));
    c11 = f32x4.add(c11, f32x4.mul(a1, b1));
    const a2 = v128.load32_splat(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(a2, b0));
    c21 = f32x4.add(c21, f32x4.mul(a2, b1));
    const a3 = v128.load32_splat(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(a3, b0));
    c31 = f32x4.add(c31, f32x4.mul(a3, b1));
  }
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
