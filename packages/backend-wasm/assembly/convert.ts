/* Choosing, converting and filling; vectors are processed whole, as in elementwise.ts. */

/** Four lane masks as four bytes, 0 or 1. */
@inline
export function putBools(y: usize, masks: v128): void {
  const ones = v128.and(masks, i32x4.splat(1));
  const shorts = i16x8.narrow_i32x4_u(ones, ones);
  store<u32>(y, <u32>i32x4.extract_lane(i8x16.narrow_i16x8_u(shorts, shorts), 0));
}

/** One row of `select` on four-byte elements; steps are 0 or 1. */
export function select32(c: usize, c0: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32): void {
  const sa = <usize>a0 << 4;
  const sb = <usize>b0 << 4;
  const sc = <usize>c0 << 2;
  for (const end = y + (<usize>n << 2); y < end; y += 16, a += sa, b += sb, c += sc) {
    const bytes = c0 ? v128.load32_zero(c) : v128.load8_splat(c);
    const condition = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
    const u = a0 ? v128.load(a) : v128.load32_splat(a);
    const v = b0 ? v128.load(b) : v128.load32_splat(b);
    v128.store(y, v128.bitselect(u, v, i32x4.ne(condition, i32x4.splat(0))));
  }
}

/** The same on one-byte elements. */
export function select8(c: usize, c0: i32, a: usize, a0: i32, b: usize, b0: i32, y: usize, n: i32): void {
  for (const end = y + n; y < end; y++, a += a0, b += b0, c += c0) store<u8>(y, load<u8>(c) ? load<u8>(a) : load<u8>(b));
}

export function cast_float_int(x: usize, y: usize, n: i32): void {
  for (const end = y + (<usize>n << 2); y < end; y += 16, x += 16) v128.store(y, i32x4.trunc_sat_f32x4_s(v128.load(x)));
}
export function cast_int_float(x: usize, y: usize, n: i32): void {
  for (const end = y + (<usize>n << 2); y < end; y += 16, x += 16) v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
}
export function cast_bool_int(x: usize, y: usize, n: i32): void {
  for (const end = y + (<usize>n << 2); y < end; y += 16, x += 4) v128.store(y, widened(x));
}
export function cast_bool_float(x: usize, y: usize, n: i32): void {
  for (const end = y + (<usize>n << 2); y < end; y += 16, x += 4) v128.store(y, f32x4.convert_i32x4_s(widened(x)));
}
export function cast_float_bool(x: usize, y: usize, n: i32): void {
  for (const end = y + n; y < end; y += 4, x += 16) putBools(y, f32x4.ne(v128.load(x), f32x4.splat(0)));
}
export function cast_int_bool(x: usize, y: usize, n: i32): void {
  for (const end = y + n; y < end; y += 4, x += 16) putBools(y, i32x4.ne(v128.load(x), i32x4.splat(0)));
}

@inline
function widened(x: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x)));
}

/** n elements of four bytes. */
export function fill32(y: usize, n: i32, bits: i32): void {
  const each = i32x4.splat(bits);
  for (const end = y + (<usize>n << 2); y < end; y += 16) v128.store(y, each);
}

export function fill8(y: usize, n: i32, value: i32): void {
  memory.fill(y, <u8>value, n);
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
