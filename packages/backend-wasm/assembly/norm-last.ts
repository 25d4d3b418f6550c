import { BLOCK, CHANNEL_SUMS } from '../src/agreed';
import { storeUpTo } from './convert';
import { at, gradOf, PRODUCTS, square, SQUARES, SUM } from './norm';
import { own } from './thread';
import { element } from './walk';

/*
 * Where channels lie side by side, a part is a group of them. Room per thread, `CHANNEL_SUMS` numbers per channel:
 * two sets of eight partial sums, and six numbers more.
 */

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
  const partials = own(room, CHANNEL_SUMS * (group << 2));
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
  const partials = own(room, CHANNEL_SUMS * (group << 2));
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
