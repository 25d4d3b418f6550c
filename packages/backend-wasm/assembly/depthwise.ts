import { Affine, affineAcross } from './affine';
import { madd } from './madd';
import { storeTransposed } from './pack';
import { packRow, packStrip, Source } from './strip';
import { own } from './thread';

/*
 * Convolutions whose groups have one input channel, and their gradients. Work is cut in parts of eight channels of a
 * strip of rows of a sample: the strip is copied with its padding, eight channels side by side (strip.ts), so that one
 * loop serves both layouts, any stride and dilation and the gradients; the results are written to a buffer of the same
 * form, and from there to their layout. Copy and buffer fit the first-level cache.
 */

/** Bytes of eight channels of one pixel. */
const PIXEL = 32;

/** Numbers that stay the same for all parts; `planTable` in src/conv-depthwise.ts writes them. */
@unmanaged
class Plan {
  /** The activation that is copied. */
  source: Source;
  /** Of the result: channels, extents, and in elements its steps. */
  channels: i32;
  depth: i32;
  height: i32;
  width: i32;
  batchStep: i32;
  channelStep: i32;
  pixelStep: i32;
  /**
   * Result positions fall into classes by their remainders: class (z, y, x) holds positions j · to + remainder on each
   * axis, for j from 0 on. The input gradient has as many as strides, the others one.
   */
  toZ: i32;
  toY: i32;
  toX: i32;
  /** Per class, in row-major order: positions along a row, and its first term and the term behind its last. */
  classes: usize;
  /** Of a position's window in the copy: from its start to each term, in bytes. */
  terms: usize;
  /** Terms of all classes. */
  termCount: i32;
  /** How far apart in memory the threads' copies and buffers are, in bytes. */
  room: i32;
}

/**
 * For parts `begin` to `end`: eight channels of a strip of a sample, channels fastest. `weights` has eight lanes per term;
 * `after`, if there is one, is what follows.
 */
export function depthwise(
  plan: usize,
  x: usize,
  weights: usize,
  y: usize,
  after: Affine,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const p = changetype<Plan>(plan);
  const s = p.source;
  const copy = own(room, p.room);
  const results = copy + <usize>s.sources * <usize>s.copyBytes;
  // Columns in the padding are never written afterwards.
  memory.fill(copy, 0, results - copy);
  const blocks = (p.channels + 7) >> 3;
  const strips = s.stripsZ * s.stripsY;
  for (let part = begin; part < end; part++) {
    const block = part % blocks;
    const strip = (part / blocks) % strips;
    const n = part / blocks / strips;
    const jz = (strip / s.stripsY) * s.stripZ;
    const jy = (strip % s.stripsY) * s.stripY;
    packStrip(s, x, n, block, jz, jy, copy);
    const w = weights + <usize>(block * p.termCount) * PIXEL;
    const z0 = jz * p.toZ;
    const y0 = jy * p.toY;
    const z1 = min(z0 + s.stripZ * p.toZ, p.depth);
    const y1 = min(y0 + s.stripY * p.toY, p.height);
    let to = results;
    for (let iz = z0; iz < z1; iz++) {
      for (let iy = y0; iy < y1; iy++, to += <usize>p.width * PIXEL) {
        const from = copy + s.row(iz / p.toZ - jz, iy / p.toY - jy);
        let c = p.classes + <usize>(((iz % p.toZ) * p.toY + (iy % p.toY)) * p.toX * 12);
        // Positions past the last of a row are written too, and then overwritten by the next row.
        for (let ix = 0; ix < p.toX; ix++, c += 12) {
          const first = load<i32>(c, 4);
          sumRow(
            from,
            p.terms + (<usize>first << 2),
            p.terms + (<usize>load<i32>(c, 8) << 2),
            w + <usize>first * PIXEL,
            to + <usize>ix * PIXEL,
            <usize>p.toX * PIXEL,
            load<i32>(c),
          );
        }
      }
    }
    const at = n * p.batchStep + block * 8 * p.channelStep + (z0 * p.height + y0) * p.width * p.pixelStep;
    const count = (z1 - z0) * (y1 - y0) * p.width;
    if (changetype<usize>(after)) finish(after, results, count, block * 8);
    unpack(p, results, count, min(8, p.channels - block * 8), y + (<usize>at << 2));
  }
}

