import { PIECE } from '../src/agreed';
import { element, firstOf, plane0, plane1, plane2, seek } from './walk';

/* Choosing, converting and filling; what parts are, and how vectors end, is said in elementwise.ts. */

/** Four lane masks as four bytes, 0 or 1, in the low lane. */
@inline
export function boolBytes(masks: v128): v128 {
  const ones = v128.and(masks, i32x4.splat(1));
  const shorts = i16x8.narrow_i32x4_u(ones, ones);
  return i8x16.narrow_i16x8_u(shorts, shorts);
}

@inline
export function putBools(y: usize, masks: v128): void {
  v128.store32_lane(y, boolBytes(masks), 0);
}

/** Stores the bytes of a vector, those from `limit` on excepted. */
@inline
export function storeUpTo(y: usize, v: v128, limit: usize): void {
  if (y + 16 <= limit) v128.store(y, v);
  else storeSome(y, v, limit);
}

function storeSome(y: usize, v: v128, limit: usize): void {
  const n = limit - y;
  if (n & 8) {
    v128.store64_lane(y, v, 0);
    y += 8;
    v = i64x2.shuffle(v, v, 1, 1);
  }
  if (n & 4) {
    v128.store32_lane(y, v, 0);
    y += 4;
    v = i32x4.shuffle(v, v, 1, 1, 1, 1);
  }
  for (; y < limit; y++) {
    v128.store8_lane(y, v, 0);
    v = i8x16.shuffle(v, v, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15);
  }
}

/** `n` elements of `size` bytes of a row; steps are 0 or 1. */
@inline
function selectLine(size: i32, c: usize, c0: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  const lanes = 16 / size;
  const sa = <usize>a0 << 4;
  const sb = <usize>b0 << 4;
  const sc = <usize>(c0 * lanes);
  for (const end = y + <usize>(n * size); y < end; y += 16, a += sa, b += sb, c += sc) {
    let mask: v128;
    let u: v128;
    let v: v128;
    if (size == 4) {
      const bytes = c0 ? v128.load32_zero(c) : v128.load8_splat(c);
      mask = i32x4.neg(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)));
      u = a0 ? v128.load(a) : v128.load32_splat(a);
      v = b0 ? v128.load(b) : v128.load32_splat(b);
    } else {
      mask = i8x16.neg(c0 ? v128.load(c) : v128.load8_splat(c));
      u = a0 ? v128.load(a) : v128.load8_splat(a);
      v = b0 ? v128.load(b) : v128.load8_splat(b);
    }
    storeUpTo(y, v128.bitselect(u, v, mask), limit);
  }
}

function selectWords(c: usize, c0: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  selectLine(4, c, c0, a, a0, b, b0, y, n, limit);
}
function selectBytes(c: usize, c0: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32, limit: usize): void {
  selectLine(1, c, c0, a, a0, b, b0, y, n, limit);
}

/** Elements of `size` bytes, 4 or 1. */
export function select(
  size: i32,
  c: usize,
  c1: i32,
  c0: i32,
  a: usize,
  a1: i32,
  a0: i32,
  b: usize,
  b1: i32,
  b0: i32,
  y: usize,
  rows: i32,
  columns: i32,
  outer: i32,
  table: usize,
  begin: i32,
  end: i32,
): void {
  const pieces = (columns + PIECE - 1) / PIECE;
  const limit = y + <usize>firstOf(end, columns, pieces) * size;
  y += <usize>firstOf(begin, columns, pieces) * size;
  let column = (begin % pieces) * PIECE;
  let row = begin / pieces;
  let plane = row / rows;
  row %= rows;
  while (y < limit) {
    seek(table, outer, 3, plane++);
    let p = c + (plane0 + row * c1);
    let q = a + <usize>(plane1 + row * a1) * size;
    let r = b + <usize>(plane2 + row * b1) * size;
    for (; row < rows && y < limit; row++, column = 0) {
      const n = <i32>min(<usize>(columns - column), (limit - y) / size);
      const s = q + <usize>(column * a0) * size;
      const t = r + <usize>(column * b0) * size;
      const u = p + column * c0;
      if (size == 4) selectWords(u, c0, s, a0, t, b0, y, n, limit);
      else selectBytes(u, c0, s, a0, t, b0, y, n, limit);
      p += c1;
      q += <usize>a1 * size;
      r += <usize>b1 * size;
      y += <usize>n * size;
    }
    row = 0;
  }
}

export function cast_float_int(x: usize, y: usize, begin: i32, end: i32): void {
  x = element(x, begin);
  const stop = element(y, end);
  for (y = element(y, begin); y < stop; y += 16, x += 16) v128.store(y, i32x4.trunc_sat_f32x4_s(v128.load(x)));
}
export function cast_int_float(x: usize, y: usize, begin: i32, end: i32): void {
  x = element(x, begin);
  const stop = element(y, end);
  for (y = element(y, begin); y < stop; y += 16, x += 16) v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
}
export function cast_bool_int(x: usize, y: usize, begin: i32, end: i32): void {
  x += begin;
  const stop = element(y, end);
  for (y = element(y, begin); y < stop; y += 16, x += 4) v128.store(y, widened(x));
}
export function cast_bool_float(x: usize, y: usize, begin: i32, end: i32): void {
  x += begin;
  const stop = element(y, end);
  for (y = element(y, begin); y < stop; y += 16, x += 4) v128.store(y, f32x4.convert_i32x4_s(widened(x)));
}
export function cast_float_bool(x: usize, y: usize, begin: i32, end: i32): void {
  x = element(x, begin);
  const stop = y + end;
  for (y += begin; y < stop; y += 4, x += 16) putBools(y, f32x4.ne(v128.load(x), f32x4.splat(0)));
}
export function cast_int_bool(x: usize, y: usize, begin: i32, end: i32): void {
  x = element(x, begin);
  const stop = y + end;
  for (y += begin; y < stop; y += 4, x += 16) putBools(y, i32x4.ne(v128.load(x), i32x4.splat(0)));
}

@inline
function widened(x: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x)));
}

/** Elements of four bytes, `begin` to `end`. */
export function fillWords(y: usize, bits: i32, begin: i32, end: i32): void {
  const each = i32x4.splat(bits);
  const stop = element(y, end);
  for (y = element(y, begin); y < stop; y += 16) v128.store(y, each);
}

export function fillBytes(y: usize, value: i32, begin: i32, end: i32): void {
  memory.fill(y + begin, <u8>value, <usize>(end - begin));
}

/** 1 where all are finite: 0 · x is 0 for finite x, and NaN for the others. */
export function allFinite(x: usize, n: i32): i32 {
  const zero = f32x4.splat(0);
  let sum = zero;
  const end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16) sum = f32x4.add(sum, f32x4.mul(zero, v128.load(x)));
  let rest: f32 = 0;
  for (let i = 0; i < (n & 3); i++) rest += <f32>0 * load<f32>(x + (<usize>i << 2));
  return i32x4.all_true(f32x4.eq(sum, zero)) && rest == 0 ? 1 : 0;
}
