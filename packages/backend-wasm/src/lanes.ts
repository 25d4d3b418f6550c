import {
  type Activation,
  dot,
  type Grid,
  multiplyTriples,
  product,
  type Triple,
} from '@graftjs/core/planning';
import type { Context } from './context.ts';
import type { Scratch } from './memory.ts';

/*
 * Tables for windows that do not mix channels: four channels are copied side by side, padding included, and worked on
 * together; see assembly/lanes.ts.
 */

export const LANES = 4;

/** The part of an activation, padding included, that all taps of all positions together read. */
export interface Box {
  readonly low: Triple;
  readonly extent: Triple;
}

export function boxOf(grids: readonly Grid[]): Box {
  const used = grids.filter((g) => g.taps.length > 0);
  const bounds = ([0, 1, 2] as const).map((axis) => {
    const low = Math.min(...used.flatMap((g) => g.taps.map((t) => t[axis])));
    const high = Math.max(
      ...used.flatMap((g) => g.taps.map((t) => t[axis] + (g.count[axis] - 1) * g.step[axis])),
    );
    return used.length ? [low, high - low + 1] : [0, 0];
  }) as [[number, number], [number, number], [number, number]];
  const [z, y, x] = bounds;
  return { low: [z[0], y[0], x[0]], extent: [z[1], y[1], x[1]] };
}

/** How far apart points of the box are in the packed copy, in floats. */
function boxSteps({ extent: [, h, w] }: Box): Triple {
  return [h * w * LANES, w * LANES, LANES];
}

/** Pointers to: where each result position's window starts in the copy, and where its result goes. */
export function placePositions(
  { wasm }: Context,
  scratch: Scratch,
  { step, toStart, toStep, to, count }: Grid,
  box: Box,
): { readonly bases: number; readonly rows: number; readonly count: number } {
  const n = product(count);
  const [bases, rows] = [scratch.words(n), scratch.words(n)];
  wasm.ramp(bases, 0, ...count, ...multiplyTriples(step, boxSteps(box)));
  wasm.ramp(rows, dot(toStart, to.step), ...count, ...multiplyTriples(toStep, to.step));
  return { bases, rows, count: n };
}

/** From a window's start to its taps. */
export function tapOffsets(grid: Grid, box: Box): number[] {
  const steps = boxSteps(box);
  return grid.taps.map(([z, y, x]) => dot([z - box.low[0], y - box.low[1], x - box.low[2]], steps));
}

/** Pointer to: for each point of the box, where it is in the activation, without sample and channel; −1 outside. */
export function boxOffsets({ wasm }: Context, scratch: Scratch, of: Activation, box: Box): number {
  const to = scratch.words(product(box.extent));
  wasm.box(to, scratch.ints([...of.extent, ...of.step]), ...box.low, ...box.extent);
  return to;
}

/** Start of a channel of a sample; one past the last repeats it, and its result is dropped. */
export function laneStart(of: Activation, sample: number, channel: number): number {
  return sample * of.batchStep + Math.min(channel, of.channels - 1) * of.channelStep;
}

/** Where four channels start: those that `channel` gives for 0 to 3. */
export function laneStarts(
  of: Activation,
  sample: number,
  channel: (lane: number) => number,
): [number, number, number, number] {
  const start = (lane: number): number => laneStart(of, sample, channel(lane));
  return [start(0), start(1), start(2), start(3)];
}
