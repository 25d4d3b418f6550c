import { storeTransposed } from './pack';

/*
 * For windows that do not mix channels: four channels are copied side by side, with the padding around them, and then
 * worked on together, a vector per point. The copy hides the layout, the padding and the stride, and costs one pass
 * where the kernel makes one per tap. Bases and terms are in floats of the copy, rows and steps in elements.
 */

@inline
export function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

@inline
export function element(x: usize, i: i32): usize {
  return x + (<usize>i << 2);
}

/** Copies what is at `offsets` in four channels, which start at l0 to l3; `outside` where an offset is negative. */
export function packLanes(
  x: usize,
  l0: i32,
  l1: i32,
  l2: i32,
  l3: i32,
  offsets: usize,
  n: i32,
  to: usize,
  outside: f32,
): void {
  const none = f32x4.splat(outside);
  const first = element(x, l0);
  if (l1 == l0 + 1 && l2 == l0 + 2 && l3 == l0 + 3) {
    for (let i = 0; i < n; i++, to += 16) {
      const o = int(offsets, i);
      v128.store(to, o < 0 ? none : v128.load(element(first, o)));
    }
    return;
  }
  const second = element(x, l1);
  const third = element(x, l2);
  const fourth = element(x, l3);
  for (let i = 0; i < n; ) {
    const o = int(offsets, i);
    if (o < 0) {
      v128.store(to, none);
      i++;
      to += 16;
    } else if (i + 4 <= n && int(offsets, i + 3) == o + 3 && int(offsets, i + 1) == o + 1 && int(offsets, i + 2) == o + 2) {
      const r0 = v128.load(element(first, o));
      const r1 = v128.load(element(second, o));
      const r2 = v128.load(element(third, o));
      storeTransposed(to, 16, r0, r1, r2, v128.load(element(fourth, o)));
      i += 4;
      to += 64;
    } else {
      store<f32>(to, load<f32>(element(first, o)));
      store<f32>(to, load<f32>(element(second, o)), 4);
      store<f32>(to, load<f32>(element(third, o)), 8);
      store<f32>(to, load<f32>(element(fourth, o)), 12);
      i++;
      to += 16;
    }
  }
}

/** Writes the results of the channels that exist, `step` apart. */
@inline
export function storeLanes(y: usize, step: i32, lanes: i32, v: v128): void {
  if (lanes == 4 && step == 1) v128.store(y, v);
  else {
    store<f32>(y, f32x4.extract_lane(v, 0));
    if (lanes > 1) store<f32>(element(y, step), f32x4.extract_lane(v, 1));
    if (lanes > 2) store<f32>(element(y, 2 * step), f32x4.extract_lane(v, 2));
    if (lanes > 3) store<f32>(element(y, 3 * step), f32x4.extract_lane(v, 3));
  }
}

/** The way back from the packed copy; what lies in the padding is dropped. */
export function unpackLanes(from: usize, lanes: i32, offsets: usize, n: i32, to: usize, step: i32): void {
  for (let i = 0; i < n; i++, from += 16) {
    const o = int(offsets, i);
    if (o >= 0) storeLanes(element(to, o), step, lanes, v128.load(from));
  }
}

/**
 * For n positions: Σ over the terms of the copy at base + term, times the term's four weights. Four positions at a
 * time, so that their chains of additions overlap and each weight is read once.
 */
export function sumTerms(
  x: usize,
  bases: usize,
  n: i32,
  terms: usize,
  termCount: i32,
  weights: usize,
  y: usize,
  rows: usize,
  step: i32,
  lanes: i32,
): void {
  const last = n - 1;
  for (let i = 0; i < n; i += 4) {
    // Where fewer than four are left, the last is computed again.
    const i1 = min(i + 1, last);
    const i2 = min(i + 2, last);
    const i3 = min(i + 3, last);
    const x0 = element(x, int(bases, i));
    const x1 = element(x, int(bases, i1));
    const x2 = element(x, int(bases, i2));
    const x3 = element(x, int(bases, i3));
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let w = weights;
    for (let t = terms, end = element(terms, termCount); t < end; t += 4, w += 16) {
      const at = <usize>load<i32>(t) << 2;
      const each = v128.load(w);
      c0 = f32x4.add(c0, f32x4.mul(v128.load(x0 + at), each));
      c1 = f32x4.add(c1, f32x4.mul(v128.load(x1 + at), each));
      c2 = f32x4.add(c2, f32x4.mul(v128.load(x2 + at), each));
      c3 = f32x4.add(c3, f32x4.mul(v128.load(x3 + at), each));
    }
    const r = int(rows, i);
    if (lanes == 4 && step > 1 && i3 == i + 3 && int(rows, i3) == r + 3 && int(rows, i1) == r + 1) {
      storeTransposed(element(y, r), <usize>step << 2, c0, c1, c2, c3);
    } else {
      storeLanes(element(y, r), step, lanes, c0);
      storeLanes(element(y, int(rows, i1)), step, lanes, c1);
      storeLanes(element(y, int(rows, i2)), step, lanes, c2);
      storeLanes(element(y, int(rows, i3)), step, lanes, c3);
    }
  }
}

/** Adds to `gw[lane · taps + tap]` the sum over n positions of copy(base + term[tap]) · gy, four taps at a time. */
export function dotProducts(
  x: usize,
  bases: usize,
  n: i32,
  terms: usize,
  taps: i32,
  gy: usize,
  gw: usize,
  lanes: i32,
): void {
  const last = taps - 1;
  for (let tap = 0; tap < taps; tap += 4) {
    const x0 = element(x, int(terms, tap));
    const x1 = element(x, int(terms, min(tap + 1, last)));
    const x2 = element(x, int(terms, min(tap + 2, last)));
    const x3 = element(x, int(terms, min(tap + 3, last)));
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let g = gy;
    for (let b = bases, end = element(bases, n); b < end; b += 4, g += 16) {
      const at = <usize>load<i32>(b) << 2;
      const each = v128.load(g);
      c0 = f32x4.add(c0, f32x4.mul(v128.load(x0 + at), each));
      c1 = f32x4.add(c1, f32x4.mul(v128.load(x1 + at), each));
      c2 = f32x4.add(c2, f32x4.mul(v128.load(x2 + at), each));
      c3 = f32x4.add(c3, f32x4.mul(v128.load(x3 + at), each));
    }
    const to = element(gw, tap);
    addLanes(to, taps, lanes, c0);
    if (tap + 1 < taps) addLanes(to + 4, taps, lanes, c1);
    if (tap + 2 < taps) addLanes(to + 8, taps, lanes, c2);
    if (tap + 3 < taps) addLanes(to + 12, taps, lanes, c3);
  }
}

@inline
function addLanes(y: usize, step: i32, lanes: i32, v: v128): void {
  store<f32>(y, load<f32>(y) + f32x4.extract_lane(v, 0));
  if (lanes > 1) addTo(element(y, step), f32x4.extract_lane(v, 1));
  if (lanes > 2) addTo(element(y, 2 * step), f32x4.extract_lane(v, 2));
  if (lanes > 3) addTo(element(y, 3 * step), f32x4.extract_lane(v, 3));
}

@inline
function addTo(y: usize, v: f32): void {
  store<f32>(y, load<f32>(y) + v);
}
