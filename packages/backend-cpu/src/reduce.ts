import {
  type Kernels,
  offsetsOf,
  reducePlan,
  type ReducePlan,
  type Shape,
  sizeOf,
} from '@graftjs/core/backend';
import type { Allocator, CpuBuffer } from './memory.ts';

const f = Math.fround;

/** Elements per block of a sum, and the interleaved partial sums in it (the contract of `reduce`). */
const BLOCK = 1024;
const PARTIALS = 8;

/** Outputs that are summed side by side where they are neighbours in memory. */
const LANES = 256;

/** Where each output's elements start in the input, without those of the lanes; see `ReducePlan` for the others. */
type Plan = Omit<ReducePlan, 'kept'> & { readonly kept: Int32Array };

function plan(shape: Shape, axes: readonly number[]): Plan {
  const { kept, ...rest } = reducePlan(shape, axes);
  return { ...rest, kept: offsetsOf(kept.shape, kept.strides) };
}

export function reduceKernels(memory: Allocator): Pick<Kernels<CpuBuffer>, 'reduce' | 'argsort'> {
  return {
    reduce([x], { kind, axes }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      if (to.length === 0) return to;
      const p = plan(x.spec.shape, axes);
      if (kind === 'max') max(x.buffer, p, to);
      else if (kind === 'argmax') argmax(x.buffer, p, to as Int32Array);
      else if (x.buffer instanceof Int32Array) sumInt(x.buffer, p, to as Int32Array);
      else if (p.lanes > 1) sumLanes(x.buffer as Float32Array, p, to as Float32Array, memory);
      else sumRows(x.buffer as Float32Array, p, to as Float32Array, memory);
      return to;
    },

    argsort([x], { axis, descending }, y) {
      const to = memory.alloc(y.dtype, sizeOf(y.shape));
      if (to.length === 0) return to;
      const { lanes, kept, length, step } = plan(y.shape, [axis]);
      const keys = new Float64Array(length);
      const order = new Int32Array(length);
      for (let k = 0; k < kept.length * lanes; k++) {
        const start = kept[Math.floor(k / lanes)]! + (k % lanes);
        for (let i = 0; i < length; i++) {
          const key = ascending(x.buffer[start + i * step]!);
          keys[i] = descending ? -key : key;
          order[i] = i;
        }
        order.sort((i, j) => (keys[i]! < keys[j]! ? -1 : Number(keys[i]! > keys[j]!)));
        for (let i = 0; i < length; i++) to[start + i * step] = order[i]!;
      }
      return to;
    },
  };
}

/** A number in NaN's place, above all others: no float32 lies between it and +∞'s. */
function ascending(v: number): number {
  return v !== v ? Infinity : Math.min(v, Number.MAX_VALUE);
}

/** The contract's sum of up to 1,024 neighbours. */
function sumBlock(x: Float32Array, from: number, n: number): number {
  let p0 = f(0),
    p1 = f(0),
    p2 = f(0),
    p3 = f(0),
    p4 = f(0),
    p5 = f(0),
    p6 = f(0),
    p7 = f(0);
  let i = from;
  for (const end = from + n - (n % PARTIALS); i < end; i += PARTIALS) {
    p0 = f(p0 + x[i]!);
    p1 = f(p1 + x[i + 1]!);
    p2 = f(p2 + x[i + 2]!);
    p3 = f(p3 + x[i + 3]!);
    p4 = f(p4 + x[i + 4]!);
    p5 = f(p5 + x[i + 5]!);
    p6 = f(p6 + x[i + 6]!);
    p7 = f(p7 + x[i + 7]!);
  }
  const rest = n % PARTIALS;
  if (rest > 0) p0 = f(p0 + x[i]!);
  if (rest > 1) p1 = f(p1 + x[i + 1]!);
  if (rest > 2) p2 = f(p2 + x[i + 2]!);
  if (rest > 3) p3 = f(p3 + x[i + 3]!);
  if (rest > 4) p4 = f(p4 + x[i + 4]!);
  if (rest > 5) p5 = f(p5 + x[i + 5]!);
  if (rest > 6) p6 = f(p6 + x[i + 6]!);
  return f(f(f(p0 + p1) + f(p2 + p3)) + f(f(p4 + p5) + f(p6 + p7)));
}

