import { storeUpTo } from './convert';
import { own } from './thread';
import { element } from './walk';

/*
 * Batch norm over the batch, and its gradient. A part of a task is a channel, or a group of channels that lie side by
 * side, with all its passes: one for the sum, one for the squared deviations, one for the result; so that what the first
 * pass fetched is near for the next. Every operation rounds as the primitives do, and sums run as those of `reduce`:
 * blocks of 1,024, eight partial sums in each.
 */

const BLOCK = 1024;

/** Kinds of terms, and of what comes out. */
const SUM = 0;
const SQUARES = 1;
const PRODUCTS = 2;

/** The totals of the last `sumRuns`; globals are a thread's own. */
let total0: f32 = 0;
let total1: f32 = 0;

/** ((p0+p1)+(p2+p3))+((p4+p5)+(p6+p7)) */
@inline
function combine(low: v128, high: v128): f32 {
  const a: f32 = f32x4.extract_lane(low, 0) + f32x4.extract_lane(low, 1);
  const b: f32 = f32x4.extract_lane(low, 2) + f32x4.extract_lane(low, 3);
  const c: f32 = f32x4.extract_lane(high, 0) + f32x4.extract_lane(high, 1);
  const d: f32 = f32x4.extract_lane(high, 2) + f32x4.extract_lane(high, 3);
  return a + b + (c + d);
}

@inline
function square(x: usize, m: v128): v128 {
  const d = f32x4.sub(v128.load(x), m);
  return f32x4.mul(d, d);
}

@inline
function product(x: usize, g: usize, m: v128): v128 {
  return f32x4.mul(v128.load(g), f32x4.sub(v128.load(x), m));
}

/**
 * Sums over runs of elements: of x, of (x − m)², or of g and of g · (x − m). Either there is one run, or the length is a
 * multiple of 8, so that partial sums do not straddle.
 */
@inline
function sumRuns(kind: i32, x: usize, g: usize, mean: f32, runs: i32, length: i32, step: usize): void {
  const m = f32x4.splat(mean);
  const zero = f32x4.splat(0);
  let a0 = zero;
  let a1 = zero;
  let b0 = zero;
  let b1 = zero;
  let left = BLOCK;
  total0 = 0;
  total1 = 0;
  for (let r = 0; r < runs; r++, x += step, g += step) {
    let p = x;
    let q = g;
    let n = length;
    while (n > 7) {
      const take = min(n & ~7, left);
      for (const end = element(p, take); p < end; p += 32, q += 32) {
        if (kind == SUM) {
          a0 = f32x4.add(a0, v128.load(p));
          a1 = f32x4.add(a1, v128.load(p, 16));
        } else if (kind == SQUARES) {
          a0 = f32x4.add(a0, square(p, m));
          a1 = f32x4.add(a1, square(p + 16, m));
        } else {
          a0 = f32x4.add(a0, v128.load(q));
          a1 = f32x4.add(a1, v128.load(q, 16));
          b0 = f32x4.add(b0, product(p, q, m));
          b1 = f32x4.add(b1, product(p + 16, q + 16, m));
        }
      }
      n -= take;
      left -= take;
      if (left > 0) continue;
      total0 += combine(a0, a1);
      a0 = zero;
      a1 = zero;
      if (kind == PRODUCTS) {
        total1 += combine(b0, b1);
        b0 = zero;
        b1 = zero;
      }
      left = BLOCK;
    }
    if (n > 0) {
      // What is past the end becomes +0, which changes no sum.
      const lane = i32x4(0, 1, 2, 3);
      const rest = i32x4.splat(n);
      const low = i32x4.lt_s(lane, rest);
      const high = i32x4.lt_s(i32x4.add(lane, i32x4.splat(4)), rest);
      if (kind == SUM) {
        a0 = f32x4.add(a0, v128.and(v128.load(p), low));
        if (n > 4) a1 = f32x4.add(a1, v128.and(v128.load(p, 16), high));
      } else if (kind == SQUARES) {
        a0 = f32x4.add(a0, v128.and(square(p, m), low));
        if (n > 4) a1 = f32x4.add(a1, v128.and(square(p + 16, m), high));
      } else {
        a0 = f32x4.add(a0, v128.and(v128.load(q), low));
        b0 = f32x4.add(b0, v128.and(product(p, q, m), low));
        if (n > 4) {
          a1 = f32x4.add(a1, v128.and(v128.load(q, 16), high));
          b1 = f32x4.add(b1, v128.and(product(p + 16, q + 16, m), high));
        }
      }
      left -= n;
    }
  }
  if (left == BLOCK) return;
  total0 += combine(a0, a1);
  if (kind == PRODUCTS) total1 += combine(b0, b1);
}

