import { BLOCK, INT_MAX, INT_SUM, LANES, MAX, PARTIALS, SUM } from '../src/agreed';
import { storeUpTo } from './convert';
import { own } from './thread';
import { element, int, plane0, seek } from './walk';

/*
 * Output k of a reduction starts at an element of the input that `seek` finds (walk.ts); from there, its elements in
 * row-major order are `runs[r] + i · step`, i < length, run after run. `lanes` outputs may lie side by side in the input.
 * The elements are cut in blocks: each is reduced on its own, which any thread may do, and `y` takes the blocks' results,
 * block by block, each with its lanes. Then they are reduced in order.
 */

/** ((p0+p1)+(p2+p3))+((p4+p5)+(p6+p7)) */
@inline
function combine(low: v128, high: v128): f32 {
  const a: f32 = f32x4.extract_lane(low, 0) + f32x4.extract_lane(low, 1);
  const b: f32 = f32x4.extract_lane(low, 2) + f32x4.extract_lane(low, 3);
  const c: f32 = f32x4.extract_lane(high, 0) + f32x4.extract_lane(high, 1);
  const d: f32 = f32x4.extract_lane(high, 2) + f32x4.extract_lane(high, 3);
  return a + b + (c + d);
}

/** The contract's sum of up to 1,024 neighbours. What is past the end becomes +0, which changes no sum. */
function sumBlock(x: usize, n: i32): f32 {
  let low = f32x4.splat(0);
  let high = f32x4.splat(0);
  for (const end = element(x, n & ~7); x < end; x += 32) {
    low = f32x4.add(low, v128.load(x));
    high = f32x4.add(high, v128.load(x, 16));
  }
  const rest = i32x4.splat(n & 7);
  const lane = i32x4(0, 1, 2, 3);
  if (n & 7) {
    low = f32x4.add(low, v128.and(v128.load(x), i32x4.lt_s(lane, rest)));
    if ((n & 7) > 4) {
      const more = i32x4.lt_s(i32x4.add(lane, i32x4.splat(4)), rest);
      high = f32x4.add(high, v128.and(v128.load(x, 16), more));
    }
  }
  return combine(low, high);
}

/** int32 sums wrap, so their order does not show. */
function sumInts(x: usize, n: i32): i32 {
  let sum = i32x4.splat(0);
  for (const whole = element(x, n & ~3); x < whole; x += 16) sum = i32x4.add(sum, v128.load(x));
  let total = i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
  total += i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
  for (let i = 0; i < (n & 3); i++) total += int(x, i);
  return total;
}

/** NaN wins, otherwise the first of equal values. */
@inline
function beats<T>(v: T, best: T): bool {
  return v > best || v != v;
}

@inline
function most(v: v128): f32 {
  const two = f32x4.pmax(v, i32x4.shuffle(v, v, 2, 3, 2, 3));
  return f32x4.extract_lane(f32x4.pmax(two, i32x4.shuffle(two, two, 1, 1, 1, 1)), 0);
}

/** NaN wins, and so does the first of equals (which shows in zeros of different sign). */
function maxBlock(x: usize, n: i32): f32 {
  if (n < 4) {
    let best = load<f32>(x);
    for (let i = 1; i < n; i++) {
      const v = load<f32>(element(x, i));
      if (beats<f32>(v, best)) best = v;
    }
    return best;
  }
  // Of −0 and +0 a lane keeps its first; `firstZero` says which of them is the first of all. The last vector overlaps.
  const last = element(x, n - 4);
  let best = v128.load(last);
  let nan = f32x4.ne(best, best);
  for (let s = x; s < last; s += 16) {
    const v = v128.load(s);
    best = f32x4.pmax(best, v);
    nan = v128.or(nan, f32x4.ne(v, v));
  }
  if (v128.any_true(nan)) return NaN;
  const result = most(best);
  return result == 0 ? firstZero(x) : result;
}

function firstZero(x: usize): f32 {
  while (load<f32>(x) != 0) x += 4;
  return load<f32>(x);
}

