import { Affine, affineOf } from './affine';
import { COLUMNS, ROWS } from '../src/agreed';
import { multiplySegments } from './gemm';
import { ZERO } from './tile';
import { madd } from './madd';
import { packPatches, packRows, storeTransposed } from './pack';
import { Grid, locate } from './positions';
import { own } from './thread';
import { element } from './walk';

/*
 * Dense convolutions as matrix products. A term of a sum lies at `position's offset + depth's offset` of its operand:
 * where taps fall into the padding, `padRows` has made a copy with real zeros first. src/conv-plan.ts writes the tables.
 */

/** A source tensor and its copy with zeros around: channels last, or channel by channel in each row (`planes`). */
@unmanaged
class Padding {
  planes: i32;
  channels: i32;
  depth: i32;
  height: i32;
  width: i32;
  /** Zeros before, and extents of the copy. */
  beforeZ: i32;
  beforeY: i32;
  beforeX: i32;
  toDepth: i32;
  toHeight: i32;
  toWidth: i32;
  batchStep: i32;
  channelStep: i32;
  stepZ: i32;
  stepY: i32;
  stepX: i32;
}

/** Parts are rows of the copy. */
export function padRows(p: Padding, x: usize, copy: usize, begin: i32, end: i32): void {
  const size = p.toWidth * p.channels;
  for (let row = begin; row < end; row++) {
    const y = (row % p.toHeight) - p.beforeY;
    const rest = row / p.toHeight;
    const z = (rest % p.toDepth) - p.beforeZ;
    const to = element(copy, row * size);
    const stop = element(to, size);
    if (y < 0 || y >= p.height || z < 0 || z >= p.depth) {
      memory.fill(to, 0, stop - to);
      continue;
    }
    // The copy may end before the source does.
    const count = min(p.width, p.toWidth - p.beforeX);
    const from = element(x, (rest / p.toDepth) * p.batchStep + z * p.stepZ + y * p.stepY);
    if (p.planes) {
      memory.fill(to, 0, stop - to);
      for (let c = 0; c < p.channels; c++)
        copyRow(element(from, c * p.channelStep), p.stepX, count, element(to, c * p.toWidth + p.beforeX));
      continue;
    }
    const at = element(to, p.beforeX * p.channels);
    const after = element(at, count * p.channels);
    memory.fill(to, 0, at - to);
    if (p.channelStep == 1) memory.copy(at, from, after - at);
    else interleave(from, p.channelStep, p.channels, count, at);
    memory.fill(after, 0, stop - after);
  }
}

function copyRow(x: usize, step: i32, count: i32, to: usize): void {
  if (step == 1) memory.copy(to, x, <usize>count << 2);
  else for (let i = 0; i < count; i++) store<f32>(element(to, i), load<f32>(element(x, i * step)));
}

/** Writes `count` positions, channels side by side, from planes `channelStep` apart. */
function interleave(x: usize, channelStep: i32, channels: i32, count: i32, to: usize): void {
  const plane = <usize>channelStep << 2;
  const stride = <usize>channels << 2;
  let c = 0;
  for (; c + 4 <= channels; c += 4) {
    let s = element(x, c * channelStep);
    let t = element(to, c);
    let i = 0;
    for (; i + 4 <= count; i += 4, s += 16, t += stride << 2) {
      const r0 = v128.load(s);
      const r1 = v128.load(s + plane);
      const r2 = v128.load(s + plane * 2);
      storeTransposed(t, stride, r0, r1, r2, v128.load(s + plane * 3));
    }
    for (; i < count; i++, s += 4, t += stride) {
      store<f32>(t, load<f32>(s));
      store<f32>(t, load<f32>(s + plane), 4);
      store<f32>(t, load<f32>(s + plane * 2), 8);
      store<f32>(t, load<f32>(s + plane * 3), 12);
    }
  }
  for (; c < channels; c++) {
    let s = element(x, c * channelStep);
    let t = element(to, c);
    for (let i = 0; i < count; i++, s += 4, t += stride) store<f32>(t, load<f32>(s));
  }
}

/** A product of patches and weights, per group: `size` result channels, depth `k`. The tables follow one another. */
@unmanaged
class Product {
  groups: i32;
  size: i32;
  k: i32;
  /** Positions of a block, and how many pieces the result channels of a group fall into, each of `chunk`. */
  block: i32;
  chunks: i32;
  chunk: i32;
  /** From group to group, in elements of the source, the weights and the result. */
  sourceGroup: i32;
  weightGroup: i32;
  resultGroup: i32;
  /** From one result channel's weights to the next one's, and from result channel to result channel. */
  weightLane: i32;
  /** Where the terms' factors are: offsets in the source, in the weights; where result channels are. */
  sourceDepth: usize;
  weightDepth: usize;
  rows: usize;
  scratchBytes: i32;
  grid: Grid;
}

