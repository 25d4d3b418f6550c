import { type ConvProblem, forwardGrid, type Grid, inputGradGrids, product } from '@graftjs/core/backend';
import {
  boxOf,
  boxOffsets,
  LANES,
  laneStart,
  packLanes,
  placePositions,
  storeLanes,
  tapOffsets,
} from './lanes.ts';
import type { Workspace } from './workspace.ts';

/*
 * Convolutions whose groups have one input channel. There is no product of matrices in them, but the same idea helps:
 * operands are packed (four channels side by side), and the sums stay in registers.
 */

const f = Math.fround;

export function convDepthwise(
  p: ConvProblem,
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  space: Workspace,
): void {
  const multiplier = p.output.channels / p.groups;
  weightedSums(
    [forwardGrid(p)],
    1,
    (o) => Math.floor(o / multiplier),
    (o) => o,
    x,
    w,
    y,
    p,
    space,
  );
}

export function convInputGradDepthwise(
  p: ConvProblem,
  gy: Float32Array,
  w: Float32Array,
  gx: Float32Array,
  space: Workspace,
): void {
  const multiplier = p.output.channels / p.groups;
  const source = (c: number, q: number): number => c * multiplier + q;
  weightedSums(inputGradGrids(p), multiplier, source, source, gy, w, gx, p, space);
}

/**
 * Result channel r adds, tap by tap and inside a tap over q < `sources`, source channel `source(r, q)` times the tap's
 * weight of output channel `kernel(r, q)`.
 */
function weightedSums(
  grids: readonly Grid[],
  sources: number,
  source: (r: number, q: number) => number,
  kernel: (r: number, q: number) => number,
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  p: ConvProblem,
  space: Workspace,
): void {
  if (grids.length === 0) return;
  const { from, to } = grids[0]!;
  const kernelTaps = product(p.window.kernel);
  const box = boxOf(grids);
  const size = product(box.extent) * LANES;
  const offsets = boxOffsets(from, box);
  const packed = space.floats('rows', sources * size);
  const plans = grids.map((grid) => ({
    ...placePositions(grid, box),
    weights: new Float64Array(grid.taps.length * sources * LANES),
    terms: Int32Array.from(
      tapOffsets(grid, box).flatMap((at) => Array.from({ length: sources }, (_, q) => q * size + at)),
    ),
    taps: grid.tapIndex,
  }));
  for (let r = 0; r < to.channels; r += LANES) {
    const lanes = Math.min(LANES, to.channels - r);
    for (const { weights, taps } of plans) {
      let t = 0;
      for (const tap of taps) {
        for (let q = 0; q < sources; q++) {
          for (let lane = 0; lane < LANES; lane++) {
            weights[t++] = lane < lanes ? w[kernel(r + lane, q) * kernelTaps + tap]! : 0;
          }
        }
      }
    }
    for (let n = 0; n < from.batch; n++) {
      for (let q = 0; q < sources; q++) {
        const l0 = laneStart(from, n, source(r, q));
        const l1 = laneStart(from, n, source(r + 1, q));
        const l2 = laneStart(from, n, source(r + 2, q));
        const l3 = laneStart(from, n, source(r + 3, q));
        packLanes(x, l0, l1, l2, l3, offsets, packed, q * size);
      }
      const start = n * to.batchStep + r * to.channelStep;
      for (const plan of plans) {
        sumTerms(packed, plan.bases, plan.terms, plan.weights, y, start, plan.rows, to.channelStep, lanes);
      }
    }
  }
}