function maxInts(x: usize, n: i32): i32 {
  let best = int(x, 0);
  if (n >= 4) {
    let most = v128.load(x);
    for (const whole = element(x, n & ~3); x < whole; x += 16) most = i32x4.max_s(most, v128.load(x));
    best = max(
      max(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)),
      max(i32x4.extract_lane(most, 2), i32x4.extract_lane(most, 3)),
    );
    n &= 3;
  }
  for (let i = 0; i < n; i++) best = max(best, int(x, i));
  return best;
}

/** Lays elements `first` to `first + n` of the output whose elements begin at x side by side. */
function collect(x: usize, runs: usize, length: i32, first: i32, n: i32, to: usize): void {
  let run = first / length;
  let i = first % length;
  for (const stop = to + (<usize>n << 2); to < stop; run++, i = 0) {
    let s = x + ((<usize>(int(runs, run) + i)) << 2);
    const end = min(to + (<usize>(length - i) << 2), stop);
    // Whole vectors: the next run overwrites what is too much.
    for (let t = to; t < end; t += 16, s += 16) v128.store(t, v128.load(s));
    to = end;
  }
}

/** Part: block by block of each output, whose elements are neighbours within runs. `block` is room for one, per thread. */
export function reduceRows(
  kind: i32,
  x: usize,
  outer: i32,
  table: usize,
  runs: usize,
  runCount: i32,
  length: i32,
  blocks: i32,
  y: usize,
  block: usize,
  begin: i32,
  end: i32,
): void {
  const room = own(block, BLOCK * 4 + 16);
  const total = runCount * length;
  let k = begin / blocks;
  let first = (begin % blocks) * BLOCK;
  seek(table, outer, 1, k);
  for (let part = begin; part < end; part++) {
    const n = min(BLOCK, total - first);
    const start = x + (<usize>plane0 << 2);
    let s = start + (<usize>(int(runs, 0) + first) << 2);
    if (runCount > 1) {
      const run = first / length;
      const i = first % length;
      s = start + (<usize>(int(runs, run) + i) << 2);
      if (i + n > length) {
        collect(start, runs, length, first, n, room);
        s = room;
      }
    }
    const to = y + (<usize>part << 2);
    if (kind == SUM) store<f32>(to, sumBlock(s, n));
    else if (kind == INT_SUM) store<i32>(to, sumInts(s, n));
    else if (kind == MAX) store<f32>(to, maxBlock(s, n));
    else store<i32>(to, maxInts(s, n));
    first += BLOCK;
    if (first < total) continue;
    first = 0;
    if (part + 1 < end) seek(table, outer, 1, ++k);
  }
}

/** Reduces a row of `bytes` bytes with the results so far. NaN wins, and so does the first of equals. */
function combineRows(kind: i32, row: usize, s: usize, bytes: usize): void {
  const end = row + bytes;
  if (kind == SUM)
    for (; row < end; row += 16, s += 16) v128.store(row, f32x4.add(v128.load(row), v128.load(s)));
  else if (kind == INT_SUM)
    for (; row < end; row += 16, s += 16) v128.store(row, i32x4.add(v128.load(row), v128.load(s)));
  else if (kind == INT_MAX)
    for (; row < end; row += 16, s += 16) v128.store(row, i32x4.max_s(v128.load(row), v128.load(s)));
  else
    for (; row < end; row += 16, s += 16) {
      const v = v128.load(s);
      const best = f32x4.pmax(v128.load(row), v);
      v128.store(row, v128.or(best, f32x4.ne(v, v)));
    }
}

/**
 * Part: up to 256 of the lanes of a block; output by output, block by block. Whole vectors of outputs are reduced into
 * rows of `partials`, of which a float sum has eight; `partials` is room for these, per thread.
 */
