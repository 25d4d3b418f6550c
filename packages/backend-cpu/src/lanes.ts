import type { ActivationGeometry, Grid, Triple } from '@graftjs/core/backend';

/*
 * For windows that do not mix channels: four channels are copied side by side, as float64 and with the padding around
 * them, and then worked on together. The copy hides the layout, the padding and the stride, and costs one pass where
 * the kernel makes one per tap.
 */

export const LANES = 4;

/** The part of an activation, padding included, that all taps of all positions together read. */
export interface Box {
  readonly low: Triple;
  readonly extent: Triple;
}

export function boxOf(grids: readonly Grid[]): Box {
  const bounds = ([0, 1, 2] as const).map((axis) => {
    // A loop: there may be more taps than a call takes arguments.
    let [low, high] = [Infinity, -Infinity];
    for (const { taps, count, step } of grids) {
      const reach = (count[axis] - 1) * step[axis];
      for (const t of taps) {
        low = Math.min(low, t[axis]);
        high = Math.max(high, t[axis] + reach);
      }
    }
    return high >= low ? [low, high - low + 1] : [0, 0];
  }) as [[number, number], [number, number], [number, number]];
  const [z, y, x] = bounds;
  return { low: [z[0], y[0], x[0]], extent: [z[1], y[1], x[1]] };
}

/** Where a point of the box, relative to its lowest corner, is in the packed copy. */
function inBox({ extent: [, h, w] }: Box, [z, y, x]: Triple): number {
  return ((z * h + y) * w + x) * LANES;
}

/** For each result position: where its window starts in the box, and where its result goes. */
export function placePositions(grid: Grid, box: Box): { bases: Int32Array; rows: Int32Array } {
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

export function tapOffsets(grid: Grid, box: Box): number[] {
  return grid.taps.map(([z, y, x]) => inBox(box, [z - box.low[0], y - box.low[1], x - box.low[2]]));
}

/** For each point of the box: where it is in the activation, without sample and channel; −1 outside. */
export function boxOffsets(of: ActivationGeometry, box: Box): Int32Array {
  const [d, h, w] = of.extent;
  return mapPositions(box.extent, (point) => {
    const [z, y, x] = [point[0] + box.low[0], point[1] + box.low[1], point[2] + box.low[2]];
    const inside = z >= 0 && z < d && y >= 0 && y < h && x >= 0 && x < w;
    return inside ? offsetOf(of, [z, y, x]) : -1;
  });
}

function offsetOf({ step }: ActivationGeometry, [z, y, x]: Triple): number {
  return z * step[0] + y * step[1] + x * step[2];
}

function mapPositions([d, h, w]: Triple, fn: (position: Triple) => number): Int32Array {
  const list = new Int32Array(d * h * w);
  let i = 0;
  for (let z = 0; z < d; z++)
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) list[i++] = fn([z, y, x]);
  return list;
}

/** Copies what is at `offsets` in four channels, which start at l0 to l3, side by side; `outside` where an offset is negative. */
export function packLanes(
  x: Float32Array,
  l0: number,
  l1: number,
  l2: number,
  l3: number,
  offsets: Int32Array,
  to: Float64Array,
  start: number,
  outside = 0,
): void {
  for (let i = 0, t = start; i < offsets.length; i++, t += LANES) {
    const s = offsets[i]!;
    if (s < 0) {
      to[t] = outside;
      to[t + 1] = outside;
      to[t + 2] = outside;
      to[t + 3] = outside;
    } else {
      to[t] = x[l0 + s]!;
      to[t + 1] = x[l1 + s]!;
      to[t + 2] = x[l2 + s]!;
      to[t + 3] = x[l3 + s]!;
    }
  }
}

/** Start of a channel of a sample; one past the last repeats it, and its result is dropped. */
export function laneStart(of: ActivationGeometry, sample: number, channel: number): number {
  return sample * of.batchStep + Math.min(channel, of.channels - 1) * of.channelStep;
}

/** Writes the results of the channels that exist, `step` apart. */
export function storeLanes(
  y: Float32Array,
  at: number,
  step: number,
  lanes: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  y[at] = c0;
  if (lanes > 1) y[at + step] = c1;
  if (lanes > 2) y[at + 2 * step] = c2;
  if (lanes > 3) y[at + 3 * step] = c3;
}
