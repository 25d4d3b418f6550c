/*
 * Packing of operands: four rows or eight columns of the product ("lanes") side by side, k by k. Element p of a lane is
 * `x[lane + depth[p]]`, with a table of offsets for the depth; lanes past the last repeat it. All in elements.
 */

@inline
function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

@inline
function element(x: usize, i: i32): usize {
  return x + (<usize>i << 2);
}

/** Whether four offsets are those of neighbours, `from` and on. */
@inline
function four(table: usize, from: i32): v128 {
  return i32x4.eq(v128.load(table), i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3)));
}

@inline
function eight(table: usize): v128 {
  const from = int(table, 0);
  return v128.and(four(table, from), four(table + 16, from + 4));
}

@inline
function sixteen(table: usize): v128 {
  const from = int(table, 0);
  const low = v128.and(four(table, from), four(table + 16, from + 4));
  return v128.and(low, v128.and(four(table + 32, from + 8), four(table + 48, from + 12)));
}

/** Stores the 4 × 4 block whose rows are given with rows and columns swapped, `stride` bytes from row to row. */
@inline
export function storeTransposed(to: usize, stride: usize, r0: v128, r1: v128, r2: v128, r3: v128): void {
  const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store((to += stride), i64x2.shuffle(low01, low23, 1, 3));
  v128.store((to += stride), i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + stride, i64x2.shuffle(high01, high23, 1, 3));
}

/** Four lanes, at s0 to s3; `stride` bytes from one depth to the next. */
function packFour(
  s0: usize,
  s1: usize,
  s2: usize,
  s3: usize,
  depth: usize,
  k: i32,
  to: usize,
  stride: usize,
): void {
  const end = depth + (<usize>k << 2);
  if (s1 - s0 == 4 && s2 - s0 == 8 && s3 - s0 == 12) {
    for (; depth < end; depth += 4, to += stride) v128.store(to, v128.load(element(s0, int(depth, 0))));
    return;
  }
  while (depth < end) {
    const at = <usize>int(depth, 0) << 2;
    if (depth + 64 <= end && i32x4.all_true(sixteen(depth))) {
      for (let q: usize = 0; q < 64; q += 16, to += stride * 4) transpose(s0 + at + q, s1 + at + q, s2 + at + q, s3 + at + q, to, stride);
      depth += 64;
    } else if (depth + 16 <= end && i32x4.all_true(four(depth, int(depth, 0)))) {
      transpose(s0 + at, s1 + at, s2 + at, s3 + at, to, stride);
      depth += 16;
      to += stride * 4;
    } else {
      store<f32>(to, load<f32>(s0 + at));
      store<f32>(to, load<f32>(s1 + at), 4);
      store<f32>(to, load<f32>(s2 + at), 8);
      store<f32>(to, load<f32>(s3 + at), 12);
      depth += 4;
      to += stride;
    }
  }
}

/** Four depths of four lanes. */
@inline
function transpose(s0: usize, s1: usize, s2: usize, s3: usize, to: usize, stride: usize): void {
  storeTransposed(to, stride, v128.load(s0), v128.load(s1), v128.load(s2), v128.load(s3));
}

/** Four lanes from `j` on, `laneStep` apart. */
@inline
function packEven(x: usize, laneStep: i32, n: i32, j: i32, depth: usize, k: i32, to: usize, stride: usize): void {
  const last = n - 1;
  packFour(
    element(x, min(j, last) * laneStep),
    element(x, min(j + 1, last) * laneStep),
    element(x, min(j + 2, last) * laneStep),
    element(x, min(j + 3, last) * laneStep),
    depth,
    k,
    to,
    stride,
  );
}

/** n rows, `laneStep` apart. */
export function packRows(x: usize, laneStep: i32, n: i32, depth: usize, k: i32, to: usize): void {
  for (let j = 0; j < n; j += 4, to += <usize>k << 4) packEven(x, laneStep, n, j, depth, k, to, 16);
}

/** n columns, `laneStep` apart. */
export function packColumns(x: usize, laneStep: i32, n: i32, depth: usize, k: i32, to: usize): void {
  for (let j = 0; j < n; j += 8, to += <usize>k << 5) {
    packEven(x, laneStep, n, j, depth, k, to, 32);
    packEven(x, laneStep, n, j + 4, depth, k, to + 16, 32);
  }
}

/** n columns, of which each begins at an offset of its own. The table `lanes` goes on to a multiple of eight. */
export function packPatches(x: usize, lanes: usize, n: i32, depth: usize, k: i32, to: usize): void {
  for (let j = 0; j < n; j += 4, lanes += 16, to += 16) {
    if ((j & 4) == 0 && i32x4.all_true(eight(lanes))) {
      packEight(element(x, int(lanes, 0)), depth, k, to);
      j += 4;
      lanes += 16;
      to += (<usize>k << 5) - 16;
      continue;
    }
    packFour(
      element(x, int(lanes, 0)),
      element(x, int(lanes, 1)),
      element(x, int(lanes, 2)),
      element(x, int(lanes, 3)),
      depth,
      k,
      to,
      32,
    );
    if (j & 4) to += (<usize>k << 5) - 32;
  }
}

/** Eight neighbours. */
function packEight(x: usize, depth: usize, k: i32, to: usize): void {
  for (const end = depth + (<usize>k << 2); depth < end; depth += 4, to += 32) {
    const from = element(x, int(depth, 0));
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  }
}