/**
 * Weighted sums at n neighbouring positions, three at a time: six chains of additions keep the adders busy. With four,
 * V8, which puts all loads of a turn first, runs out of registers and keeps sums on the stack.
 */
@inline
function sumRow(x: usize, terms: usize, end: usize, weights: usize, to: usize, step: usize, n: i32): void {
  for (let i = 0; i < n; i += 3, x += 3 * PIXEL) {
    let a0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let w = weights;
    for (let t = terms; t != end; t += 4, w += PIXEL) {
      const s = x + <usize>load<i32>(t);
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      a0 = madd(a0, v128.load(s), w0);
      a1 = madd(a1, v128.load(s, 16), w1);
      b0 = madd(b0, v128.load(s, 32), w0);
      b1 = madd(b1, v128.load(s, 48), w1);
      c0 = madd(c0, v128.load(s, 64), w0);
      c1 = madd(c1, v128.load(s, 80), w1);
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    to += step;
    v128.store(to, b0);
    v128.store(to, b1, 16);
    to += step;
    v128.store(to, c0);
    v128.store(to, c1, 16);
    to += step;
  }
}

/** What follows the sums, for n pixels of the eight channels from `channel` on. */
function finish(after: Affine, x: usize, n: i32, channel: i32): void {
  for (const end = x + <usize>n * PIXEL; x != end; x += PIXEL) {
    v128.store(x, affineAcross(after, channel, v128.load(x)));
    v128.store(x, affineAcross(after, channel + 4, v128.load(x, 16)), 16);
  }
}

/** Writes n neighbouring pixels of the first `lanes` of eight channels. */
function unpack(p: Plan, from: usize, n: i32, lanes: i32, y: usize): void {
  const channel = <usize>p.channelStep << 2;
  const pixel = <usize>p.pixelStep << 2;
  let i = 0;
  if (lanes == 8 && p.channelStep == 1) {
    for (; i < n; i++, from += PIXEL, y += pixel) {
      v128.store(y, v128.load(from));
      v128.store(y, v128.load(from, 16), 16);
    }
  } else if (lanes == 8 && p.pixelStep == 1) {
    const whole = n & ~3;
    for (let half = 0; half < 2; half++) {
      let s = from + <usize>(half * 16);
      let t = y + <usize>(half * 4) * channel;
      for (i = 0; i < whole; i += 4, s += 4 * PIXEL, t += 16) {
        storeTransposed(t, channel, v128.load(s), v128.load(s, 32), v128.load(s, 64), v128.load(s, 96));
      }
    }
    from += <usize>i * PIXEL;
    y += <usize>i << 2;
  }
  for (; i < n; i++, from += PIXEL, y += pixel) {
    let to = y;
    for (let lane = 0; lane < lanes; lane++, to += channel) {
      store<f32>(to, load<f32>(from + (<usize>lane << 2)));
    }
  }
}

/**
 * For blocks `begin` to `end` of eight channels. Per sample a partial sum runs over the positions, strip by strip, and is
 * then added to the total: three taps of eight channels at a time. `g` is how the output's gradient is copied, strips
 * without padding. `sums` has room for partial sums and totals of all blocks, tap by tap; `order` says which tap of the
 * kernel (of `kernel` taps) each is.
 */
export function depthwiseWeightGrad(
  plan: usize,
  gradient: usize,
  x: usize,
  gy: usize,
  sums: usize,
  order: usize,
  kernel: i32,
  gw: usize,
  batch: i32,
  room: usize,
  begin: i32,
  end: i32,
): void {
  const p = changetype<Plan>(plan);
  const g = changetype<Source>(gradient);
  const s = p.source;
  const copy = own(room, p.room);
  const packed = copy + <usize>s.copyBytes;
  memory.fill(copy, 0, s.copyBytes);
  const bytes = <usize>p.termCount * PIXEL;
  const totals = sums + <usize>((p.channels + 7) >> 3) * bytes;
  const from = <usize>begin * bytes;
  const to = <usize>end * bytes;
  memory.fill(totals + from, 0, to - from);
  for (let n = 0; n < batch; n++) {
    memory.fill(sums + from, 0, to - from);
    for (let jz = 0; jz < p.depth; jz += s.stripZ) {
      const depth = min(s.stripZ, p.depth - jz);
      for (let jy = 0; jy < p.height; jy += s.stripY) {
        const height = min(s.stripY, p.height - jy);
        const at = n * g.batchStep + jz * g.stepZ + jy * g.stepY;
        for (let block = begin; block < end; block++) {
          packStrip(s, x, n, block, jz, jy, copy);
          packRow(g, gy, at, block, 0, depth * height * p.width, packed);
          addProducts(p, copy, packed, depth, height, sums + <usize>block * bytes);
        }
      }
    }
    for (let i = from; i < to; i += 16) {
      v128.store(totals + i, f32x4.add(v128.load(totals + i), v128.load(sums + i)));
    }
  }
  for (let block = begin; block < end; block++) {
    for (let t = 0; t < p.termCount; t++) {
      const total = totals + <usize>block * bytes + <usize>t * PIXEL;
      const tap = load<i32>(order + (<usize>t << 2));
      for (let lane = 0; lane < min(8, p.channels - block * 8); lane++) {
        const weight = (block * 8 + lane) * kernel + tap;
        store<f32>(gw + (<usize>weight << 2), load<f32>(total + (<usize>lane << 2)));
      }
    }
  }
}

/** Adds, tap by tap, the products at all positions of a strip to `sums`. */
@inline
function addProducts(p: Plan, x: usize, gy: usize, depth: i32, height: i32, sums: usize): void {
  const last = p.termCount - 1;
  const rowBytes = <usize>p.width * PIXEL;
  for (let t = 0; t <= last; t += 3) {
    // Where fewer than three are left, the last is computed again.
    const t1 = min(t + 1, last);
    const t2 = min(t + 2, last);
    const x0 = x + <usize>load<i32>(p.terms + (<usize>t << 2));
    const x1 = x + <usize>load<i32>(p.terms + (<usize>t1 << 2));
    const x2 = x + <usize>load<i32>(p.terms + (<usize>t2 << 2));
    const s0 = sums + <usize>t * PIXEL;
    const s1 = sums + <usize>t1 * PIXEL;
    const s2 = sums + <usize>t2 * PIXEL;
    let a0 = v128.load(s0);
    let a1 = v128.load(s0, 16);
    let b0 = v128.load(s1);
    let b1 = v128.load(s1, 16);
    let c0 = v128.load(s2);
    let c1 = v128.load(s2, 16);
    let g = gy;
    for (let jz = 0; jz < depth; jz++) {
      for (let jy = 0; jy < height; jy++) {
        let i = p.source.row(jz, jy);
        for (const end = g + rowBytes; g != end; g += PIXEL, i += PIXEL) {
          const g0 = v128.load(g);
          const g1 = v128.load(g, 16);
          a0 = madd(a0, v128.load(x0 + i), g0);
          a1 = madd(a1, v128.load(x0 + i, 16), g1);
          b0 = madd(b0, v128.load(x1 + i), g0);
          b1 = madd(b1, v128.load(x1 + i, 16), g1);
          c0 = madd(c0, v128.load(x2 + i), g0);
          c1 = madd(c1, v128.load(x2 + i, 16), g1);
        }
      }
    }
    v128.store(s0, a0);
    v128.store(s0, a1, 16);
    v128.store(s1, b0);
    v128.store(s1, b1, 16);
    v128.store(s2, c0);
    v128.store(s2, c1, 16);
  }
}
