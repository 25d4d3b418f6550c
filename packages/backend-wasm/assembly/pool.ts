import { element, int, storeLanes } from './lanes';

/* Pools on the packed copy of four channels; see lanes.ts. */

/** NaN wins, and so does the first of equals (which shows in zeros of different sign). */
export function maxima(
  x: usize,
  bases: usize,
  n: i32,
  terms: usize,
  taps: i32,
  y: usize,
  rows: usize,
  step: i32,
  lanes: i32,
): void {
  for (let i = 0; i < n; i++) {
    const base = element(x, int(bases, i));
    let best = f32x4.splat(-Infinity);
    for (let t = 0; t < taps; t++) {
      const v = v128.load(element(base, int(terms, t)));
      best = v128.bitselect(v, best, v128.or(f32x4.gt(v, best), f32x4.ne(v, v)));
    }
    storeLanes(element(y, int(rows, i)), step, lanes, best);
  }
}

/**
 * Adds each window's gradient where its first NaN is, or else its first maximum. `offsets` tells which points are
 * padding: a window that holds nothing but −Infinity has its maximum at the first tap that is not.
 */
export function toMaxima(
  x: usize,
  bases: usize,
  n: i32,
  terms: usize,
  taps: i32,
  offsets: usize,
  gy: usize,
  rows: usize,
  step: i32,
  lanes: i32,
  sums: usize,
): void {
  for (let i = 0; i < n; i++) {
    const start = int(bases, i);
    let best = f32x4.splat(-Infinity);
    let where = i32x4.splat(-1);
    let nan = i32x4.splat(0);
    for (let t = 0; t < taps; t++) {
      const at = start + int(terms, t);
      const v = v128.load(element(x, at));
      const isNaN = f32x4.ne(v, v);
      const real = i32x4.splat(int(offsets, at >> 2) >= 0 ? -1 : 0);
      const first = v128.and(i32x4.lt_s(where, i32x4.splat(0)), real);
      const wins = v128.andnot(v128.or(v128.or(f32x4.gt(v, best), isNaN), first), nan);
      best = v128.bitselect(v, best, wins);
      where = v128.bitselect(i32x4.splat(t), where, wins);
      nan = v128.or(nan, isNaN);
    }
    const g = element(gy, int(rows, i));
    const to = element(sums, start);
    give(to, terms, i32x4.extract_lane(where, 0), g);
    if (lanes > 1) give(to + 4, terms, i32x4.extract_lane(where, 1), element(g, step));
    if (lanes > 2) give(to + 8, terms, i32x4.extract_lane(where, 2), element(g, 2 * step));
    if (lanes > 3) give(to + 12, terms, i32x4.extract_lane(where, 3), element(g, 3 * step));
  }
}

@inline
function give(to: usize, terms: usize, tap: i32, g: usize): void {
  if (tap < 0) return;
  const at = element(to, int(terms, tap));
  store<f32>(at, load<f32>(at) + load<f32>(g));
}

/** Sums over the taps (+0 from the padding changes none), divided by the window's count. */
export function averages(
  x: usize,
  bases: usize,
  n: i32,
  terms: usize,
  taps: i32,
  counts: usize,
  y: usize,
  rows: usize,
  step: i32,
  lanes: i32,
): void {
  for (let i = 0; i < n; i++) {
    const base = element(x, int(bases, i));
    let sum = f32x4.splat(0);
    for (let t = 0; t < taps; t++) sum = f32x4.add(sum, v128.load(element(base, int(terms, t))));
    const mean = f32x4.div(sum, f32x4.convert_i32x4_s(i32x4.splat(int(counts, i))));
    storeLanes(element(y, int(rows, i)), step, lanes, mean);
  }
}

/** Adds each window's share to the sums under its taps; `gy` is packed, four channels per position. */
export function spread(
  gy: usize,
  bases: usize,
  n: i32,
  terms: usize,
  taps: i32,
  counts: usize,
  sums: usize,
): void {
  for (let i = 0; i < n; i++) {
    const count = f32x4.convert_i32x4_s(i32x4.splat(int(counts, i)));
    const share = f32x4.div(v128.load(element(gy, 4 * i)), count);
    const base = element(sums, int(bases, i));
    for (let t = 0; t < taps; t++) {
      const at = element(base, int(terms, t));
      v128.store(at, f32x4.add(v128.load(at), share));
    }
  }
}