export function reduceLanes(
  kind: i32,
  x: usize,
  outer: i32,
  table: usize,
  lanes: i32,
  runs: usize,
  runCount: i32,
  length: i32,
  step: i32,
  blocks: i32,
  y: usize,
  partials: usize,
  begin: i32,
  end: i32,
): void {
  const rowBytes: usize = LANES << 2;
  const room = own(partials, (PARTIALS * LANES) << 2);
  const across = (lanes + LANES - 1) / LANES;
  const total = runCount * length;
  for (let part = begin; part < end; part++) {
    const lane = (part % across) * LANES;
    const block = part / across;
    const bytes = <usize>min(LANES, lanes - lane) << 2;
    seek(table, outer, 1, block / blocks);
    const first = (block % blocks) * BLOCK;
    const n = min(BLOCK, total - first);
    let run = first / length;
    let i = first % length;
    const start = x + (<usize>(plane0 + lane) << 2);
    let s = start + (<usize>(int(runs, run) + i * step) << 2);
    if (kind == SUM) memory.fill(room, 0, rowBytes * PARTIALS);
    for (let e = 0; e < n; e++) {
      if (kind == SUM) combineRows(SUM, room + <usize>(e & 7) * rowBytes, s, bytes);
      else if (e == 0) memory.copy(room, s, (bytes + 15) & ~15);
      else combineRows(kind, room, s, bytes);
      s += <usize>step << 2;
      if (++i < length || e + 1 == n) continue;
      i = 0;
      s = start + (<usize>int(runs, ++run) << 2);
    }
    let to = y + (<usize>(block * lanes + lane) << 2);
    const limit = to + bytes;
    for (let p = room; to < limit; to += 16, p += 16) {
      let v = v128.load(p);
      if (kind == SUM) {
        const low = f32x4.add(f32x4.add(v, partial(p, 1)), f32x4.add(partial(p, 2), partial(p, 3)));
        const high = f32x4.add(f32x4.add(partial(p, 4), partial(p, 5)), f32x4.add(partial(p, 6), partial(p, 7)));
        v = f32x4.add(low, high);
      }
      storeUpTo(to, v, limit);
    }
  }
}

@inline
function partial(p: usize, row: usize): v128 {
  return v128.load(p + row * (LANES << 2));
}

/** Reduces the results of `blocks` blocks in order, `lanes` side by side. A part is one output. */
@inline
function join<T>(isSum: bool, x: usize, lanes: i32, blocks: i32, y: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++) {
    let s = x + <usize>((k / lanes) * blocks * lanes + (k % lanes)) * sizeof<T>();
    let total: T = isSum ? <T>0 : load<T>(s);
    for (let b = 0; b < blocks; b++, s += <usize>lanes * sizeof<T>()) {
      const v = load<T>(s);
      if (isSum) total += v;
      else if (beats<T>(v, total)) total = v;
    }
    store<T>(y + <usize>k * sizeof<T>(), total);
  }
}

export function joinBlocks(kind: i32, x: usize, lanes: i32, blocks: i32, y: usize, begin: i32, end: i32): void {
  if (kind == SUM) join<f32>(true, x, lanes, blocks, y, begin, end);
  else if (kind == INT_SUM) join<i32>(true, x, lanes, blocks, y, begin, end);
  else if (kind == MAX) join<f32>(false, x, lanes, blocks, y, begin, end);
  else join<i32>(false, x, lanes, blocks, y, begin, end);
}

/** Index of the largest of n ≥ 4 neighbours. */
function argmaxRow(x: usize, n: i32): i32 {
  const lane = i32x4(0, 1, 2, 3);
  let best = v128.load(x);
  let where = lane;
  let nan = f32x4.ne(best, best);
  for (let i = 4; i < n; i += 4) {
    const at = min(i, n - 4);
    const v = v128.load(element(x, at));
    where = v128.bitselect(i32x4.add(i32x4.splat(at), lane), where, f32x4.gt(v, best));
    best = f32x4.pmax(best, v);
    nan = v128.or(nan, f32x4.ne(v, v));
  }
  if (v128.any_true(nan)) {
    let i = 0;
    while (load<f32>(element(x, i)) == load<f32>(element(x, i))) i++;
    return i;
  }
  // Of the lanes that hold the largest, the one that found it first.
  const first = v128.bitselect(where, i32x4.splat(i32.MAX_VALUE), f32x4.eq(best, f32x4.splat(most(best))));
  return min(
    min(i32x4.extract_lane(first, 0), i32x4.extract_lane(first, 1)),
    min(i32x4.extract_lane(first, 2), i32x4.extract_lane(first, 3)),
  );
}

