import { storeUpTo } from './convert';
import { element, int } from './walk';
import {
  BEFORE,
  CHANNEL,
  CHANNELS,
  COUNTS,
  FIRST_WHOLE,
  FROM,
  high,
  KERNEL,
  LAST,
  LAST_WHOLE,
  low,
  OUT,
  SAMPLE,
  startOf,
  STRIDE,
  tapStep,
  TO,
} from './window';

/* Pools, in place: four neighbours of a row of results together in channels-first, four channels in channels-last. */

const MAX = 0;
const AVERAGE = 1;

/** Four elements `stride` apart, which is 1 or 2. */
@inline
export function four(x: usize, stride: i32): v128 {
  if (stride == 1) return v128.load(x);
  return i32x4.shuffle(v128.load(x), v128.load(x, 16), 0, 2, 4, 6);
}

@inline
function begin4(kind: i32): v128 {
  return f32x4.splat(kind == MAX ? -Infinity : 0);
}

/** A maximum keeps the first of equals (which shows in zeros of different sign) and leaves out NaN, which `nan` notes. */
@inline
function more(kind: i32, sum: v128, v: v128): v128 {
  return kind == MAX ? f32x4.pmax(sum, v) : f32x4.add(sum, v);
}

@inline
function note(kind: i32, nan: v128, v: v128): v128 {
  return kind == MAX ? v128.or(nan, f32x4.ne(v, v)) : nan;
}

@inline
function done(kind: i32, sum: v128, nan: v128, count: f32): v128 {
  return kind == MAX ? v128.or(sum, nan) : f32x4.div(sum, f32x4.splat(count));
}

/** One result of a row; `x` is where the row's windows begin but for the column. */
function one(kind: i32, t: usize, x: usize, oz: i32, oy: i32, ox: i32, count: f32): f32 {
  const at = element(x, startOf(t, 2, ox) * int(t, FROM + 2));
  let sum: f32 = kind == MAX ? -Infinity : 0;
  for (let z = low(t, 0, oz), z1 = high(t, 0, oz); z < z1; z++)
    for (let y = low(t, 1, oy), y1 = high(t, 1, oy); y < y1; y++) {
      let s = at + <usize>z * tapStep(t, 0) + <usize>y * tapStep(t, 1);
      const x0 = low(t, 2, ox);
      s += <usize>x0 * tapStep(t, 2);
      for (let k = x0, x1 = high(t, 2, ox); k < x1; k++, s += tapStep(t, 2)) {
        const v = load<f32>(s);
        if (kind != MAX) sum += v;
        else if (v > sum || v != v) sum = v;
      }
    }
  return kind == MAX ? sum : sum / count;
}

/** Results of four neighbouring windows that lie inside the input whole. */
@inline
function fourOf(kind: i32, stride: i32, t: usize, x: usize, z0: i32, z1: i32, y0: i32, y1: i32, count: f32): v128 {
  const stepZ = tapStep(t, 0);
  const stepY = tapStep(t, 1);
  const stepX = tapStep(t, 2);
  const width = <usize>int(t, KERNEL + 2) * stepX;
  let sum = begin4(kind);
  let nan = i32x4.splat(0);
  for (let z = z0; z < z1; z++) {
    const plane = x + <usize>z * stepZ;
    for (let r = plane + <usize>y0 * stepY, last = plane + <usize>y1 * stepY; r < last; r += stepY)
      for (let s = r, end = r + width; s < end; s += stepX) {
        const v = four(s, stride);
        sum = more(kind, sum, v);
        nan = note(kind, nan, v);
      }
  }
  return done(kind, sum, nan, count);
}

/** A row of results of one channel. */
@inline
function rowFirst(kind: i32, t: usize, x: usize, y: usize, oz: i32, oy: i32, counts: i32, columnCounts: usize): void {
  const width = int(t, OUT + 2);
  const stride = int(t, STRIDE + 2);
  const before = int(t, BEFORE + 2);
  const first = int(t, FIRST_WHOLE);
  const last = int(t, LAST_WHOLE);
  const z0 = low(t, 0, oz);
  const z1 = high(t, 0, oz);
  const y0 = low(t, 1, oy);
  const y1 = high(t, 1, oy);
  const whole = last - first >= 4 && stride <= 2;
  for (let ox = 0; ox < width; ) {
    if (!whole || ox < first || ox >= last) {
      const count: f32 = kind == MAX ? 1 : <f32>(counts * int(columnCounts, ox));
      store<f32>(element(y, ox), one(kind, t, x, oz, oy, ox, count));
      ox++;
      continue;
    }
    // The last four of the whole windows may be computed again.
    ox = min(ox, last - 4);
    const from = element(x, ox * stride - before);
    const count: f32 = kind == MAX ? 1 : <f32>(counts * int(columnCounts, ox));
    if (stride == 1) v128.store(element(y, ox), fourOf(kind, 1, t, from, z0, z1, y0, y1, count));
    else v128.store(element(y, ox), fourOf(kind, 2, t, from, z0, z1, y0, y1, count));
    ox += 4;
  }
}

