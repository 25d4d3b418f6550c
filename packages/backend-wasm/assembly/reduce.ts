/*
 * Output k starts at element `kept[k / lanes] + k mod lanes`; from there, its elements in row-major order are
 * `runs[r] + i · step`, i < length, run after run. `lanes` outputs lie side by side in the input.
 */

/** Elements per block of a sum, and the interleaved partial sums in it (the contract of `reduce`). */
const BLOCK = 1024;
const PARTIALS = 8;

@inline
function at(table: usize, i: i32): i32 {
  return load<i32>(table + (<usize>i << 2));
}

@inline
function element(x: usize, i: i32): usize {
  return x + (<usize>i << 2);
}

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

/** One output at a time. Elements that are not neighbours are first laid side by side, a block at a time. */
export function sumRows(
  x: usize,
  kept: usize,
  count: i32,
  runs: usize,
  runCount: i32,
  length: i32,
  step: i32,
  y: usize,
  block: usize,
): void {
  const inOnePiece = runCount == 1 && (step == 1 || length == 1);
  for (let k = 0; k < count; k++) {
    const start = at(kept, k);
    let total: f32 = 0;
    if (inOnePiece) {
      const from = start + at(runs, 0);
      for (let i = 0; i < length; i += BLOCK) total += sumBlock(element(x, from + i), min(BLOCK, length - i));
    } else {
      let filled = 0;
      for (let r = 0; r < runCount; r++) {
        let s = element(x, start + at(runs, r));
        for (let i = 0; i < length; i++, s += <usize>step << 2) {
          store<f32>(element(block, filled), load<f32>(s));
          if (++filled < BLOCK) continue;
          total += sumBlock(block, BLOCK);
          filled = 0;
        }
      }
      if (filled > 0) total += sumBlock(block, filled);
    }
    store<f32>(element(y, k), total);
  }
}

/** Outputs that are summed side by side. */
const WIDTH = 256;

/** Neighbouring outputs side by side: rows of the input are added to rows of partial sums (8 × 256 of them). */
export function sumLanes(
  x: usize,
  kept: usize,
  count: i32,
  lanes: i32,
  runs: usize,
  runCount: i32,
  length: i32,
  step: i32,
  y: usize,
  partials: usize,
): void {
  const width = min(WIDTH, (lanes + 3) & ~3);
  const rowBytes = <usize>width << 2;
  for (let k = 0; k < count; k++) {
    for (let lane = 0; lane < lanes; lane += width) {
      const n = min(width, lanes - lane);
      const out = element(y, k * lanes + lane);
      memory.fill(out, 0, <usize>n << 2);
      memory.fill(partials, 0, rowBytes * PARTIALS);
      let inBlock = 0;
      for (let r = 0; r < runCount; r++) {
        let s = element(x, at(kept, k) + lane + at(runs, r));
        for (let i = 0; i < length; i++, s += <usize>step << 2) {
          const row = partials + <usize>(inBlock & 7) * rowBytes;
          let p = s;
          for (let t = row, end = row + (<usize>n << 2); t < end; t += 16, p += 16) {
            v128.store(t, f32x4.add(v128.load(t), v128.load(p)));
          }
          if (++inBlock < BLOCK) continue;
          addPartials(partials, rowBytes, n, out);
          inBlock = 0;
        }
      }
      if (inBlock > 0) addPartials(partials, rowBytes, n, out);
    }
  }
}

/** Adds a block's sums to the totals, and clears the partial sums. */
function addPartials(p: usize, rowBytes: usize, n: i32, out: usize): void {
  const start = p;
  for (const end = out + (<usize>n << 2); out < end; out += 16, p += 16) {
    let q = p;
    const p0 = v128.load(q);
    const p1 = v128.load((q += rowBytes));
    const p2 = v128.load((q += rowBytes));
    const p3 = v128.load((q += rowBytes));
    const p4 = v128.load((q += rowBytes));
    const p5 = v128.load((q += rowBytes));
    const p6 = v128.load((q += rowBytes));
    const p7 = v128.load(q + rowBytes);
    const low = f32x4.add(f32x4.add(p0, p1), f32x4.add(p2, p3));
    const high = f32x4.add(f32x4.add(p4, p5), f32x4.add(p6, p7));
    v128.store(out, f32x4.add(v128.load(out), f32x4.add(low, high)));
  }
  memory.fill(start, 0, rowBytes * PARTIALS);
}