function sumX(x: usize, runs: i32, length: i32, step: usize): f32 {
  sumRuns(SUM, x, 0, 0, runs, length, step);
  return total0;
}
function sumSquares(x: usize, mean: f32, runs: i32, length: i32, step: usize): f32 {
  sumRuns(SQUARES, x, 0, mean, runs, length, step);
  return total0;
}
function sumProducts(x: usize, g: usize, mean: f32, runs: i32, length: i32, step: usize): void {
  sumRuns(PRODUCTS, x, g, mean, runs, length, step);
}

/** Lays runs side by side. Whole vectors: the next run overwrites what is too much. */
function pack(x: usize, runs: i32, length: i32, step: usize, to: usize): void {
  for (let r = 0; r < runs; r++, x += step) {
    const end = element(to, length);
    let p = x;
    for (let t = to; t < end; t += 16, p += 16) v128.store(t, v128.load(p));
    to = end;
  }
}

@inline
function at(p: usize, i: i32): f32 {
  return load<f32>(element(p, i));
}

/**
 * `[samples, channels, spatial]`. A part is a channel. `room`, for samples · spatial elements and four more per thread,
 * is wanted where there are several runs whose length is no multiple of 8.
 */
export function batchNormFirst(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  mean: usize,
  variance: usize,
  eps: usize,
  samples: i32,
  channels: i32,
  spatial: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const step = <usize>(channels * spatial) << 2;
  const packs = samples > 1 && (spatial & 7) != 0;
  const packed = packs ? own(room, ((samples * spatial) << 2) + 16) : 0;
  const n: f32 = <f32>(samples * spatial);
  for (let c = begin; c < end; c++) {
    const from = element(x, c * spatial);
    let s = from;
    let sStep = step;
    let m: f32 = 0;
    let v: f32 = 0;
    if (packs) {
      pack(from, samples, spatial, step, packed);
      m = sumX(packed, 1, samples * spatial, 0) / n;
      v = sumSquares(packed, m, 1, samples * spatial, 0) / n;
      s = packed;
      sStep = <usize>spatial << 2;
    } else {
      m = sumX(from, samples, spatial, step) / n;
      v = sumSquares(from, m, samples, spatial, step) / n;
    }
    store<f32>(element(mean, c), m);
    store<f32>(element(variance, c), v);
    const inverse: f32 = <f32>1 / sqrt<f32>(v + load<f32>(eps));
    const mm = f32x4.splat(m);
    const scale = f32x4.splat(weight ? at(weight, c) * inverse : inverse);
    const shift = f32x4.splat(bias ? at(bias, c) : 0);
    let to = element(y, c * spatial);
    for (let i = 0; i < samples; i++, s += sStep, to += step) {
      const limit = element(to, spatial);
      let p = s;
      if (bias) {
        for (let t = to; t < limit; t += 16, p += 16) {
          const scaled = f32x4.mul(f32x4.sub(v128.load(p), mm), scale);
          storeUpTo(t, f32x4.add(scaled, shift), limit);
        }
      } else {
        for (let t = to; t < limit; t += 16, p += 16) {
          storeUpTo(t, f32x4.mul(f32x4.sub(v128.load(p), mm), scale), limit);
        }
      }
    }
  }
}

