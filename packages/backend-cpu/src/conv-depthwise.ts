import type { ConvProblem } from './conv-direct.ts';
import { forwardGrid, inputGradGrids, type Grid } from './conv-grid.ts';
import { product, type Activation, type Triple } from './geometry.ts';
import type { Workspace } from './workspace.ts';

/*
 * Convolutions whose groups have one input channel. There is no product of matrices in them, but the same idea helps:
 * four channels are copied side by side, as float64 and with a border of zeros, and then computed together, four
 * accumulators in registers. The copy hides the layout, the padding and the stride, and costs one pass where the
 * kernel makes one per tap.
 */

const f = Math.fround;
const LANES = 4;

/** The part of an activation, padding included, that all taps of all positions together read. */
interface Box {
  readonly low: Triple;
  readonly extent: Triple;
}

function boxOf(grids: readonly Grid[]): Box {
  const bounds = ([0, 1, 2] as const).map((axis) => {
    const used = grids.filter((g) => g.taps.length > 0);
    const low = Math.min(...used.flatMap((g) => g.taps.map((t) => t[axis])));
    const high = Math.max(
      ...used.flatMap((g) => g.taps.map((t) => t[axis] + (g.count[axis] - 1) * g.step[axis])),
    );
    return used.length ? [low, high - low + 1] : [0, 0];
  }) as [[number, number], [number, number], [number, number]];
  const [z, y, x] = bounds;
  return { low: [z[0], y[0], x[0]], extent: [z[1], y[1], x[1]] };
}

/** Where a point of the box, relative to its lowest corner, is in the packed copy. */
function inBox({ extent: [, h, w] }: Box, [z, y, x]: Triple): number {
  return ((z * h + y) * w + x) * LANES;
}

/** For each result position: where its window starts in the box, and where its result goes. */
function placePositions(grid: Grid, box: Box): { bases: Int32Array; rows: Int32Array } {
  const { step, toStart: start, toStep, to, count } = grid;
  const place = ([z, y, x]: Triple): Triple => [
    start[0] + z * toStep[0],
    start[1] + y * toStep[1],
    start[2] + x * toStep[2],
  ];
  return {
    bases: mapPositions(count, ([z, y, x]) => inBox(box, [z * step[0], y * step[1], x * step[2]])),
    rows: mapPositions(count, (at) => offsetOf(to, place(at))),
  };
}

function tapOffsets(grid: Grid, box: Box): number[] {
  return grid.taps.map(([z, y, x]) => inBox(box, [z - box.low[0], y - box.low[1], x - box.low[2]]));
}

/** For each point of the box: where it is in the activation, without sample and channel; −1 outside. */
function boxOffsets(of: Activation, box: Box): Int32Array {
  const [d, h, w] = of.extent;
  return mapPositions(box.extent, (point) => {
    const [z, y, x] = [point[0] + box.low[0], point[1] + box.low[1], point[2] + box.low[2]];
    const inside = z >= 0 && z < d && y >= 0 && y < h && x >= 0 && x < w;
    return inside ? offsetOf(of, [z, y, x]) : -1;
  });
}

function offsetOf({ step }: Activation, [z, y, x]: Triple): number {
  return z * step[0] + y * step[1] + x * step[2];
}

function mapPositions([d, h, w]: Triple, fn: (position: Triple) => number): Int32Array {
  const list = new Int32Array(d * h * w);
  let i = 0;
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) list[i++] = fn([z, y, x]);
  return list;
}

/** Copies what is at `offsets` in four channels, which start at l0 to l3, side by side; 0 where an offset is negative. */
function packLanes(
  x: Float32Array,
  l0: number,
  l1: number,
  l2: number,
  l3: number,
  offsets: Int32Array,
  to: Float64Array,
  start: number,
): void {
  for (let i = 0, t = start; i < offsets.length; i++, t += LANES) {
    const s = offsets[i]!;
    if (s < 0) {
      to[t] = 0;
      to[t + 1] = 0;
      to[t + 2] = 0;
      to[t + 3] = 0;
    } else {
      to[t] = x[l0 + s]!;
      to[t + 1] = x[l1 + s]!;
      to[t + 2] = x[l2 + s]!;
      to[t + 3] = x[l3 + s]!;
    }
  }
}

/** Start of a channel of a sample; one past the last repeats it, and its result is dropped. */
function laneStart(of: Activation, sample: number, channel: number): number {
  return sample * of.batchStep + Math.min(channel, of.channels - 1) * of.channelStep;
}

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
  for (let i = 0; i < bases.length; i++) {
    const base = bases[i]!;
    let c0 = 0;
    let c1 = 0;
    let c2 = 0;
    let c3 = 0;
    for (let e = 0, t = 0; e < terms.length; e++, t += LANES) {
      const s = base + terms[e]!;
      c0 = f(c0 + f(x[s]! * weights[t]!));
      c1 = f(c1 + f(x[s + 1]! * weights[t + 1]!));
      c2 = f(c2 + f(x[s + 2]! * weights[t + 2]!));
      c3 = f(c3 + f(x[s + 3]! * weights[t + 3]!));
    }
    const o = start + rows[i]!;
    y[o] = c0;
    if (lanes > 1) y[o + channelStep] = c1;
    if (lanes > 2) y[o + 2 * channelStep] = c2;
    if (lanes > 3) y[o + 3 * channelStep] = c3;
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
      for (let t = 0; t < taps.length; t++) {
        addDotProducts(packedX, taps[t]!, bases, packedGy, gw, o * taps.length + t, taps.length, lanes);
      }
    }
  }
}

function addDotProducts(
  x: Float64Array,
  at: number,
  bases: Int32Array,
  gy: Float64Array,
  gw: Float32Array,
  o: number,
  step: number,
  lanes: number,
): void {
  let c0 = 0;
  let c1 = 0;
  let c2 = 0;
  let c3 = 0;
  for (let i = 0, t = 0; i < bases.length; i++, t += LANES) {
    const s = at + bases[i]!;
    c0 = f(c0 + f(x[s]! * gy[t]!));
    c1 = f(c1 + f(x[s + 1]! * gy[t + 1]!));
    c2 = f(c2 + f(x[s + 2]! * gy[t + 2]!));
    c3 = f(c3 + f(x[s + 3]! * gy[t + 3]!));
  }
  gw[o] = gw[o]! + c0;
  if (lanes > 1) gw[o + step] = gw[o + step]! + c1;
  if (lanes > 2) gw[o + 2 * step] = gw[o + 2 * step]! + c2;
  if (lanes > 3) gw[o + 3 * step] = gw[o + 3 * step]! + c3;
}
