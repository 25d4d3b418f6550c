import { BLOCK } from '../src/agreed';
import { storeUpTo } from './convert';
import { own } from './thread';
import { element } from './walk';

/*
 * Batch norm over the batch, and its gradient. A part of a task is a channel, or a group of channels that lie side by
 * side, with all its passes: one for the sum, one for the squared deviations, one for the result; so that what the first
 * pass fetched is near for the next. Every operation rounds as the primitives do, and sums run as those of `reduce`:
 * blocks of 1,024, eight partial sums in each.
 */

/** Kinds of terms, and of what comes out. */
export const SUM = 0;
export const SQUARES = 1;
export const PRODUCTS = 2;

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
export function square(x: usize, m: v128): v128 {
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
export function at(p: usize, i: i32): f32 {
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
export function gradOf(x: v128, g: v128, m: v128, scale: v128, perD: v128, constant: v128): v128 {
  const along = f32x4.mul(f32x4.sub(x, m), perD);
  return f32x4.sub(f32x4.sub(f32x4.mul(g, scale), along), constant);
}
