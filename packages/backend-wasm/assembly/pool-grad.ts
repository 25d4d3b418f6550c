import { storeUpTo } from './convert';
import { element, int } from './walk';
import {
  CHANNEL,
  CHANNELS,
  COUNTS,
  DILATION,
  firstWhole,
  FROM,
  high,
  IN,
  KERNEL,
  LAST,
  lastWhole,
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
 * channels-last WIDTH channels of a sample. It is cleared first, and then the windows add to it in row-major order.
 */

/** `WIDTH` in src/pool.ts is the same. */
const WIDTH = 16;

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

/** Gives the gradient of a row of windows of one channel to their maxima; offsets are from where column 0's begins. */
@inline
function giveFirst(t: usize, x: usize, g: usize, gx: usize, z0: i32, z1: i32, y0: i32, y1: i32): void {
  const width = int(t, OUT + 2);
  const stride = int(t, STRIDE + 2);
  const step = tapStep(t, 2);
  const first = firstWhole(t);
  const last = lastWhole(t, first);
  const taps = int(t, KERNEL + 2);
  for (let ox = 0; ox < width; ) {
    const start = startOf(t, 2, ox);
    const x0 = low(t, 2, ox);
    if (ox >= first && ox + 4 <= last) {
      let best = f32x4.splat(-Infinity);
      let where = i32x4.splat(z0 * tapStep(t, 0) + y0 * tapStep(t, 1));
      for (let z = z0; z < z1; z++)
        for (let r = y0; r < y1; r++)
          for (let k = 0, o = z * tapStep(t, 0) + r * tapStep(t, 1); k < taps; k++, o += step) {
            const v = four(element(x, start + o), stride);
            const better = wins(v, best);
            best = v128.bitselect(v, best, better);
            where = v128.bitselect(i32x4.splat(o), where, better);
          }
      const to = element(gx, start);
      const from = element(g, ox);
      add(element(to, i32x4.extract_lane(where, 0)), load<f32>(from));
      add(element(to, i32x4.extract_lane(where, 1) + stride), load<f32>(from, 4));
      add(element(to, i32x4.extract_lane(where, 2) + 2 * stride), load<f32>(from, 8));
      add(element(to, i32x4.extract_lane(where, 3) + 3 * stride), load<f32>(from, 12));
      ox += 4;
      continue;
    }
    const x1 = high(t, 2, ox);
    let best: f32 = -Infinity;
    let where = z0 * tapStep(t, 0) + y0 * tapStep(t, 1) + x0 * step;
    for (let z = z0; z < z1; z++)
      for (let r = y0; r < y1; r++)
        for (let k = x0, o = z * tapStep(t, 0) + r * tapStep(t, 1) + x0 * step; k < x1; k++, o += step) {
          const v = load<f32>(element(x, start + o));
          if (!(v > best || (v != v && best == best))) continue;
          best = v;
          where = o;
        }
    if (x0 < x1) add(element(gx, start + where), load<f32>(element(g, ox)));
    ox++;
  }
}

/** The same for up to WIDTH channels side by side. */
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

/** Gives each window's share to all its taps. */
@inline
function spreadFirst(t: usize, g: usize, gx: usize, z0: i32, z1: i32, y0: i32, y1: i32, counts: i32, columnCounts: usize): void {
  const width = int(t, OUT + 2);
  const step = <usize>tapStep(t, 2) << 2;
  for (let ox = 0; ox < width; ox++) {
    const x0 = low(t, 2, ox);
    const x1 = high(t, 2, ox);
    const share: f32 = load<f32>(element(g, ox)) / <f32>(counts * int(columnCounts, ox));
    const to = element(gx, startOf(t, 2, ox));
    for (let z = z0; z < z1; z++)
      for (let r = y0; r < y1; r++) {
        let s = element(to, z * tapStep(t, 0) + r * tapStep(t, 1)) + <usize>x0 * step;
        for (let k = x0; k < x1; k++, s += step) add(s, share);
      }
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

/** Part by part: clears it, and lets row after row of windows add to it. `isMax` is a compile-time constant. */
@inline
function gradient(isMax: bool, t: usize, x: usize, gy: usize, gx: usize, begin: i32, end: i32): void {
  const isLast = int(t, LAST);
  const depth = int(t, OUT);
  const height = int(t, OUT + 1);
  const channels = int(t, CHANNELS);
  const across = isLast ? (channels + WIDTH - 1) / WIDTH : channels;
  const rowCounts = element(t, COUNTS + depth);
  const columnCounts = element(rowCounts, height);
  for (let part = begin; part < end; part++) {
    const n = part / across;
    const c = (part % across) * (isLast ? WIDTH : 1);
    const lanes = min(WIDTH, channels - c);
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
        if (isMax) {
          if (isLast) giveLast(t, element(x, at), g, s, lanes, z0, z1, y0, y1);
          else giveFirst(t, element(x, at), g, s, z0, z1, y0, y1);
        } else {
          const counts = int(t, COUNTS + oz) * int(rowCounts, oy);
          if (isLast) spreadLast(t, g, s, lanes, z0, z1, y0, y1, counts, columnCounts);
          else spreadFirst(t, g, s, z0, z1, y0, y1, counts, columnCounts);
        }
      }
    }
  }
}

export function maxPoolGrad(t: usize, x: usize, gy: usize, gx: usize, begin: i32, end: i32): void {
  gradient(true, t, x, gy, gx, begin, end);
}
export function avgPoolGrad(t: usize, gy: usize, gx: usize, begin: i32, end: i32): void {
  gradient(false, t, gy, gy, gx, begin, end);
}
