import { type ConvProblem, forwardGrid, type Grid, inputGradGrids, product } from '@graftjs/core/planning';
import type { Context } from './context.ts';
import { boxOf, boxOffsets, LANES, laneStarts, placePositions, tapOffsets } from './lanes.ts';
import type { Scratch } from './memory.ts';

/*
 * Convolutions whose groups have one input channel. There is no product of matrices in them, but the same idea helps:
 * operands are packed (four channels side by side), and the sums stay in registers.
 */

export function convDepthwise(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  x: number,
  w: number,
  y: number,
): void {
  const multiplier = p.output.channels / p.groups;
  const source = (o: number): number => Math.floor(o / multiplier);
  weightedSums(context, scratch, [forwardGrid(p)], 1, source, (o) => o, x, w, y, p);
}

export function convInputGradDepthwise(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  gy: number,
  w: number,
  gx: number,
): void {
  const multiplier = p.output.channels / p.groups;
  const source = (c: number, q: number): number => c * multiplier + q;
  weightedSums(context, scratch, inputGradGrids(p), multiplier, source, source, gy, w, gx, p);
}

/**
 * Result channel r adds, tap by tap and inside a tap over q < `sources`, source channel `source(r, q)` times the tap's
 * weight of output channel `kernel(r, q)`.
 */
function weightedSums(
  context: Context,
  scratch: Scratch,
  grids: readonly Grid[],
  sources: number,
  source: (r: number, q: number) => number,
  kernel: (r: number, q: number) => number,
  x: number,
  w: number,
  y: number,
  p: ConvProblem,
): void {
  const { wasm, heap } = context;
  if (grids.length === 0) return;
  const { from, to } = grids[0]!;
  const kernelTaps = product(p.window.kernel);
  const box = boxOf(grids);
  const points = product(box.extent);
  const size = points * LANES;
  const offsets = boxOffsets(context, scratch, from, box);
  const packed = scratch.words(sources * size);
  const plans = grids.map((grid) => ({
    ...placePositions(context, scratch, grid, box),
    taps: grid.tapIndex,
    termCount: grid.taps.length * sources,
    terms: scratch.ints(
      tapOffsets(grid, box).flatMap((at) => Array.from({ length: sources }, (_, q) => q * size + at)),
    ),
    weights: scratch.words(grid.taps.length * sources * LANES),
  }));
  const weightCount = product(p.window.kernel) * p.output.channels;
  for (let r = 0; r < to.channels; r += LANES) {
    const lanes = Math.min(LANES, to.channels - r);
    for (const { weights, termCount, taps } of plans) {
      const all = heap.float32(w, weightCount);
      const list = heap.float32(weights, termCount * LANES);
      let t = 0;
      for (const tap of taps) {
        for (let q = 0; q < sources; q++) {
          for (let lane = 0; lane < LANES; lane++) {
            list[t++] = lane < lanes ? all[kernel(r + lane, q) * kernelTaps + tap]! : 0;
          }
        }
      }
    }
    for (let n = 0; n < from.batch; n++) {
      for (let q = 0; q < sources; q++) {
        const starts = laneStarts(from, n, (lane) => source(r + lane, q));
        wasm.packLanes(x, ...starts, offsets, points, packed + 4 * q * size, 0);
      }
      const start = y + 4 * (n * to.batchStep + r * to.channelStep);
      for (const { bases, rows, count, terms, termCount, weights } of plans) {
        wasm.sumTerms(packed, bases, count, terms, termCount, weights, start, rows, to.channelStep, lanes);
      }
    }
  }
}

export function convWeightGradDepthwise(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  x: number,
  gy: number,
  gw: number,
): void {
  const { wasm } = context;
  const { input, output } = p;
  const multiplier = output.channels / p.groups;
  const grid = forwardGrid(p);
  const box = boxOf([grid]);
  const points = product(box.extent);
  const { bases, rows, count } = placePositions(context, scratch, grid, box);
  const offsets = boxOffsets(context, scratch, input, box);
  const taps = grid.taps.length;
  const terms = scratch.ints(tapOffsets(grid, box));
  const packedX = scratch.words(points * LANES);
  const packedGy = scratch.words(count * LANES);
  wasm.fill32(gw, output.channels * taps, 0);
  for (let o = 0; o < output.channels; o += LANES) {
    const lanes = Math.min(LANES, output.channels - o);
    for (let n = 0; n < input.batch; n++) {
      const sources = laneStarts(input, n, (lane) => Math.floor((o + lane) / multiplier));
      wasm.packLanes(x, ...sources, offsets, points, packedX, 0);
      const gradients = laneStarts(output, n, (lane) => o + lane);
      wasm.packLanes(gy, ...gradients, rows, count, packedGy, 0);
      // A weight's partial sum of this sample, added to its total.
      wasm.dotProducts(packedX, bases, count, terms, taps, packedGy, gw + 4 * o * taps, lanes);
    }
  }
}