/** Indices of the largest of `length` elements `step` bytes apart, for four outputs side by side. */
@inline
function argmaxFour(x: usize, length: i32, step: usize): v128 {
  let best = v128.load(x);
  let where = i32x4.splat(0);
  for (let i = 1; i < length; i++) {
    const v = v128.load((x += step));
    const nan = v128.and(f32x4.ne(v, v), f32x4.eq(best, best));
    const better = v128.or(f32x4.gt(v, best), nan);
    where = v128.bitselect(i32x4.splat(i), where, better);
    best = v128.bitselect(v, best, better);
  }
  return where;
}

function argmaxOne<T>(s: usize, length: i32, step: i32): i32 {
  let best = load<T>(s);
  let where = 0;
  for (let i = 1; i < length && best == best; i++) {
    s += <usize>step * sizeof<T>();
    const v = load<T>(s);
    if (!beats<T>(v, best)) continue;
    best = v;
    where = i;
  }
  return where;
}

/** `kind` is that of the maximum. A part is up to 256 of the lanes of an output. */
export function argmax(kind: i32, x: usize, outer: i32, table: usize, lanes: i32, length: i32, step: i32, y: usize, begin: i32, end: i32): void {
  const across = (lanes + LANES - 1) / LANES;
  for (let part = begin; part < end; part++) {
    const k = part / across;
    const first = (part % across) * LANES;
    seek(table, outer, 1, k);
    let s = x + (<usize>(plane0 + first) << 2);
    let to = element(y, k * lanes + first);
    const limit = element(to, min(LANES, lanes - first));
    if (kind == MAX && lanes == 1 && length >= 4) store<i32>(to, argmaxRow(s, length));
    else if (kind == MAX && lanes > 1) {
      for (; to < limit; to += 16, s += 16) storeUpTo(to, argmaxFour(s, length, <usize>step << 2), limit);
    } else {
      for (; to < limit; to += 4, s += 4) {
        if (kind == MAX) store<i32>(to, argmaxOne<f32>(s, length, step));
        else store<i32>(to, argmaxOne<i32>(s, length, step));
      }
    }
  }
}

/**
 * A part is a line along the axis. Its elements become whole numbers of the same order, in the upper half, with the position
 * below: so no two are equal. Shell's sort, the gaps Gonnet's: about as fast as merging, in half the code and no second place.
 */
export function argsort(
  x: usize,
  whole: i32,
  extent: i32,
  inner: i32,
  flip: i32,
  y: usize,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const keys = own(room, extent << 3);
  for (let part = begin; part < end; part++) {
    const first = (part / inner) * extent * inner + (part % inner);
    for (let i = 0; i < extent; i++) {
      let v = int(x, first + i * inner);
      if (!whole) {
        const magnitude = v & 0x7fffffff;
        // NaN above all; numbers below 0 the other way round, and −0 is +0.
        v = magnitude > 0x7f800000 ? i32.MAX_VALUE : v < 0 ? -magnitude : v;
      }
      store<i64>(keys + (<usize>i << 3), (<i64>(v ^ flip) << 32) | i);
    }
    for (let gap = extent; gap > 1; ) {
      gap = max(1, (gap * 5 - 1) / 11);
      const back = <usize>gap << 3;
      for (let i = gap; i < extent; i++) {
        let at = keys + (<usize>i << 3);
        const v = load<i64>(at);
        for (; at >= keys + back && load<i64>(at - back) > v; at -= back) store<i64>(at, load<i64>(at - back));
        store<i64>(at, v);
      }
    }
    for (let i = 0; i < extent; i++) store<i32>(element(y, first + i * inner), load<i32>(keys + (<usize>i << 3)));
  }
}
