import { SCATTERED } from '../src/agreed';
import { storeTransposed } from './pack';
import { element, int, plane0, plane1, seek } from './walk';

/* Copies between strided places, and picking by index. Strides and offsets are in elements; nothing else is written. */

/**
 * Copies elements of `size` bytes, 4 or 1, from one strided place to another, tile by tile of its planes: `rows` ×
 * `columns`, in tiles of `height` × `width`. Steps from row to row and from column to column are (s1, s0) in `from` and
 * (t1, t0) in `to`. `table` is that of walk.ts with the strides in `from` and in `to`. A part is a tile.
 */
export function copy(
  size: i32,
  from: usize,
  s1: i32,
  s0: i32,
  to: usize,
  t1: i32,
  t0: i32,
  rows: i32,
  columns: i32,
  height: i32,
  width: i32,
  outer: i32,
  table: usize,
  begin: i32,
  end: i32,
): void {
  const across = (columns + width - 1) / width;
  const down = (rows + height - 1) / height;
  let column = begin % across;
  let row = begin / across;
  let plane = row / down;
  row %= down;
  for (let part = begin; part < end; ) {
    seek(table, outer, 2, plane++);
    const source = from + <usize>(plane0 * size);
    const target = to + <usize>(plane1 * size);
    for (; row < down && part < end; row++, column = 0) {
      for (; column < across && part < end; column++, part++) {
        const r = row * height;
        const c = column * width;
        const s = source + <usize>((r * s1 + c * s0) * size);
        const t = target + <usize>((r * t1 + c * t0) * size);
        const h = min(height, rows - r);
        const w = min(width, columns - c);
        if (t0 == 1 && s0 == 1) copyRows(s, s1 * size, t, t1 * size, h, w * size);
        else if (size == 1) copyElements<u8>(s, s1, s0, t, t1, t0, h, w);
        else if (t0 == 1 && s0 == 0) repeatRows(s, s1, t, t1, h, w);
        else if (t0 == 1 && s1 == 1) transpose(s, s0, t, t1, h, w);
        else copyElements<u32>(s, s1, s0, t, t1, t0, h, w);
      }
    }
    row = 0;
  }
}

@inline
function copyRows(from: usize, s1: usize, to: usize, t1: usize, rows: i32, bytes: usize): void {
  for (let r = 0; r < rows; r++, from += s1, to += t1) copyBytes(to, from, bytes);
}

function copyBytes(to: usize, from: usize, bytes: usize): void {
  if (bytes >= 512) {
    memory.copy(to, from, bytes);
    return;
  }
  const vectors = from + (bytes & ~15);
  for (; from < vectors; from += 16, to += 16) v128.store(to, v128.load(from));
  if (bytes & 8) {
    store<u64>(to, load<u64>(from));
    from += 8;
    to += 8;
  }
  if (bytes & 4) {
    store<u32>(to, load<u32>(from));
    from += 4;
    to += 4;
  }
  for (const last = from + (bytes & 3); from < last; from++, to++) store<u8>(to, load<u8>(from));
}

/** One element of four bytes per row. */
function repeatRows(from: usize, s1: i32, to: usize, t1: i32, rows: i32, columns: i32): void {
  for (let r = 0; r < rows; r++, from = element(from, s1), to = element(to, t1)) {
    const each = v128.load32_splat(from);
    let t = to;
    for (const whole = element(to, columns & ~3); t < whole; t += 16) v128.store(t, each);
    for (const last = element(to, columns); t < last; t += 4) v128.store32_lane(t, each, 0);
  }
}

/** Rows are neighbours in `from` and columns in `to`: blocks of 4 × 4 in registers. */
function transpose(from: usize, s0: i32, to: usize, t1: i32, rows: i32, columns: i32): void {
  const sourceStep = <usize>s0 << 2;
  const targetStep = <usize>t1 << 2;
  let r = 0;
  for (; r + 4 <= rows; r += 4, from += 16, to += targetStep << 2) {
    let s = from;
    let t = to;
    let c = 0;
    for (; c + 4 <= columns; c += 4, t += 16, s += sourceStep << 2) {
      const c0 = v128.load(s);
      const c1 = v128.load(s + sourceStep);
      const c2 = v128.load(s + 2 * sourceStep);
      storeTransposed(t, targetStep, c0, c1, c2, v128.load(s + 3 * sourceStep));
    }
    if (c < columns) copyElements<u32>(s, 1, s0, t, t1, 1, 4, columns - c);
  }
  if (r < rows) copyElements<u32>(from, 1, s0, to, t1, 1, rows - r, columns);
}

function copyElements<T>(from: usize, s1: i32, s0: i32, to: usize, t1: i32, t0: i32, rows: i32, columns: i32): void {
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

/** Position of the first index outside [0, extent); −1 if there is none. */
export function badIndex(indices: usize, n: i32, extent: i32): i32 {
  for (let i = 0; i < n; i++) {
    const at = int(indices, i);
    if (at < 0 || at >= extent) return i;
  }
  return -1;
}

/** A part is one piece of `bytes` bytes: outer index by outer index, those at the `count` indices of an axis of that extent. */
export function gather(
  x: usize,
  indices: usize,
  count: i32,
  extent: i32,
  bytes: i32,
  y: usize,
  begin: i32,
  end: i32,
): void {
  let o = begin / count;
  let k = begin % count;
  y += <usize>begin * bytes;
  for (let part = begin; part < end; part++, y += bytes) {
    const at = x + <usize>(o * extent + int(indices, k)) * bytes;
    if (bytes == 4) store<u32>(y, load<u32>(at));
    else copyBytes(y, at, bytes);
    if (++k < count) continue;
    k = 0;
    o++;
  }
}

/** A part is a piece of the inner extent of one outer index: it goes through all indices, in order. */
@inline
function scatter<T>(
  y: usize,
  indices: usize,
  count: i32,
  size: i32,
  inner: i32,
  to: usize,
  begin: i32,
  end: i32,
): void {
  const pieces = (inner + SCATTERED - 1) / SCATTERED;
  const row = <usize>inner << 2;
  for (let part = begin; part < end; part++) {
    const o = part / pieces;
    const first = (part % pieces) * SCATTERED;
    const bytes = <usize>min(SCATTERED, inner - first) << 2;
    const target = element(to, o * size * inner + first);
    for (let i = 0, t = target; i < size; i++, t += row) memory.fill(t, 0, bytes);
    let s = element(y, o * count * inner + first);
    for (let k = 0; k < count; k++, s += row) {
      const t = element(target, int(indices, k) * inner);
      let i: usize = 0;
      for (const whole = bytes & ~15; i < whole; i += 16) {
        const a = v128.load(t + i);
        const b = v128.load(s + i);
        v128.store(t + i, isFloat<T>() ? f32x4.add(a, b) : i32x4.add(a, b));
      }
      for (; i < bytes; i += 4) store<T>(t + i, load<T>(t + i) + load<T>(s + i));
    }
  }
}

export function scatterAdd_float(y: usize, indices: usize, count: i32, size: i32, inner: i32, to: usize, begin: i32, end: i32): void {
  scatter<f32>(y, indices, count, size, inner, to, begin, end);
}
export function scatterAdd_int(y: usize, indices: usize, count: i32, size: i32, inner: i32, to: usize, begin: i32, end: i32): void {
  scatter<i32>(y, indices, count, size, inner, to, begin, end);
}
