import { sizeOf, type AvgPoolAttrs, type Kernels, type PoolAttrs, type Shape } from '@graftjs/core';
import { activation, window, type Activation, type Window } from './geometry.ts';
import type { Allocator, CpuBuffer } from './memory.ts';

type PoolOp = 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad';

const f = Math.fround;

/**
 * Pools walk over rows of neighbouring outputs, `lanes` of them: a row of positions in channels-first, the channels of
 * one position in channels-last. `xStep` is how far apart the inputs of two lanes are under one tap.
 */
interface PoolProblem {
  readonly input: Activation;
  readonly output: Activation;
  readonly window: Window;
  readonly lanes: number;
  readonly xStep: number;
}

function problem(x: Shape, y: Shape, attrs: PoolAttrs): PoolProblem {
  const input = activation(x, attrs.layout);
  const output = activation(y, attrs.layout);
  const w = window(attrs.kernel, attrs);
  const last = input.channelsLast;
  return {
    input,
    output,
    window: w,
    lanes: last ? input.channels : output.extent[2],
    xStep: last ? 1 : w.stride[2],
  };
}

/** A tap over a row of lanes: lanes `from` to `to` have it inside the input, lane l at `x + l · xStep`. */
type VisitTap = (x: number, from: number, to: number) => void;

/** Visits the taps of a row's windows in row-major order, or in the reverse of it. */
type Taps = (visit: VisitTap, reverse?: boolean) => void;

/** Calls `row` for every row of outputs, in row-major order, with the offset of its first output. */
function forEachRow(p: PoolProblem, row: (y: number, taps: Taps, first: Position) => void): void {
  const { input, output, window: w } = p;
  const last = input.channelsLast;
  const planes = last ? 1 : input.channels;
  const columns = last ? output.extent[2] : 1;
  const [inD, inH, inW] = input.extent;
  const [kd, kh, kw] = w.kernel;
  for (let n = 0; n < output.batch; n++) {
    for (let c = 0; c < planes; c++) {
      const plane = n * input.batchStep + c * input.channelStep;
      for (let z = 0; z < output.extent[0]; z++) {
        const z0 = z * w.stride[0] - w.before[0];
        for (let h = 0; h < output.extent[1]; h++) {
          const h0 = h * w.stride[1] - w.before[1];
          for (let v = 0; v < columns; v++) {
            const v0 = v * w.stride[2] - w.before[2];
            const taps: Taps = (visit, reverse = false) => {
              for (let a = 0; a < kd; a++) {
                const iz = z0 + a * w.dilation[0];
                if (iz < 0 || iz >= inD) continue;
                for (let b = 0; b < kh; b++) {
                  const ih = h0 + b * w.dilation[1];
                  if (ih < 0 || ih >= inH) continue;
                  const start = plane + iz * input.step[0] + ih * input.step[1];
                  for (let t = 0; t < kw; t++) {
                    const iw = v0 + (reverse ? kw - 1 - t : t) * w.dilation[2];
                    if (last) {
                      if (iw >= 0 && iw < inW) visit(start + iw * input.step[2], 0, p.lanes);
                      continue;
                    }
                    // Lanes l with 0 ≤ iw + l · stride < inW.
                    const from = Math.max(0, Math.ceil(-iw / p.xStep));
                    const to = Math.min(p.lanes, Math.ceil((inW - iw) / p.xStep));
                    if (from < to) visit(start + iw, from, to);
                  }
                }
              }
            };
            const y = n * output.batchStep + c * output.channelStep;
            row(y + z * output.step[0] + h * output.step[1] + v * output.step[2], taps, { z, h, v });
          }
        }
      }
    }
  }
}

/** Output position of a row's first lane. */
interface Position {
  readonly z: number;
  readonly h: number;
  readonly v: number;
}

/** Number of taps that an average at output position `i` of one axis divides by. */
function tapsInside(p: PoolProblem, axis: 0 | 1 | 2, i: number, includePad: boolean): number {
  const w = p.window;
  const low = includePad ? -w.before[axis] : 0;
  const high = p.input.extent[axis] + (includePad ? w.after[axis] : 0);
  let count = 0;
  for (let t = 0; t < w.kernel[axis]; t++) {
    const at = i * w.stride[axis] - w.before[axis] + t * w.dilation[axis];
    if (at >= low && at < high) count++;
  }
  return count;
}