/** int32 sums wrap, so their order does not show. */
export function sum_int(
  x: usize,
  kept: usize,
  count: i32,
  lanes: i32,
  runs: usize,
  runCount: i32,
  length: i32,
  step: i32,
  y: usize,
): void {
  for (let k = 0; k < count; k++) {
    for (let lane = 0; lane < lanes; lane++, y += 4) {
      let total = 0;
      for (let r = 0; r < runCount; r++) {
        let s = element(x, at(kept, k) + lane + at(runs, r));
        for (let i = 0; i < length; i++, s += <usize>step << 2) total += load<i32>(s);
      }
      store<i32>(y, total);
    }
  }
}

/** NaN wins, otherwise the first of equal values. */
@inline
function beats<T>(v: T, best: T): bool {
  return v > best || v != v;
}

@inline
function maxOf<T>(
  x: usize,
  kept: usize,
  count: i32,
  lanes: i32,
  runs: usize,
  runCount: i32,
  length: i32,
  step: i32,
  y: usize,
): void {
  for (let k = 0; k < count; k++) {
    for (let lane = 0; lane < lanes; lane++, y += sizeof<T>()) {
      const start = at(kept, k) + lane;
      let best = load<T>(x + <usize>(start + at(runs, 0)) * sizeof<T>());
      for (let r = 0; r < runCount; r++) {
        let s = x + <usize>(start + at(runs, r)) * sizeof<T>();
        for (let i = 0; i < length; i++, s += <usize>step * sizeof<T>()) {
          const v = load<T>(s);
          if (beats<T>(v, best)) best = v;
        }
      }
      store<T>(y, best);
    }
  }
}

@inline
function argmaxOf<T>(
  x: usize,
  kept: usize,
  count: i32,
  lanes: i32,
  length: i32,
  step: i32,
  y: usize,
): void {
  for (let k = 0; k < count; k++) {
    for (let lane = 0; lane < lanes; lane++, y += 4) {
      let s = x + <usize>(at(kept, k) + lane) * sizeof<T>();
      let best = load<T>(s);
      let where = 0;
      for (let i = 1; i < length && best == best; i++) {
        s += <usize>step * sizeof<T>();
        const v = load<T>(s);
        if (beats<T>(v, best)) {
          best = v;
          where = i;
        }
      }
      store<i32>(y, where);
    }
  }
}

export function max_float(x: usize, kept: usize, count: i32, lanes: i32, runs: usize, runCount: i32, length: i32, step: i32, y: usize): void {
  maxOf<f32>(x, kept, count, lanes, runs, runCount, length, step, y);
}
export function argmax_float(x: usize, kept: usize, count: i32, lanes: i32, length: i32, step: i32, y: usize): void {
  argmaxOf<f32>(x, kept, count, lanes, length, step, y);
}
export function max_int(x: usize, kept: usize, count: i32, lanes: i32, runs: usize, runCount: i32, length: i32, step: i32, y: usize): void {
  maxOf<i32>(x, kept, count, lanes, runs, runCount, length, step, y);
}
export function argmax_int(x: usize, kept: usize, count: i32, lanes: i32, length: i32, step: i32, y: usize): void {
  argmaxOf<i32>(x, kept, count, lanes, length, step, y);
}
export function max_bool(x: usize, kept: usize, count: i32, lanes: i32, runs: usize, runCount: i32, length: i32, step: i32, y: usize): void {
  maxOf<u8>(x, kept, count, lanes, runs, runCount, length, step, y);
}
export function argmax_bool(x: usize, kept: usize, count: i32, lanes: i32, length: i32, step: i32, y: usize): void {
  argmaxOf<u8>(x, kept, count, lanes, length, step, y);
}