/** One output at a time. Runs that are not in one piece are first laid side by side, a block at a time. */
function sumRows(
  x: Float32Array,
  { kept, runs, length, step }: Plan,
  to: Float32Array,
  memory: Allocator,
): void {
  const inOnePiece = runs.length === 1 && (step === 1 || length === 1);
  const block = memory.alloc('float32', BLOCK);
  for (let k = 0; k < kept.length; k++) {
    const start = kept[k]!;
    let total = f(0);
    if (inOnePiece) {
      for (let i = 0; i < length; i += BLOCK)
        total = f(total + sumBlock(x, start + i, Math.min(BLOCK, length - i)));
    } else {
      let filled = 0;
      for (let r = 0; r < runs.length; r++) {
        for (let i = 0; i < length;) {
          const n = Math.min(length - i, BLOCK - filled);
          copyRun(x, start + runs[r]! + i * step, step, n, block, filled);
          i += n;
          filled += n;
          if (filled < BLOCK) continue;
          total = f(total + sumBlock(block, 0, BLOCK));
          filled = 0;
        }
      }
      if (filled > 0) total = f(total + sumBlock(block, 0, filled));
    }
    to[k] = total;
  }
  memory.free(block);
}

function copyRun(x: Float32Array, from: number, step: number, n: number, to: Float32Array, at: number): void {
  if (step === 1 && n >= 64) to.set(x.subarray(from, from + n), at);
  else for (let i = 0; i < n; i++, from += step) to[at + i] = x[from]!;
}

/** Neighbouring outputs side by side: rows of the input are added to rows of partial sums. */
function sumLanes(
  x: Float32Array,
  { lanes, kept, runs, length, step }: Plan,
  to: Float32Array,
  memory: Allocator,
): void {
  const width = Math.min(lanes, LANES);
  const partials = memory.alloc('float32', PARTIALS * width);
  for (let k = 0; k < kept.length; k++) {
    for (let lane = 0; lane < lanes; lane += width) {
      const n = Math.min(width, lanes - lane);
      const out = k * lanes + lane;
      to.fill(0, out, out + n);
      partials.fill(0);
      let inBlock = 0;
      for (let r = 0; r < runs.length; r++) {
        let s = kept[k]! + lane + runs[r]!;
        for (let i = 0; i < length; i++) {
          const p = (inBlock % PARTIALS) * width;
          for (let j = 0; j < n; j++) partials[p + j] = f(partials[p + j]! + x[s + j]!);
          s += step;
          if (++inBlock === BLOCK) {
            addPartials(partials, width, n, to, out);
            inBlock = 0;
          }
        }
      }
      if (inBlock > 0) addPartials(partials, width, n, to, out);
    }
  }
  memory.free(partials);
}

/** Adds a block's sums to the totals, and clears the partial sums. */
function addPartials(p: Float32Array, width: number, n: number, to: Float32Array, out: number): void {
  for (let j = 0; j < n; j++) {
    const low = f(f(p[j]! + p[width + j]!) + f(p[2 * width + j]! + p[3 * width + j]!));
    const high = f(f(p[4 * width + j]! + p[5 * width + j]!) + f(p[6 * width + j]! + p[7 * width + j]!));
    to[out + j] = f(to[out + j]! + f(low + high));
  }
  p.fill(0);
}

/** int32 sums wrap, so their order does not show. */
function sumInt(x: Int32Array, { lanes, kept, runs, length, step }: Plan, to: Int32Array): void {
  for (let k = 0; k < to.length; k++) {
    const start = kept[Math.floor(k / lanes)]! + (k % lanes);
    let total = 0;
    for (let r = 0; r < runs.length; r++) {
      let s = start + runs[r]!;
      for (let i = 0; i < length; i++) {
        total = (total + x[s]!) | 0;
        s += step;
      }
    }
    to[k] = total;
  }
}

function max(x: CpuBuffer, { lanes, kept, runs, length, step }: Plan, to: CpuBuffer): void {
  for (let k = 0; k < kept.length; k++) {
    const out = k * lanes;
    for (let j = 0; j < lanes; j++) to[out + j] = x[kept[k]! + runs[0]! + j]!;
    for (let r = 0; r < runs.length; r++) {
      let s = kept[k]! + runs[r]!;
      for (let i = 0; i < length; i++) {
        for (let j = 0; j < lanes; j++) {
          const v = x[s + j]!;
          if (v > to[out + j]! || v !== v) to[out + j] = v;
        }
        s += step;
      }
    }
  }
}

/** One axis, so one run. */
function argmax(x: CpuBuffer, { lanes, kept, length, step }: Plan, to: Int32Array): void {
  for (let k = 0; k < kept.length; k++) {
    for (let j = 0; j < lanes; j++) {
      const start = kept[k]! + j;
      let best = x[start]!;
      let at = 0;
      for (let i = 1; i < length && best === best; i++) {
        const v = x[start + i * step]!;
        if (v > best || v !== v) {
          best = v;
          at = i;
        }
      }
      to[k * lanes + j] = at;
    }
  }
}
