import { storeUpTo } from './convert';
import { element, int } from './walk';
import {
  BEFORE,
  CHANNEL,
  CHANNELS,
  COUNTS,
  DILATION,
  FIRST_WHOLE,
  FROM,
  high,
  IN,
  KERNEL,
  LAST,
  LAST_WHOLE,
  low,
  OUT,
  SAMPLE,
  startOf,
  STRIDE,
  TO,
} from './window';
import { four } from './pool';

/*
 * Gradients of pools. Windows overlap, so a part is what no other part's windows reach: a plane of one channel, or in
 * channels-last `width` channels of a sample. It is cleared first, and then the windows add to it in row-major order.
 */

/** Elements from tap to tap on an axis. */
@inline
function tapStep(t: usize, axis: i32): i32 {
  return int(t, DILATION + axis) * int(t, FROM + axis);
}

/** Sets `bytes` at every point of the input to 0. */
function clear(t: usize, gx: usize, bytes: usize): void {
  const points = int(t, IN) * int(t, IN + 1) * int(t, IN + 2);
  if (!int(t, LAST)) memory.fill(gx, 0, <usize>points << 2);
  else for (let i = 0, step = int(t, CHANNELS); i < points; i++, gx = element(gx, step)) memory.fill(gx, 0, bytes);
}

@inline
function add(to: usize, v: f32): void {
  store<f32>(to, load<f32>(to) + v);
}

/** A NaN wins over all but an earlier one, otherwise the first of equals. */
@inline
function wins(v: v128, best: v128): v128 {
  return v128.or(f32x4.gt(v, best), v128.and(f32x4.ne(v, v), f32x4.eq(best, best)));
}

/** Gives the gradients of four neighbouring windows that lie inside the input whole to their maxima. */
@inline
function giveFour(stride: i32, t: usize, x: usize, g: usize, gx: usize, z0: i32, z1: i32, y0: i32, y1: i32): void {
  const step = tapStep(t, 2);
  const width = int(t, KERNEL + 2) * step;
  let best = f32x4.splat(-Infinity);
  let where = i32x4.splat(z0 * tapStep(t, 0) + y0 * tapStep(t, 1));
  let nan = i32x4.splat(0);
  for (let z = z0; z < z1; z++)
    for (let r = y0; r < y1; r++) {
      const row = z * tapStep(t, 0) + r * tapStep(t, 1);
      for (let o = row; o < row + width; o += step) {
        const v = four(element(x, o), stride);
        const better = f32x4.gt(v, best);
        nan = v128.or(nan, f32x4.ne(v, v));
        best = f32x4.pmax(best, v);
        where = v128.bitselect(i32x4.splat(o), where, better);
      }
    }
  if (v128.any_true(nan)) {
    for (let i = 0; i < 4; i++) {
      const at = i * stride;
      giveOne(t, element(x, at), element(g, i), element(gx, at), z0, z1, y0, y1, 0, int(t, KERNEL + 2));
    }
    return;
  }
  add(element(gx, i32x4.extract_lane(where, 0)), load<f32>(g));
  add(element(gx, i32x4.extract_lane(where, 1) + stride), load<f32>(g, 4));
  add(element(gx, i32x4.extract_lane(where, 2) + 2 * stride), load<f32>(g, 8));
  add(element(gx, i32x4.extract_lane(where, 3) + 3 * stride), load<f32>(g, 12));
}

function giveOne(
  t: usize,
  x: usize,
  g: usize,
  gx: usize,
  z0: i32,
  z1: i32,
  y0: i32,
  y1: i32,
  x0: i32,
  x1: i32,
): void {
  if (x0 >= x1) return;
  const step = tapStep(t, 2);
  let best: f32 = -Infinity;
  let where = z0 * tapStep(t, 0) + y0 * tapStep(t, 1) + x0 * step;
  for (let z = z0; z < z1; z++)
    for (let r = y0; r < y1; r++)
      for (let k = x0, o = z * tapStep(t, 0) + r * tapStep(t, 1) + x0 * step; k < x1; k++, o += step) {
        const v = load<f32>(element(x, o));
        if (!(v > best || (v != v && best == best))) continue;
        best = v;
        where = o;
      }
  add(element(gx, where), load<f32>(g));
}