/** A row of results of all channels. */
@inline
function rowLast(kind: i32, t: usize, x: usize, y: usize, oz: i32, oy: i32, counts: i32, columnCounts: usize): void {
  const width = int(t, OUT + 2);
  const bytes = <usize>int(t, CHANNELS) << 2;
  const z0 = low(t, 0, oz);
  const z1 = high(t, 0, oz);
  const y0 = low(t, 1, oy);
  const y1 = high(t, 1, oy);
  const stepZ = tapStep(t, 0);
  const stepY = tapStep(t, 1);
  const stepX = tapStep(t, 2);
  for (let ox = 0; ox < width; ox++, y += bytes) {
    const from = element(x, startOf(t, 2, ox) * int(t, FROM + 2));
    const x0 = low(t, 2, ox);
    const x1 = high(t, 2, ox);
    const count: f32 = kind == MAX ? 1 : <f32>(counts * int(columnCounts, ox));
    let c: usize = 0;
    for (; c + 64 <= bytes; c += 64) {
      let s0 = begin4(kind);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let n0 = i32x4.splat(0);
      let n1 = n0;
      let n2 = n0;
      let n3 = n0;
      for (let z = z0; z < z1; z++)
        for (let r = y0; r < y1; r++) {
          let s = from + c + <usize>z * stepZ + <usize>r * stepY + <usize>x0 * stepX;
          for (let k = x0; k < x1; k++, s += stepX) {
            const v0 = v128.load(s);
            const v1 = v128.load(s, 16);
            const v2 = v128.load(s, 32);
            const v3 = v128.load(s, 48);
            s0 = more(kind, s0, v0);
            s1 = more(kind, s1, v1);
            s2 = more(kind, s2, v2);
            s3 = more(kind, s3, v3);
            n0 = note(kind, n0, v0);
            n1 = note(kind, n1, v1);
            n2 = note(kind, n2, v2);
            n3 = note(kind, n3, v3);
          }
        }
      v128.store(y + c, done(kind, s0, n0, count));
      v128.store(y + c, done(kind, s1, n1, count), 16);
      v128.store(y + c, done(kind, s2, n2, count), 32);
      v128.store(y + c, done(kind, s3, n3, count), 48);
    }
    for (; c < bytes; c += 16) {
      let sum = begin4(kind);
      let nan = i32x4.splat(0);
      for (let z = z0; z < z1; z++)
        for (let r = y0; r < y1; r++) {
          let s = from + c + <usize>z * stepZ + <usize>r * stepY + <usize>x0 * stepX;
          for (let k = x0; k < x1; k++, s += stepX) {
            const v = v128.load(s);
            sum = more(kind, sum, v);
            nan = note(kind, nan, v);
          }
        }
      storeUpTo(y + c, done(kind, sum, nan, count), y + bytes);
    }
  }
}

/* The loops of each kind, as functions of their own: what is above is inlined, with `kind` a constant. */

function maxRow(last: i32, t: usize, x: usize, y: usize, oz: i32, oy: i32): void {
  if (last) rowLast(MAX, t, x, y, oz, oy, 0, 0);
  else rowFirst(MAX, t, x, y, oz, oy, 0, 0);
}
function avgRow(last: i32, t: usize, x: usize, y: usize, oz: i32, oy: i32, counts: i32, columnCounts: usize): void {
  if (last) rowLast(AVERAGE, t, x, y, oz, oy, counts, columnCounts);
  else rowFirst(AVERAGE, t, x, y, oz, oy, counts, columnCounts);
}

/** A part is a row of results, of one channel or in channels-last of all. */
function pool(kind: i32, t: usize, x: usize, y: usize, begin: i32, end: i32): void {
  const last = int(t, LAST);
  const height = int(t, OUT + 1);
  const depth = int(t, OUT);
  const channels = last ? 1 : int(t, CHANNELS);
  const rowCounts = element(t, COUNTS + depth);
  const columnCounts = element(rowCounts, height);
  for (let part = begin; part < end; part++) {
    const oy = part % height;
    let rest = part / height;
    const oz = rest % depth;
    rest /= depth;
    const c = rest % channels;
    const n = rest / channels;
    const counts = kind == MAX ? 1 : int(t, COUNTS + oz) * int(rowCounts, oy);
    const at = n * int(t, FROM + SAMPLE) + c * int(t, FROM + CHANNEL);
    const from = at + startOf(t, 0, oz) * int(t, FROM) + startOf(t, 1, oy) * int(t, FROM + 1);
    const to = n * int(t, TO + SAMPLE) + c * int(t, TO + CHANNEL) + oz * int(t, TO) + oy * int(t, TO + 1);
    if (kind == MAX) maxRow(last, t, element(x, from), element(y, to), oz, oy);
    else avgRow(last, t, element(x, from), element(y, to), oz, oy, counts, columnCounts);
  }
}

export function maxPool(t: usize, x: usize, y: usize, begin: i32, end: i32): void {
  pool(MAX, t, x, y, begin, end);
}
export function avgPool(t: usize, x: usize, y: usize, begin: i32, end: i32): void {
  pool(AVERAGE, t, x, y, begin, end);
}
