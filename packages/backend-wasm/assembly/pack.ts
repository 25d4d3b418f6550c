/*
 * Packing of operands: `width` lanes (4 rows or 8 columns of the product) side by side, k by k; lanes past the last are
 * 0. Offsets and steps are in elements.
 */

@inline
function int(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

@inline
function element(x: usize, i: i32): usize {
  return x + (<usize>i << 2);
}

/** Stores the 4 × 4 block whose rows are given with rows and columns swapped, `stride` bytes from row to row. */
@inline
export function storeTransposed(to: usize, stride: usize, r0: v128, r1: v128, r2: v128, r3: v128): void {
  const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store((to += stride), i64x2.shuffle(low01, low23, 1, 3));
  v128.store((to += stride), i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + stride, i64x2.shuffle(high01, high23, 1, 3));
}

/** Lane j, depth p is `x[j · laneStep + depth[p]]`. */
@inline
function packStrided(width: i32, x: usize, laneStep: i32, n: i32, depth: usize, k: i32, to: usize): void {
  const bytes = <usize>width << 2;
  for (let j = 0; j < n; j += width) {
    const lanes = min(width, n - j);
    const base = element(x, j * laneStep);
    if (lanes == width && laneStep == 1) {
      for (let p = 0; p < k; p++, to += bytes) {
        const s = element(base, int(depth, p));
        v128.store(to, v128.load(s));
        if (width == 8) v128.store(to, v128.load(s, 16), 16);
      }
      continue;
    }
    let p = 0;
    if (lanes == width) {
      // Four depths that are neighbours in every lane: blocks of 4 × 4, transposed on the way.
      for (; p + 4 <= k; p += 4, to += bytes * 4) {
        const at = int(depth, p);
        if (int(depth, p + 3) - at != 3 || int(depth, p + 1) - at != 1 || int(depth, p + 2) - at != 2) break;
        for (let half = 0; half < width; half += 4) {
          const s = element(base, at + half * laneStep);
          const lane = <usize>laneStep << 2;
          const r0 = v128.load(s);
          const r1 = v128.load(s + lane);
          const r2 = v128.load(s + 2 * lane);
          const r3 = v128.load(s + 3 * lane);
          storeTransposed(to + (<usize>half << 2), bytes, r0, r1, r2, r3);
        }
      }
    }
    for (; p < k; p++, to += bytes) {
      const s = element(base, int(depth, p));
      for (let q = 0; q < lanes; q++) store<f32>(element(to, q), load<f32>(element(s, q * laneStep)));
      for (let q = lanes; q < width; q++) store<f32>(element(to, q), 0);
    }
  }
}

export function packRows(x: usize, laneStep: i32, n: i32, depth: usize, k: i32, to: usize): void {
  packStrided(4, x, laneStep, n, depth, k, to);
}

export function packColumns(x: usize, laneStep: i32, n: i32, depth: usize, k: i32, to: usize): void {
  packStrided(8, x, laneStep, n, depth, k, to);
}

/**
 * Lanes are positions; the depth runs over taps and, inside a tap, over channels: lane i, depth tap · channels + c is
 * `x[offsets[tap · m + i] + c · channelStep]`, or 0 where that offset is negative. `none` is four zeros.
 */
export function packPatchRows(
  x: usize,
  channels: i32,
  channelStep: i32,
  offsets: usize,
  taps: i32,
  m: i32,
  to: usize,
  none: usize,
): void {
  for (let i = 0; i < m; i += 4) {
    for (let tap = 0; tap < taps; tap++) {
      const at = tap * m + i;
      const o0 = int(offsets, at);
      const o1 = i + 1 < m ? int(offsets, at + 1) : -1;
      const o2 = i + 2 < m ? int(offsets, at + 2) : -1;
      const o3 = i + 3 < m ? int(offsets, at + 3) : -1;
      const unit = <usize>channelStep << 2;
      const u0 = o0 < 0 ? 0 : unit;
      const u1 = o1 < 0 ? 0 : unit;
      const u2 = o2 < 0 ? 0 : unit;
      const u3 = o3 < 0 ? 0 : unit;
      let s0 = o0 < 0 ? none : element(x, o0);
      let s1 = o1 < 0 ? none : element(x, o1);
      let s2 = o2 < 0 ? none : element(x, o2);
      let s3 = o3 < 0 ? none : element(x, o3);
      let c = 0;
      if (channelStep == 1) {
        for (; c + 4 <= channels; c += 4, to += 64) {
          storeTransposed(to, 16, v128.load(s0), v128.load(s1), v128.load(s2), v128.load(s3));
          s0 += u0 << 2;
          s1 += u1 << 2;
          s2 += u2 << 2;
          s3 += u3 << 2;
        }
      }
      for (; c < channels; c++, to += 16) {
        store<f32>(to, load<f32>(s0));
        store<f32>(to, load<f32>(s1), 4);
        store<f32>(to, load<f32>(s2), 8);
        store<f32>(to, load<f32>(s3), 12);
        s0 += u0;
        s1 += u1;
        s2 += u2;
        s3 += u3;
      }
    }
  }
}

@inline
function offset(offsets: usize, at: i32, exists: bool): i32 {
  return exists ? int(offsets, at) : -1;
}

/**
 * The same with eight lanes. Eight positions under a tap are, nearly always, at most two runs of neighbours with gaps
 * in the padding: then each channel takes two loads of eight neighbours, masked and joined. A masked load may touch up
 * to seven elements before or after the tensor, which lie in the same memory.
 */
export function packPatchColumns(
  x: usize,
  channels: i32,
  channelStep: i32,
  offsets: usize,
  taps: i32,
  m: i32,
  to: usize,
): void {
  const unit = <usize>channelStep << 2;
  const low = i32x4(0, 1, 2, 3);
  const high = i32x4(4, 5, 6, 7);
  const zero = i32x4.splat(0);
  for (let i = 0; i < m; i += 8) {
    for (let tap = 0; tap < taps; tap++) {
      const at = tap * m + i;
      let o0 = zero;
      let o1 = zero;
      if (i + 8 <= m) {
        o0 = v128.load(element(offsets, at));
        o1 = v128.load(element(offsets, at), 16);
      } else {
        const rest = i32x4.splat(m - i);
        const none = i32x4.splat(-1);
        o0 = v128.bitselect(v128.load(element(offsets, at)), none, i32x4.lt_s(low, rest));
        o1 = v128.bitselect(v128.load(element(offsets, at), 16), none, i32x4.lt_s(high, rest));
      }
      const in0 = i32x4.ge_s(o0, zero);
      const in1 = i32x4.ge_s(o1, zero);
      const inside = i32x4.bitmask(in0) | (i32x4.bitmask(in1) << 4);
      if (inside == 0) {
        for (let c = 0; c < channels; c++, to += 32) {
          v128.store(to, zero);
          v128.store(to, zero, 16);
        }
        continue;
      }
      // Where lane 0 would be, had the first or the last lane inside only neighbours.
      const first = ctz(inside);
      const last = 31 - clz(inside);
      const p = int(offsets, at + first) - first;
      const q = int(offsets, at + last) - last;
      const p0 = v128.and(in0, i32x4.eq(o0, i32x4.add(i32x4.splat(p), low)));
      const p1 = v128.and(in1, i32x4.eq(o1, i32x4.add(i32x4.splat(p), high)));
      const q0 = v128.and(in0, i32x4.eq(o0, i32x4.add(i32x4.splat(q), low)));
      const q1 = v128.and(in1, i32x4.eq(o1, i32x4.add(i32x4.splat(q), high)));
      let s = element(x, p);
      let t = element(x, q);
      if (i32x4.all_true(v128.and(p0, p1))) {
        for (let c = 0; c < channels; c++, to += 32, s += unit) {
          v128.store(to, v128.load(s));
          v128.store(to, v128.load(s, 16), 16);
        }
      } else if (((i32x4.bitmask(v128.or(p0, q0)) | (i32x4.bitmask(v128.or(p1, q1)) << 4)) ^ inside) == 0) {
        for (let c = 0; c < channels; c++, to += 32, s += unit, t += unit) {
          v128.store(to, v128.or(v128.and(v128.load(s), p0), v128.and(v128.load(t), q0)));
          v128.store(to, v128.or(v128.and(v128.load(s, 16), p1), v128.and(v128.load(t, 16), q1)), 16);
        }
      } else {
        for (let lane = 0; lane < 8; lane++) {
          let e = element(to, lane);
          const o = offset(offsets, at + lane, i + lane < m);
          let source = element(x, o);
          for (let c = 0; c < channels; c++, e += 32, source += unit) store<f32>(e, o < 0 ? 0 : load<f32>(source));
        }
        to += <usize>channels << 5;
      }
    }
  }
}

/**
 * Eight lanes whose depth runs over positions: lane r is channel r mod `channels` under tap ⌊r / channels⌋, at depth p
 * it is `x[offsets[tap · k + p] + channel · channelStep]`, or 0 where that offset is negative.
 */
export function packAcross(
  x: usize,
  channels: i32,
  channelStep: i32,
  offsets: usize,
  k: i32,
  first: i32,
  n: i32,
  to: usize,
): void {
  const zero = i32x4.splat(0);
  for (let j = 0; j < n; j += 8, to += <usize>k << 5) {
    const r = first + j;
    const channel = r % channels;
    if (channelStep == 1 && j + 8 <= n && channel + 8 <= channels) {
      const table = element(offsets, (r / channels) * k);
      const base = element(x, channel);
      for (let p = 0, t = to; p < k; p++, t += 32) {
        const o = int(table, p);
        const s = element(base, o);
        v128.store(t, o < 0 ? zero : v128.load(s));
        v128.store(t, o < 0 ? zero : v128.load(s, 16), 16);
      }
      continue;
    }
    for (let half = 0; half < 8; half += 4) {
      const lane = r + half;
      const c = lane % channels;
      const side = element(to, half);
      if (j + half + 4 <= n && c + 4 <= channels) {
        packFour(element(x, c * channelStep), channelStep, element(offsets, (lane / channels) * k), k, side);
        continue;
      }
      for (let q = 0; q < 4; q++) {
        const each = (lane + q) % channels;
        const table = element(offsets, ((lane + q) / channels) * k);
        if (j + half + q >= n) for (let p = 0; p < k; p++) store<f32>(element(side, p * 8 + q), 0);
        else packOne(element(x, each * channelStep), table, k, element(side, q));
      }
    }
  }
}

/** Four channels under one tap; four positions that are neighbours are taken at once. */
function packFour(x: usize, channelStep: i32, table: usize, k: i32, to: usize): void {
  const unit = <usize>channelStep << 2;
  const lane = i32x4(0, 1, 2, 3);
  let p = 0;
  while (p < k) {
    const o = int(table, p);
    const s = element(x, o);
    if (p + 4 <= k && o >= 0) {
      const four = i32x4.eq(v128.load(element(table, p)), i32x4.add(i32x4.splat(o), lane));
      if (i32x4.all_true(four)) {
        const r0 = v128.load(s);
        const r1 = v128.load(s + unit);
        const r2 = v128.load(s + 2 * unit);
        storeTransposed(to, 32, r0, r1, r2, v128.load(s + 3 * unit));
        p += 4;
        to += 128;
        continue;
      }
    }
    store<f32>(to, o < 0 ? 0 : load<f32>(s));
    store<f32>(to, o < 0 ? 0 : load<f32>(s + unit), 4);
    store<f32>(to, o < 0 ? 0 : load<f32>(s + 2 * unit), 8);
    store<f32>(to, o < 0 ? 0 : load<f32>(s + 3 * unit), 12);
    p++;
    to += 32;
  }
}

function packOne(x: usize, table: usize, k: i32, to: usize): void {
  for (let p = 0; p < k; p++, to += 32) {
    const o = int(table, p);
    store<f32>(to, o < 0 ? 0 : load<f32>(element(x, o)));
  }
}