/** As `batchNormFirst`; `room` is twice as large. Gives the gradients of x, weight and bias. */
export function batchNormGradFirst(
  x: usize,
  g: usize,
  mean: usize,
  variance: usize,
  weight: usize,
  gx: usize,
  gWeight: usize,
  gBias: usize,
  eps: usize,
  samples: i32,
  channels: i32,
  spatial: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const step = <usize>(channels * spatial) << 2;
  const packs = samples > 1 && (spatial & 7) != 0;
  const size = ((samples * spatial) << 2) + 16;
  const packedX = packs ? own(room, 2 * size) : 0;
  const packedG = packedX + <usize>size;
  const n: f32 = <f32>(samples * spatial);
  for (let c = begin; c < end; c++) {
    let s = element(x, c * spatial);
    let q = element(g, c * spatial);
    let sStep = step;
    const m = at(mean, c);
    if (packs) {
      pack(s, samples, spatial, step, packedX);
      pack(q, samples, spatial, step, packedG);
      sumProducts(packedX, packedG, m, 1, samples * spatial, 0);
      s = packedX;
      q = packedG;
      sStep = <usize>spatial << 2;
    } else {
      sumProducts(s, q, m, samples, spatial, step);
    }
    const inverse: f32 = <f32>1 / sqrt<f32>(at(variance, c) + load<f32>(eps));
    const sumG = total0;
    const along: f32 = total1 * inverse;
    store<f32>(element(gBias, c), sumG);
    store<f32>(element(gWeight, c), along);
    const own: f32 = weight ? at(weight, c) * inverse : inverse;
    const mm = f32x4.splat(m);
    const scale = f32x4.splat(own);
    const perD = f32x4.splat(own * inverse * (along / n));
    const constant = f32x4.splat(own * (sumG / n));
    let to = element(gx, c * spatial);
    for (let i = 0; i < samples; i++, s += sStep, q += sStep, to += step) {
      const limit = element(to, spatial);
      let p = s;
      let k = q;
      for (let t = to; t < limit; t += 16, p += 16, k += 16) {
        storeUpTo(t, gradOf(v128.load(p), v128.load(k), mm, scale, perD, constant), limit);
      }
    }
  }
}

/** g · scale − (x − m) · perD − constant. */
@inline
function gradOf(x: v128, g: v128, m: v128, scale: v128, perD: v128, constant: v128): v128 {
  const along = f32x4.mul(f32x4.sub(x, m), perD);
  return f32x4.sub(f32x4.sub(f32x4.mul(g, scale), along), constant);
}

/*
 * Where channels lie side by side, a part is a group of them. Room per thread, `ROOM` numbers per channel in src/norm.ts:
 * two sets of eight partial sums, and six numbers more.
 */
const ROOM = 22;

@inline
function addTo(p: usize, v: v128): void {
  v128.store(p, f32x4.add(v128.load(p), v));
}

/** Adds a block's partial sums to the totals. */
function addBlock(partials: usize, each: usize, bytes: usize, totals: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const p = partials + i;
    const low = f32x4.add(
      f32x4.add(v128.load(p), v128.load(p + each)),
      f32x4.add(v128.load(p + 2 * each), v128.load(p + 3 * each)),
    );
    const high = f32x4.add(
      f32x4.add(v128.load(p + 4 * each), v128.load(p + 5 * each)),
      f32x4.add(v128.load(p + 6 * each), v128.load(p + 7 * each)),
    );
    addTo(totals + i, f32x4.add(low, high));
  }
}

/**
 * Sums over the rows, for `bytes` of channels, `each` at most: of x, of (x − m)², or of g and (in `totals1`) of g · (x − m). Partial sums
 * are in memory: a row adds to one of the eight, so that no addition waits for the one before.
 */
@inline
function sumGroup(
  kind: i32,
  x: usize,
  g: usize,
  means: usize,
  rows: i32,
  row: usize,
  each: usize,
  bytes: usize,
  partials: usize,
  totals: usize,
  totals1: usize,
): void {
  const partials1 = partials + 8 * each;
  memory.fill(totals, 0, bytes);
  if (kind == PRODUCTS) memory.fill(totals1, 0, bytes);
  for (let block = 0; block < rows; block += BLOCK) {
    memory.fill(partials, 0, (kind == PRODUCTS ? 16 : 8) * each);
    const n = min(BLOCK, rows - block);
    for (let r = 0; r < n; r++, x += row, g += row) {
      const at = <usize>(r & 7) * each;
      for (let i: usize = 0; i < bytes; i += 16) {
        if (kind == SUM) addTo(partials + at + i, v128.load(x + i));
        else if (kind == SQUARES) addTo(partials + at + i, square(x + i, v128.load(means + i)));
        else {
          const v = v128.load(g + i);
          addTo(partials + at + i, v);
          const d = f32x4.sub(v128.load(x + i), v128.load(means + i));
          addTo(partials1 + at + i, f32x4.mul(v, d));
        }
      }
    }
    addBlock(partials, each, bytes, totals);
    if (kind == PRODUCTS) addBlock(partials1, each, bytes, totals1);
  }
}