/** Divisors of all output positions, per axis; their product is at least 1. */
function divisors(p: PoolProblem, includePad: boolean): (z: number, h: number, w: number) => number {
  const [d, h, w] = ([0, 1, 2] as const).map((axis) =>
    Array.from({ length: p.output.extent[axis] }, (_, i) => tapsInside(p, axis, i, includePad)),
  );
  return (i, j, k) => Math.max(d![i]! * h![j]! * w![k]!, 1);
}

export function poolKernels(memory: Allocator): Pick<Kernels<CpuBuffer>, PoolOp> {
  return {
    maxPool([x], attrs, [y]) {
      const p = problem(x!.spec.shape, y!.shape, attrs);
      const from = x!.buffer as Float32Array;
      const to = memory.alloc('float32', sizeOf(y!.shape));
      to.fill(-Infinity);
      forEachRow(p, (out, taps) => taps((at, first, end) => maxTap(from, at, p.xStep, to, out, first, end)));
      return [to];
    },

    maxPoolGrad([x, gy], attrs) {
      const p = problem(x!.spec.shape, gy!.spec.shape, attrs);
      const from = x!.buffer as Float32Array;
      const g = gy!.buffer as Float32Array;
      const gx = memory.zeros('float32', sizeOf(x!.spec.shape));
      const best = memory.alloc('float32', p.lanes);
      const where = memory.alloc('int32', p.lanes);
      forEachRow(p, (out, taps) => {
        where.fill(-1);
        taps((at, first, end) => argmaxTap(from, at, p.xStep, best, where, first, end));
        for (let l = 0; l < p.lanes; l++) {
          const at = where[l]!;
          if (at >= 0) gx[at] = f(gx[at]! + g[out + l]!);
        }
      });
      memory.free(best);
      memory.free(where);
      return [gx];
    },

    avgPool([x], attrs, [y]) {
      const p = problem(x!.spec.shape, y!.shape, attrs);
      const from = x!.buffer as Float32Array;
      const to = memory.zeros('float32', sizeOf(y!.shape));
      const divisor = divisors(p, attrs.countIncludePad);
      const last = p.input.channelsLast;
      forEachRow(p, (out, taps, { z, h, v }) => {
        taps((at, first, end) => addTap(from, at, p.xStep, to, out, first, end));
        for (let l = 0; l < p.lanes; l++) to[out + l] = to[out + l]! / divisor(z, h, last ? v : l);
      });
      return [to];
    },

    avgPoolGrad([gy], attrs: AvgPoolAttrs, [gx]) {
      const p = problem(gx!.shape, gy!.spec.shape, attrs);
      const g = gy!.buffer as Float32Array;
      const to = memory.zeros('float32', sizeOf(gx!.shape));
      const share = memory.alloc('float32', p.lanes);
      const divisor = divisors(p, attrs.countIncludePad);
      const last = p.input.channelsLast;
      forEachRow(p, (out, taps, { z, h, v }) => {
        for (let l = 0; l < p.lanes; l++) share[l] = g[out + l]! / divisor(z, h, last ? v : l);
        // An input under two windows of the row: the left one reaches it with the later tap, and must come first.
        taps((at, first, end) => spreadTap(share, at, p.xStep, to, first, end), true);
      });
      memory.free(share);
      return [to];
    },
  };
}

function maxTap(
  x: Float32Array,
  at: number,
  step: number,
  y: Float32Array,
  out: number,
  from: number,
  to: number,
): void {
  for (let l = from; l < to; l++) {
    const v = x[at + l * step]!;
    if (v > y[out + l]! || v !== v) y[out + l] = v;
  }
}

function argmaxTap(
  x: Float32Array,
  at: number,
  step: number,
  best: Float32Array,
  where: Int32Array,
  from: number,
  to: number,
): void {
  for (let l = from; l < to; l++) {
    const v = x[at + l * step]!;
    const b = best[l]!;
    // The first maximum, or the first NaN: once `best` is NaN no comparison holds any more.
    if (where[l]! < 0 || v > b || (v !== v && b === b)) {
      best[l] = v;
      where[l] = at + l * step;
    }
  }
}

function addTap(
  x: Float32Array,
  at: number,
  step: number,
  y: Float32Array,
  out: number,
  from: number,
  to: number,
): void {
  for (let l = from; l < to; l++) y[out + l] = f(y[out + l]! + x[at + l * step]!);
}

function spreadTap(
  share: Float32Array,
  at: number,
  step: number,
  gx: Float32Array,
  from: number,
  to: number,
): void {
  for (let l = from; l < to; l++) gx[at + l * step] = f(gx[at + l * step]! + share[l]!);
}
