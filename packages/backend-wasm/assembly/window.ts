import { int } from './walk';

/*
 * Windows of pools in numbers. `t` is the table that src/pool.ts makes: numbers and triples (depth, height, width), in
 * elements. Taps outside the input are left out.
 */

export const CHANNELS = 0;
export const OUT = 1;
export const IN = 4;
export const KERNEL = 7;
export const STRIDE = 10;
export const DILATION = 13;
export const BEFORE = 16;
/** Steps from depth to depth, row to row, column to column, channel to channel, sample to sample. */
export const FROM = 19;
export const TO = 24;
/** Channels are neighbours. */
export const LAST = 29;
/** The windows of a row that lie inside the input whole: the first, and one past the last. */
export const FIRST_WHOLE = 30;
export const LAST_WHOLE = 31;
/** Three lists: what averages divide by, the product of one number per axis. */
export const COUNTS = 32;

export const CHANNEL = 3;
export const SAMPLE = 4;

/** Where window i begins on an axis. */
@inline
export function startOf(t: usize, axis: i32, i: i32): i32 {
  return i * int(t, STRIDE + axis) - int(t, BEFORE + axis);
}

/** The first tap of window i that is inside the input. */
export function low(t: usize, axis: i32, i: i32): i32 {
  const start = startOf(t, axis, i);
  const dilation = int(t, DILATION + axis);
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}

/** One past the last; not more than `low` where there is none. */
export function high(t: usize, axis: i32, i: i32): i32 {
  const room = int(t, IN + axis) - startOf(t, axis, i);
  const dilation = int(t, DILATION + axis);
  const kernel = int(t, KERNEL + axis);
  if (room > (kernel - 1) * dilation) return kernel;
  return room <= 0 ? 0 : (room + dilation - 1) / dilation;
}

/** Bytes from tap to tap on an axis. */
@inline
export function tapStep(t: usize, axis: i32): usize {
  return <usize>(int(t, DILATION + axis) * int(t, FROM + axis)) << 2;
}
