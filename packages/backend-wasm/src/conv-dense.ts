import {
  type ConvProblem,
  forwardGrid,
  type Grid,
  inputGradGrids,
  positions,
  product,
} from '@graftjs/core/planning';
import type { Context } from './context.ts';
import { COLUMNS, EDGE, panels, ROWS, sequence, START } from './gemm.ts';
import { gridTable } from './tables.ts';
import type { Scratch } from './memory.ts';
import { copyStrided } from './movement.ts';

/** Floats in a block of packed patches: 256 KiB. */
const BLOCK = 65536;

/** How many lanes of depth k to pack at once: a multiple of the panel's. */
function lanesPerBlock(lanes: number, k: number, width: number): number {
  const fit = Math.max(1, Math.floor(BLOCK / (width * Math.max(k, 1))));
  return width * Math.min(fit, Math.ceil(lanes / width));
}

/**
 * Convolution as a matrix product over output positions (of all samples) and output channels; the depth runs over taps
 * and, inside a tap, over input channels. The patches exist only a block of positions at a time.
 */
export function convDense(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  x: number,
  w: number,
  y: number,
): void {
  const perGroup = p.input.channels / p.groups;
  const taps = product(p.window.kernel);
  const depth = (tap: number, c: number): number => c * taps + tap;
  const size = weightsPerGroup(p);
  patchProduct(context, scratch, forwardGrid(p), p.groups, size, x, w, perGroup * taps, depth, y);
}

/** Over input positions and input channels; the depth runs over the taps that reach and output channels. */
export function convInputGradDense(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  gy: number,
  w: number,
  gx: number,
): void {
  const perGroup = p.input.channels / p.groups;
  const taps = product(p.window.kernel);
  const depth = (tap: number, o: number): number => o * perGroup * taps + tap;
  for (const grid of inputGradGrids(p)) {
    patchProduct(context, scratch, grid, p.groups, weightsPerGroup(p), gy, w, taps, depth, gx);
  }
}

function weightsPerGroup({ input, output, window, groups }: ConvProblem): number {
  return (output.channels / groups) * (input.channels / groups) * product(window.kernel);
}

/**
 * One weight of a group, for result channel j, under tap t and from source channel s, is at
 * `group's start + j · laneStep + depth(t, s)`. Results are stored eight neighbours at a time: with channels last the
 * eight columns of a tile are channels and its four rows positions, with channels first the other way round.
 */
function patchProduct(
  { wasm, heap }: Context,
  scratch: Scratch,
  grid: Grid,
  groups: number,
  weightsPerGroup: number,
  x: number,
  w: number,
  laneStep: number,
  depth: (tap: number, channel: number) => number,
  y: number,
): void {
  const { from, to } = grid;
  const last = to.channelsLast;
  const channels = from.channels / groups;
  const n = to.channels / groups;
  const taps = grid.taps.length;
  const k = taps * channels;
  const order = scratch.words(k);
  const orders = heap.int32(order, k);
  for (let t = 0, i = 0; t < taps; t++)
    for (let c = 0; c < channels; c++) orders[i++] = depth(grid.tapIndex[t]!, c);

  const panel = 4 * panels(n, last ? COLUMNS : ROWS) * k;
  const weights = scratch.words((groups * panel) / 4);
  const pack = last ? wasm.packColumns : wasm.packRows;
  for (let g = 0; g < groups; g++)
    pack(w + 4 * g * weightsPerGroup, laneStep, n, order, k, weights + g * panel);
  const places = scratch.words(n);
  sequence(wasm, places, n, to.channelStep);

  const total = positions(grid);
  const block = lanesPerBlock(total, k, COLUMNS);
  const patches = scratch.words(block * k);
  const offsets = scratch.words(taps * block);
  const rows = scratch.words(block);
  const edge = scratch.words(EDGE);
  const none = scratch.ints([0, 0, 0, 0]);
  const table = scratch.ints(gridTable(grid));
  for (let first = 0; first < total; first += block) {
    const m = Math.min(block, total - first);
    wasm.locate(table, first, m, offsets, rows);
    for (let g = 0; g < groups; g++) {
      const source = x + 4 * g * channels * from.channelStep;
      const result = y + 4 * g * n * to.channelStep;
      const b = weights + g * panel;
      if (last) {
        wasm.packPatchRows(source, channels, from.channelStep, offsets, taps, m, patches, none);
        wasm.multiply(patches, m, b, n, k, result, rows, places, START.zero, edge);
      } else {
        wasm.packPatchColumns(source, channels, from.channelStep, offsets, taps, m, patches);
        wasm.multiply(b, n, patches, m, k, result, places, rows, START.zero, edge);
      }
    }
  }
}

/** Positions per piece of a weight gradient: its operands stay in the cache. */
const PIECE = 1024;

/**
 * Per sample and group: rows are output channels, columns tap and input channel, and the depth runs over the positions.
 * A sample of more than one piece is summed up on its own before it is added to the total.
 */
export function convWeightGradDense(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  x: number,
  gy: number,
  gw: number,
): void {
  const { wasm } = context;
  const { input, output, groups } = p;
  const grid = forwardGrid(p);
  const channels = input.channels / groups;
  const n = output.channels / groups;
  const taps = grid.taps.length;
  const m = taps * channels;
  const size = output.channels * m;
  const perSample = product(grid.count);
  const piece = Math.min(PIECE, perSample);
  const block = lanesPerBlock(m, piece, COLUMNS);
  const a = scratch.words(panels(n, ROWS) * piece);
  const b = scratch.words(block * piece);
  const offsets = scratch.words(taps * piece);
  const depth = scratch.words(piece);
  const rows = scratch.words(n);
  const columns = scratch.words(m);
  const edge = scratch.words(EDGE);
  const table = scratch.ints(gridTable(grid));
  sequence(wasm, rows, n, m);
  sequence(wasm, columns, m, 1);
  // Inside a tap the channels are neighbours here, in the weights the taps are neighbours inside a channel.
  const reordered = taps > 1 && channels > 1;
  const total = reordered ? scratch.words(size) : gw;
  const partial = perSample > piece ? scratch.words(size) : 0;
  wasm.fill32(total, size, 0);
  for (let s = 0; s < input.batch; s++) {
    for (let start = 0; start < perSample; start += piece) {
      const k = Math.min(piece, perSample - start);
      const how = partial ? (start ? START.continue : START.zero) : START.add;
      wasm.locate(table, s * perSample + start, k, offsets, depth);
      for (let g = 0; g < groups; g++) {
        const source = x + 4 * g * channels * input.channelStep;
        wasm.packRows(gy + 4 * g * n * output.channelStep, output.channelStep, n, depth, k, a);
        for (let r = 0; r < m; r += block) {
          const width = Math.min(block, m - r);
          wasm.packAcross(source, channels, input.channelStep, offsets, k, r, width, b);
          const to = (partial || total) + 4 * g * n * m;
          wasm.multiply(a, n, b, width, k, to, rows, columns + 4 * r, how, edge);
        }
      }
    }
    if (partial) wasm.binary_add(total, 0, 1, partial, 0, 1, total, 1, size, 0, 0, 0, Math.ceil(size / 4096));
  }
  if (reordered) {
    const shape = [output.channels, channels, taps];
    copyStrided(context, scratch, 4, shape, total, [m, 1, channels], gw, [m, taps, 1]);
  }
}
