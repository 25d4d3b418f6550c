import { type ActivationGeometry, type Grid, product, type Triple } from '@graftjs/core/backend';
import type { Heap, WasmBuffer } from './memory.ts';
import { writeTable } from './tables.ts';

/*
 * The tables of assembly/strip.ts: an activation is copied a strip of rows at a time, eight channels side by side, padding
 * included.
 */

/** Channels in a copy. */
export const LANES = 8;
/** Bytes of a pixel of a copy. */
export const PIXEL: number = 4 * LANES;

/** How much of the first-level cache the copy of a strip may fill, in bytes. */
const COPY = 20 * 1024;

/** How an activation is cut in strips and copied. */
export interface Strips {
  /** Positions (of the largest grid) per strip, per axis; always all on the last, and on the second if there are three. */
  readonly size: Triple;
  readonly count: number;
  /** The `Source` of assembly/strip.ts. */
  readonly table: WasmBuffer;
  readonly copyBytes: number;
  /** From where a position's window begins in the copy to a tap, in bytes. */
  tapOffset(tap: Triple): number;
}

/** Which channel lane r holds in copy q of `sources`: (r · sources + q) / share; there are `count` lanes. */
export interface Lanes {
  readonly count: number;
  readonly sources: number;
  readonly share: number;
}

/** Without the taps that lie outside the source at every position: they add nothing. */
export function reaching(grid: Grid): Grid {
  const { from, count, step } = grid;
  const reaches = (tap: Triple): boolean =>
    ([0, 1, 2] as const).every((axis) => {
      const j = Math.max(0, Math.ceil(-tap[axis] / step[axis]));
      return j < count[axis] && tap[axis] + j * step[axis] < from.extent[axis];
    });
  const kept = grid.taps.map(reaches);
  return {
    ...grid,
    taps: grid.taps.filter((_, i) => kept[i]),
    tapIndex: grid.tapIndex.filter((_, i) => kept[i]),
  };
}

/**
 * Strips for positions of all grids, which share their source and step. A row of a copy holds the columns sorted by
 * their remainder modulo the step, so that neighbouring positions always read neighbouring pixels.
 */
export function planStrips(heap: Heap, grids: readonly Grid[], lanes: Lanes): Strips {
  const { from, step } = grids[0]!;
  const axis = (a: 0 | 1 | 2) => {
    let [positions, first, last] = [0, Infinity, -Infinity];
    for (const g of grids) {
      positions = Math.max(positions, g.count[a]);
      for (const t of g.taps) [first, last] = [Math.min(first, t[a]), Math.max(last, t[a])];
    }
    const low = last >= first ? first : 0;
    const reach = last >= first ? last - first + 1 : 1;
    /** Extent of what that many positions read. */
    const read = (n: number): number => (n - 1) * step[a] + reach;
    return { positions, low, reach, read };
  };
  const [z, y, x] = [axis(0), axis(1), axis(2)];
  const phase = Math.ceil(x.read(x.positions) / step[2]);
  const place = (column: number): number =>
    PIXEL * ((column % step[2]) * phase + Math.floor(column / step[2]));
  // Columns that no tap reads go to a pixel of their own at the end of the row.
  const unused = PIXEL * step[2] * phase;
  const rowBytes = unused + PIXEL;

  const evenly = (positions: number, most: number): number =>
    Math.ceil(positions / Math.ceil(positions / Math.max(1, most)));
  const rows = Math.floor(COPY / rowBytes);
  const fit = (a: typeof y, planes: number, stride: number): number =>
    evenly(a.positions, Math.floor((Math.floor(rows / planes) - a.reach) / stride) + 1);
  const sizeZ = z.positions > 1 ? fit(z, y.read(y.positions), step[0]) : 1;
  const sizeY = z.positions > 1 ? y.positions : fit(y, z.reach, step[1]);
  const [stripsZ, stripsY] = [Math.ceil(z.positions / sizeZ), Math.ceil(y.positions / sizeY)];
  const [rowsZ, rowsY] = [z.read(sizeZ), y.read(sizeY)];
  const copyBytes = rowsZ * rowsY * rowBytes;
  const width = from.extent[2];
  const places = Array.from({ length: 4 * Math.ceil(width / 4) }, (_, i) =>
    i < width && i >= x.low && i < x.low + x.read(x.positions) ? place(i - x.low) : unused,
  );
  return {
    size: [sizeZ, sizeY, x.positions],
    count: stripsZ * stripsY,
    copyBytes,
    table: sourceTable(heap, from, lanes, places, [
      ...[sizeZ, sizeY, stripsZ, stripsY],
      ...[step[0], step[1], z.low, y.low],
      ...[rowsZ, rowsY, rowBytes, copyBytes],
    ]),
    tapOffset: ([tz, ty, tx]) => ((tz - z.low) * rowsY + ty - y.low) * rowBytes + place(tx - x.low),
  };
}

/** A `Source` without padding: up to n neighbouring pixels, one after the other. */
export function plainSource(heap: Heap, from: ActivationGeometry, n: number): WasmBuffer {
  const places = Array.from({ length: 4 * Math.ceil(n / 4) }, (_, i) => i * PIXEL);
  const lanes = { count: from.channels, sources: 1, share: 1 };
  return sourceTable(heap, from, lanes, places, new Array<number>(12).fill(0));
}

function sourceTable(
  heap: Heap,
  { extent, batchStep, channelStep, step }: ActivationGeometry,
  { sources, share, count }: Lanes,
  places: readonly number[],
  strips: readonly number[],
): WasmBuffer {
  return writeTable(heap, [
    ...[...extent, batchStep, channelStep, ...step],
    ...[sources, share, count],
    ...strips,
    places,
  ]);
}

/** How many blocks of lanes there are. */
export function blocks(channels: number): number {
  return Math.ceil(channels / LANES);
}

/** Pixels of a strip of `grid`'s results, that many positions long on each axis. */
export function stripPixels({ to, toStep }: Grid, size: Triple): number {
  const [d, h, w] = to.extent;
  return product([Math.min(size[0] * toStep[0], d), Math.min(size[1] * toStep[1], h), w]);
}