/** Gives the gradient of a row of windows of one channel to their maxima. */
@inline
function giveFirst(t: usize, x: usize, g: usize, gx: usize, z0: i32, z1: i32, y0: i32, y1: i32): void {
  const width = int(t, OUT + 2);
  const stride = int(t, STRIDE + 2);
  const before = int(t, BEFORE + 2);
  const first = int(t, FIRST_WHOLE);
  const last = int(t, LAST_WHOLE);
  for (let ox = 0; ox < width; ) {
    const start = ox * stride - before;
    const from = element(x, start);
    const to = element(gx, start);
    const s = element(g, ox);
    if (ox < first || ox + 4 > last || stride > 2) {
      giveOne(t, from, s, to, z0, z1, y0, y1, low(t, 2, ox), high(t, 2, ox));
      ox++;
      continue;
    }
    if (stride == 1) giveFour(1, t, from, s, to, z0, z1, y0, y1);
    else giveFour(2, t, from, s, to, z0, z1, y0, y1);
    ox += 4;
  }
}

/** The same for `lanes` channels side by side. */
@inline
function giveLast(t: usize, x: usize, g: usize, gx: usize, lanes: i32, z0: i32, z1: i32, y0: i32, y1: i32): void {
  const width = int(t, OUT + 2);
  const step = tapStep(t, 2);
  const channels = int(t, CHANNELS);
  for (let ox = 0; ox < width; ox++, g = element(g, channels)) {
    const start = startOf(t, 2, ox) * int(t, FROM + 2);
    const x0 = low(t, 2, ox);
    const x1 = high(t, 2, ox);
    if (x0 >= x1) continue;
    for (let c = 0; c < lanes; c += 4) {
      const from = element(x, start + c);
      let best = f32x4.splat(-Infinity);
      let where = i32x4.splat(z0 * tapStep(t, 0) + y0 * tapStep(t, 1) + x0 * step);
      for (let z = z0; z < z1; z++)
        for (let r = y0; r < y1; r++)
          for (let k = x0, o = z * tapStep(t, 0) + r * tapStep(t, 1) + x0 * step; k < x1; k++, o += step) {
            const v = v128.load(element(from, o));
            const better = wins(v, best);
            best = v128.bitselect(v, best, better);
            where = v128.bitselect(i32x4.splat(o), where, better);
          }
      const to = element(gx, start + c);
      const s = element(g, c);
      add(element(to, i32x4.extract_lane(where, 0)), load<f32>(s));
      if (c + 1 < lanes) add(element(to, i32x4.extract_lane(where, 1)) + 4, load<f32>(s, 4));
      if (c + 2 < lanes) add(element(to, i32x4.extract_lane(where, 2)) + 8, load<f32>(s, 8));
      if (c + 3 < lanes) add(element(to, i32x4.extract_lane(where, 3)) + 12, load<f32>(s, 12));
    }
  }
}

/** Gives each window's share to all its taps; four windows at a time where they lie inside the input whole. */
@inline
function spreadFirst(t: usize, g: usize, gx: usize, z0: i32, z1: i32, y0: i32, y1: i32, counts: i32, columnCounts: usize): void {
  const width = int(t, OUT + 2);
  const stride = int(t, STRIDE + 2);
  const before = int(t, BEFORE + 2);
  const first = int(t, FIRST_WHOLE);
  const last = int(t, LAST_WHOLE);
  const step = <usize>tapStep(t, 2) << 2;
  const taps = int(t, KERNEL + 2);
  const inVectors = stride == 1 || (stride == 2 && taps > 1 && step == 4);
  for (let ox = 0; ox < width; ) {
    const to = element(gx, ox * stride - before);
    const count = <f32>(counts * int(columnCounts, ox));
    if (inVectors && ox >= first && ox + 4 <= last) {
      const share = f32x4.div(v128.load(element(g, ox)), f32x4.splat(count));
      for (let z = z0; z < z1; z++)
        for (let r = y0; r < y1; r++) {
          const row = element(to, z * tapStep(t, 0) + r * tapStep(t, 1));
          // From the last tap on, for an element that several windows share belongs to a later tap of the earlier window.
          for (let k = taps - 1; k >= 0; k--) {
            const s = row + <usize>k * step;
            if (stride == 1) v128.store(s, f32x4.add(v128.load(s), share));
            else addEverySecond(s, share, k > 0);
          }
        }
      ox += 4;
      continue;
    }
    const x0 = low(t, 2, ox);
    const x1 = high(t, 2, ox);
    const share: f32 = load<f32>(element(g, ox)) / count;
    for (let z = z0; z < z1; z++)
      for (let r = y0; r < y1; r++) {
        let s = element(to, z * tapStep(t, 0) + r * tapStep(t, 1)) + <usize>x0 * step;
        for (let k = x0; k < x1; k++, s += step) add(s, share);
      }
    ox++;
  }
}