/** Two positions of four channels at a time: eight accumulators, and one read of each weight for both. */
function sumTerms(
  x: Float64Array,
  bases: Int32Array,
  terms: Int32Array,
  weights: Float64Array,
  y: Float32Array,
  start: number,
  rows: Int32Array,
  channelStep: number,
  lanes: number,
): void {
  for (let i = 0; i < bases.length; i += 2) {
    const next = Math.min(i + 1, bases.length - 1); // where one is left over, it is computed twice
    const baseC = bases[i]!;
    const baseD = bases[next]!;
    let c0 = 0;
    let c1 = 0;
    let c2 = 0;
    let c3 = 0;
    let d0 = 0;
    let d1 = 0;
    let d2 = 0;
    let d3 = 0;
    for (let e = 0, t = 0; e < terms.length; e++, t += LANES) {
      const c = baseC + terms[e]!;
      const d = baseD + terms[e]!;
      const w0 = weights[t]!;
      const w1 = weights[t + 1]!;
      const w2 = weights[t + 2]!;
      const w3 = weights[t + 3]!;
      c0 = f(c0 + f(x[c]! * w0));
      c1 = f(c1 + f(x[c + 1]! * w1));
      c2 = f(c2 + f(x[c + 2]! * w2));
      c3 = f(c3 + f(x[c + 3]! * w3));
      d0 = f(d0 + f(x[d]! * w0));
      d1 = f(d1 + f(x[d + 1]! * w1));
      d2 = f(d2 + f(x[d + 2]! * w2));
      d3 = f(d3 + f(x[d + 3]! * w3));
    }
    const o = start + rows[i]!;
    const p = start + rows[next]!;
    storeLanes(y, o, channelStep, lanes, c0, c1, c2, c3);
    storeLanes(y, p, channelStep, lanes, d0, d1, d2, d3);
  }
}

export function convWeightGradDepthwise(
  p: ConvProblem,
  x: Float32Array,
  gy: Float32Array,
  gw: Float32Array,
  space: Workspace,
): void {
  const { input, output } = p;
  const multiplier = output.channels / p.groups;
  const grid = forwardGrid(p);
  const box = boxOf([grid]);
  const { bases, rows } = placePositions(grid, box);
  const offsets = boxOffsets(input, box);
  const taps = tapOffsets(grid, box);
  const packedX = space.floats('rows', offsets.length * LANES);
  const packedGy = space.floats('columns', rows.length * LANES);
  const source = (n: number, o: number): number => laneStart(input, n, Math.floor(o / multiplier));
  gw.fill(0);
  for (let o = 0; o < output.channels; o += LANES) {
    const lanes = Math.min(LANES, output.channels - o);
    for (let n = 0; n < input.batch; n++) {
      packLanes(x, source(n, o), source(n, o + 1), source(n, o + 2), source(n, o + 3), offsets, packedX, 0);
      const g0 = laneStart(output, n, o);
      const g1 = laneStart(output, n, o + 1);
      const g2 = laneStart(output, n, o + 2);
      const g3 = laneStart(output, n, o + 3);
      packLanes(gy, g0, g1, g2, g3, rows, packedGy, 0);
      for (let t = 0; t < taps.length; t += 2) {
        dotProducts(packedX, taps[t]!, taps[Math.min(t + 1, taps.length - 1)]!, bases, packedGy);
        // A weight's partial sum of this sample, added to its total.
        for (let both = t; both < Math.min(t + 2, taps.length); both++) {
          for (let lane = 0; lane < lanes; lane++) {
            const at = (o + lane) * taps.length + both;
            gw[at] = gw[at]! + dots[(both - t) * LANES + lane]!;
          }
        }
      }
    }
  }
}

const dots = new Float64Array(2 * LANES);

/** Four channels of gy with four of x under two taps, summed over the positions. */
function dotProducts(x: Float64Array, tapC: number, tapD: number, bases: Int32Array, gy: Float64Array): void {
  let c0 = 0;
  let c1 = 0;
  let c2 = 0;
  let c3 = 0;
  let d0 = 0;
  let d1 = 0;
  let d2 = 0;
  let d3 = 0;
  for (let i = 0, t = 0; i < bases.length; i++, t += LANES) {
    const c = tapC + bases[i]!;
    const d = tapD + bases[i]!;
    const g0 = gy[t]!;
    const g1 = gy[t + 1]!;
    const g2 = gy[t + 2]!;
    const g3 = gy[t + 3]!;
    c0 = f(c0 + f(x[c]! * g0));
    c1 = f(c1 + f(x[c + 1]! * g1));
    c2 = f(c2 + f(x[c + 2]! * g2));
    c3 = f(c3 + f(x[c + 3]! * g3));
    d0 = f(d0 + f(x[d]! * g0));
    d1 = f(d1 + f(x[d + 1]! * g1));
    d2 = f(d2 + f(x[d + 2]! * g2));
    d3 = f(d3 + f(x[d + 3]! * g3));
  }
  dots[0] = c0;
  dots[1] = c1;
  dots[2] = c2;
  dots[3] = c3;
  dots[4] = d0;
  dots[5] = d1;
  dots[6] = d2;
  dots[7] = d3;
}
