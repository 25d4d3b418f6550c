/* Copies between strided places, and picking by index. Strides and offsets are in elements. */

/** Side of the square blocks in which a transposition runs: 32 × 32 float32 fill 64 cache lines, twice. */
const BLOCK = 32;

/**
 * Copies elements of T from one strided place to another. `walk` holds, for `rank` axes, the extents, then the strides
 * in `from`, then those in `to`; the last two axes are the inner plane. `index` is room for rank counters.
 */
@inline
function copyStrided<T>(from: usize, to: usize, rank: i32, walk: usize, index: usize): void {
  const outer = rank - 2;
  const fromStrides = walk + (<usize>rank << 2);
  const toStrides = fromStrides + (<usize>rank << 2);
  const last = <usize>(rank - 1) << 2;
  const rows = load<i32>(walk + last - 4);
  const columns = load<i32>(walk + last);
  const s1 = load<i32>(fromStrides + last - 4);
  const s0 = load<i32>(fromStrides + last);
  const t1 = load<i32>(toStrides + last - 4);
  const t0 = load<i32>(toStrides + last);
  for (let axis = 0; axis < outer; axis++) store<i32>(index + (<usize>axis << 2), 0);
  for (;;) {
    if (s0 == 1 && t0 == 1) copyRows<T>(from, s1, to, t1, rows, columns);
    else if (s0 > s1 && s1 > 0) copyBlocks<T>(from, s1, s0, to, t1, t0, rows, columns);
    else copyPlane<T>(from, s1, s0, to, t1, t0, rows, columns);
    let axis = outer - 1;
    for (; axis >= 0; axis--) {
      const at = <usize>axis << 2;
      const extent = load<i32>(walk + at);
      const next = load<i32>(index + at) + 1;
      const fromStep = load<i32>(fromStrides + at);
      const toStep = load<i32>(toStrides + at);
      if (next < extent) {
        store<i32>(index + at, next);
        from += <usize>fromStep * sizeof<T>();
        to += <usize>toStep * sizeof<T>();
        break;
      }
      store<i32>(index + at, 0);
      from -= <usize>(fromStep * (extent - 1)) * sizeof<T>();
      to -= <usize>(toStep * (extent - 1)) * sizeof<T>();
    }
    if (axis < 0) return;
  }
}

@inline
function copyRows<T>(from: usize, s1: i32, to: usize, t1: i32, rows: i32, columns: i32): void {
  const bytes = <usize>columns * sizeof<T>();
  for (let r = 0; r < rows; r++) {
    if (columns >= 32) memory.copy(to, from, bytes);
    else for (let i: usize = 0; i < bytes; i += sizeof<T>()) store<T>(to + i, load<T>(from + i));
    from += <usize>s1 * sizeof<T>();
    to += <usize>t1 * sizeof<T>();
  }
}

@inline
function copyPlane<T>(
  from: usize,
  s1: i32,
  s0: i32,
  to: usize,
  t1: i32,
  t0: i32,
  rows: i32,
  columns: i32,
): void {
  for (let r = 0; r < rows; r++) {
    let s = from;
    let t = to;
    for (let c = 0; c < columns; c++) {
      store<T>(t, load<T>(s));
      s += <usize>s0 * sizeof<T>();
      t += <usize>t0 * sizeof<T>();
    }
    from += <usize>s1 * sizeof<T>();
    to += <usize>t1 * sizeof<T>();
  }
}

/** Block by block, so that the lines of both sides are used whole while they are in the cache. */
@inline
function copyBlocks<T>(
  from: usize,
  s1: i32,
  s0: i32,
  to: usize,
  t1: i32,
  t0: i32,
  rows: i32,
  columns: i32,
): void {
  for (let r = 0; r < rows; r += BLOCK) {
    for (let c = 0; c < columns; c += BLOCK) {
      copyPlane<T>(
        from + <usize>(r * s1 + c * s0) * sizeof<T>(),
        s1,
        s0,
        to + <usize>(r * t1 + c * t0) * sizeof<T>(),
        t1,
        t0,
        min(BLOCK, rows - r),
        min(BLOCK, columns - c),
      );
    }
  }
}

export function copy32(from: usize, to: usize, rank: i32, walk: usize, index: usize): void {
  copyStrided<u32>(from, to, rank, walk, index);
}

export function copy8(from: usize, to: usize, rank: i32, walk: usize, index: usize): void {
  copyStrided<u8>(from, to, rank, walk, index);
}

/** Position of the first index outside [0, extent); −1 if there is none. */
export function badIndex(indices: usize, n: i32, extent: i32): i32 {
  for (let i = 0; i < n; i++) {
    const at = load<i32>(indices + (<usize>i << 2));
    if (at < 0 || at >= extent) return i;
  }
  return -1;
}

/** `outer` times: the pieces of `bytes` bytes at the given indices of an axis of that extent. */
export function gather(
  x: usize,
  indices: usize,
  count: i32,
  extent: i32,
  outer: i32,
  bytes: i32,
  y: usize,
): void {
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < count; k++) {
      const at = x + <usize>(o * extent + load<i32>(indices + (<usize>k << 2))) * bytes;
      if (bytes == 4) store<u32>(y, load<u32>(at));
      else memory.copy(y, at, bytes);
      y += bytes;
    }
  }
}

@inline
function scatter<T>(y: usize, indices: usize, count: i32, size: i32, outer: i32, inner: i32, to: usize): void {
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < count; k++) {
      let t = to + (<usize>((o * size + load<i32>(indices + (<usize>k << 2))) * inner) << 2);
      for (let i = 0; i < inner; i++, t += 4, y += 4) store<T>(t, load<T>(t) + load<T>(y));
    }
  }
}

export function scatterAdd_float(
  y: usize,
  indices: usize,
  count: i32,
  size: i32,
  outer: i32,
  inner: i32,
  to: usize,
): void {
  scatter<f32>(y, indices, count, size, outer, inner, to);
}

export function scatterAdd_int(
  y: usize,
  indices: usize,
  count: i32,
  size: i32,
  outer: i32,
  inner: i32,
  to: usize,
): void {
  scatter<i32>(y, indices, count, size, outer, inner, to);
}