/** Adds to x[0], x[2], x[4], x[6], and +0 to those between, which no sum shows: x[1] to x[7], or `before`, x[−1] to x[5]. */
@inline
function addEverySecond(x: usize, v: v128, before: bool): void {
  const zero = f32x4.splat(0);
  if (before) {
    x -= 4;
    v128.store(x, f32x4.add(v128.load(x), i32x4.shuffle(zero, v, 0, 4, 1, 5)));
    v128.store(x, f32x4.add(v128.load(x, 16), i32x4.shuffle(zero, v, 2, 6, 3, 7)), 16);
  } else {
    v128.store(x, f32x4.add(v128.load(x), i32x4.shuffle(v, zero, 0, 4, 1, 5)));
    v128.store(x, f32x4.add(v128.load(x, 16), i32x4.shuffle(v, zero, 2, 6, 3, 7)), 16);
  }
}

@inline
function spreadLast(t: usize, g: usize, gx: usize, lanes: i32, z0: i32, z1: i32, y0: i32, y1: i32, counts: i32, columnCounts: usize): void {
  const width = int(t, OUT + 2);
  const step = <usize>tapStep(t, 2) << 2;
  const channels = int(t, CHANNELS);
  for (let ox = 0; ox < width; ox++, g = element(g, channels)) {
    const x0 = low(t, 2, ox);
    const x1 = high(t, 2, ox);
    const count = f32x4.splat(<f32>(counts * int(columnCounts, ox)));
    const to = element(gx, startOf(t, 2, ox) * int(t, FROM + 2));
    for (let c = 0; c < lanes; c += 4) {
      const share = f32x4.div(v128.load(element(g, c)), count);
      for (let z = z0; z < z1; z++)
        for (let r = y0; r < y1; r++) {
          let s = element(to, z * tapStep(t, 0) + r * tapStep(t, 1) + c) + <usize>x0 * step;
          for (let k = x0; k < x1; k++, s += step) {
            storeUpTo(s, f32x4.add(v128.load(s), share), s + (<usize>(lanes - c) << 2));
          }
        }
    }
  }
}

function maxRow(last: i32, t: usize, x: usize, g: usize, gx: usize, lanes: i32, z0: i32, z1: i32, y0: i32, y1: i32): void {
  if (last) giveLast(t, x, g, gx, lanes, z0, z1, y0, y1);
  else giveFirst(t, x, g, gx, z0, z1, y0, y1);
}
function avgRow(last: i32, t: usize, g: usize, gx: usize, lanes: i32, z0: i32, z1: i32, y0: i32, y1: i32, counts: i32, columnCounts: usize): void {
  if (last) spreadLast(t, g, gx, lanes, z0, z1, y0, y1, counts, columnCounts);
  else spreadFirst(t, g, gx, z0, z1, y0, y1, counts, columnCounts);
}

/** Part by part: clears it, and lets row after row of windows add to it. */
function gradient(isMax: bool, t: usize, x: usize, gy: usize, gx: usize, width: i32, begin: i32, end: i32): void {
  const isLast = int(t, LAST);
  const depth = int(t, OUT);
  const height = int(t, OUT + 1);
  const channels = int(t, CHANNELS);
  const across = isLast ? (channels + width - 1) / width : channels;
  const rowCounts = element(t, COUNTS + depth);
  const columnCounts = element(rowCounts, height);
  for (let part = begin; part < end; part++) {
    const n = part / across;
    const c = (part % across) * (isLast ? width : 1);
    const lanes = min(width, channels - c);
    const from = n * int(t, FROM + SAMPLE) + c * int(t, FROM + CHANNEL);
    const to = n * int(t, TO + SAMPLE) + c * int(t, TO + CHANNEL);
    clear(t, element(gx, from), <usize>lanes << 2);
    for (let oz = 0; oz < depth; oz++) {
      const z0 = low(t, 0, oz);
      const z1 = high(t, 0, oz);
      if (z0 >= z1) continue;
      for (let oy = 0; oy < height; oy++) {
        const y0 = low(t, 1, oy);
        const y1 = high(t, 1, oy);
        if (y0 >= y1) continue;
        const at = from + startOf(t, 0, oz) * int(t, FROM) + startOf(t, 1, oy) * int(t, FROM + 1);
        const g = element(gy, to + oz * int(t, TO) + oy * int(t, TO + 1));
        const s = element(gx, at);
        if (isMax) maxRow(isLast, t, element(x, at), g, s, lanes, z0, z1, y0, y1);
        else {
          const counts = int(t, COUNTS + oz) * int(rowCounts, oy);
          avgRow(isLast, t, g, s, lanes, z0, z1, y0, y1, counts, columnCounts);
        }
      }
    }
  }
}

export function maxPoolGrad(t: usize, x: usize, gy: usize, gx: usize, width: i32, begin: i32, end: i32): void {
  gradient(true, t, x, gy, gx, width, begin, end);
}
export function avgPoolGrad(t: usize, gy: usize, gx: usize, width: i32, begin: i32, end: i32): void {
  gradient(false, t, gy, gy, gx, width, begin, end);
}