/** Parts are panels of four result channels, group by group. */
export function packWeights(p: Product, w: usize, to: usize, begin: i32, end: i32): void {
  const panels = (p.size + ROWS - 1) / ROWS;
  for (let i = begin; i < end; i++) {
    const first = (i % panels) * ROWS;
    const from = element(w, (i / panels) * p.weightGroup + first * p.weightLane);
    packRows(from, p.weightLane, min(ROWS, p.size - first), p.weightDepth, p.k, element(to, i * ROWS * p.k));
  }
}

/**
 * Parts are chunks of result channels, group by group, block of positions by block of positions. `after`, if there is
 * one, is what follows.
 */
export function multiplyPatches(
  p: Product,
  x: usize,
  weights: usize,
  y: usize,
  positions: i32,
  after: Affine,
  scratch: usize,
  begin: i32,
  end: i32,
): void {
  const edge = own(scratch, p.scratchBytes);
  const sources = edge + 128;
  const results = sources + (<usize>p.block << 2);
  const patches = results + (<usize>p.block << 2);
  const panels = (p.size + ROWS - 1) / ROWS;
  let block = -1;
  let packed = -1;
  for (let part = begin; part < end; part++) {
    const product = part / p.chunks;
    const group = product % p.groups;
    const start = (product / p.groups) * p.block;
    const m = min(p.block, positions - start);
    if (start != block) locate(p.grid, start, m, sources, results);
    block = start;
    if (product != packed)
      packPatches(element(x, group * p.sourceGroup), sources, m, p.sourceDepth, p.k, patches);
    packed = product;
    const channel = (part % p.chunks) * p.chunk;
    const count = min(p.chunk, p.size - channel);
    const a = element(weights, (group * panels * ROWS + channel) * p.k);
    const c = element(y, group * p.resultGroup);
    const rows = element(p.rows, channel);
    const first = group * p.size + channel;
    multiplySegments(a, count, patches, m, p.k, 1, c, rows, results, ZERO, edge, after, first);
  }
}

/**
 * The same for at most four result channels per group, where the patches would be packed for one panel of weights only:
 * they are read in place, eight neighbours of a row at a time. Parts are rows of positions, with all groups of a row.
 */
export function multiplyRows(
  p: Product,
  x: usize,
  weights: usize,
  y: usize,
  positions: i32,
  after: Affine,
  scratch: usize,
  begin: i32,
  end: i32,
): void {
  const edge = own(scratch, p.scratchBytes);
  const g = p.grid;
  for (let part = begin; part < end; part++) {
    const group = part % p.groups;
    let rest = part / p.groups;
    const row = rest % g.height;
    rest /= g.height;
    const z = rest % g.depth;
    const n = rest / g.depth;
    const source = n * g.sourceBatch + z * g.sourceZ + row * g.sourceY + group * p.sourceGroup;
    const result = n * g.resultBatch + g.resultStart + z * g.resultZ + row * g.resultY + group * p.resultGroup;
    const a = element(weights, group * ROWS * p.k);
    for (let i = 0; i < g.width; i += COLUMNS) {
      // The last eight may overlap the eight before.
      const at = min(i, g.width - COLUMNS);
      rowTile(a, element(x, source + at), p, edge);
      for (let c = 0; c < p.size; c++) {
        let from = edge + (<usize>c << 5);
        if (changetype<usize>(after)) {
          const channel = group * p.size + c;
          v128.store(from, affineOf(after, channel, v128.load(from)));
          v128.store(from, affineOf(after, channel, v128.load(from, 16)), 16);
        }
        let to = element(y, result + load<i32>(element(p.rows, c)) + at * g.resultX);
        for (let q = 0; q < COLUMNS; q++, from += 4, to += <usize>g.resultX << 2)
          store<f32>(to, load<f32>(from));
      }
    }
  }
}

/** Eight positions of up to four result channels, to `edge`. */
function rowTile(a: usize, x: usize, p: Product, edge: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const four = p.size == ROWS;
  let depth = p.sourceDepth;
  for (const end = depth + (<usize>p.k << 2); depth != end; depth += 4, a += 16) {
    const b = element(x, load<i32>(depth));
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(c00, a0, b0);
    c01 = madd(c01, a0, b1);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(c10, a1, b0);
    c11 = madd(c11, a1, b1);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(c20, a2, b0);
    c21 = madd(c21, a2, b1);
    if (!four) continue;
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(c30, a3, b0);
    c31 = madd(c31, a3, b1);
  }
  v128.store(edge, c00);
  v128.store(edge, c01, 16);
  v128.store(edge, c10, 32);
  v128.store(edge, c11, 48);
  v128.store(edge, c20, 64);
  v128.store(edge, c21, 80);
  v128.store(edge, c30, 96);
  v128.store(edge, c31, 112);
}