/** `[rows, channels]`. A part is a group of `group` channels, a multiple of 4. */
export function batchNormLast(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  mean: usize,
  variance: usize,
  eps: usize,
  rows: i32,
  channels: i32,
  group: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const each = <usize>group << 2;
  const partials = own(room, ROOM * (group << 2));
  const means = partials + 16 * each;
  const squares = means + each;
  const scales = squares + each;
  const shifts = scales + each;
  const row = <usize>channels << 2;
  const n = f32x4.splat(<f32>rows);
  for (let part = begin; part < end; part++) {
    const first = part * group;
    const lanes = min(group, channels - first);
    const bytes = <usize>((lanes + 3) & ~3) << 2;
    const from = element(x, first);
    sumGroup(SUM, from, 0, 0, rows, row, each, bytes, partials, means, 0);
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(means + i, f32x4.div(v128.load(means + i), n));
    }
    sumGroup(SQUARES, from, 0, means, rows, row, each, bytes, partials, squares, 0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const v = f32x4.div(v128.load(squares + i), n);
      const at = (<usize>first << 2) + i;
      v128.store(mean + at, v128.load(means + i));
      v128.store(variance + at, v);
      const inverse = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(v, v128.load32_splat(eps))));
      v128.store(scales + i, weight ? f32x4.mul(v128.load(weight + at), inverse) : inverse);
      if (bias) v128.store(shifts + i, v128.load(bias + at));
    }
    let s = from;
    let to = element(y, first);
    for (let r = 0; r < rows; r++, s += row, to += row) {
      const limit = element(to, lanes);
      let p = s;
      let i: usize = 0;
      for (let t = to; t < limit; t += 16, p += 16, i += 16) {
        const d = f32x4.sub(v128.load(p), v128.load(means + i));
        const scaled = f32x4.mul(d, v128.load(scales + i));
        storeUpTo(t, bias ? f32x4.add(scaled, v128.load(shifts + i)) : scaled, limit);
      }
    }
  }
}

/** `[rows, channels]`. A part is a group of `group` channels, a multiple of 4. Gives the gradients of x, weight and bias. */
export function batchNormGradLast(
  x: usize,
  g: usize,
  mean: usize,
  variance: usize,
  weight: usize,
  gx: usize,
  gWeight: usize,
  gBias: usize,
  eps: usize,
  rows: i32,
  channels: i32,
  group: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const each = <usize>group << 2;
  const partials = own(room, ROOM * (group << 2));
  const means = partials + 16 * each;
  const sums = means + each;
  const alongs = sums + each;
  const scales = alongs + each;
  const perDs = scales + each;
  const constants = perDs + each;
  const row = <usize>channels << 2;
  const n = f32x4.splat(<f32>rows);
  for (let part = begin; part < end; part++) {
    const first = part * group;
    const lanes = min(group, channels - first);
    const bytes = <usize>((lanes + 3) & ~3) << 2;
    const start = <usize>first << 2;
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(means + i, v128.load(mean + start + i));
    }
    sumGroup(PRODUCTS, x + start, g + start, means, rows, row, each, bytes, partials, sums, alongs);
    for (let i: usize = 0; i < bytes; i += 16) {
      const at = start + i;
      const spread = f32x4.add(v128.load(variance + at), v128.load32_splat(eps));
      const inverse = f32x4.div(f32x4.splat(1), f32x4.sqrt(spread));
      const sumG = v128.load(sums + i);
      const along = f32x4.mul(v128.load(alongs + i), inverse);
      v128.store(gBias + at, sumG);
      v128.store(gWeight + at, along);
      const scale = weight ? f32x4.mul(v128.load(weight + at), inverse) : inverse;
      v128.store(scales + i, scale);
      v128.store(perDs + i, f32x4.mul(f32x4.mul(scale, inverse), f32x4.div(along, n)));
      v128.store(constants + i, f32x4.mul(scale, f32x4.div(sumG, n)));
    }
    let s = x + start;
    let q = g + start;
    let to = gx + start;
    for (let r = 0; r < rows; r++, s += row, q += row, to += row) {
      const limit = element(to, lanes);
      let i: usize = 0;
      for (let t = to; t < limit; t += 16, i += 16) {
        const y = gradOf(
          v128.load(s + i),
          v128.load(q + i),
          v128.load(means + i),
          v128.load(scales + i),
          v128.load(perDs + i),
          v128.load(constants + i),
        );
        storeUpTo(t, y, limit);
      }
    }
  }
}
