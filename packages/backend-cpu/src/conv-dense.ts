import {
  type ConvProblem,
  forwardGrid,
  type Grid,
  inputGradGrids,
  positions,
  product,
} from '@graftjs/core/backend';
import { locate } from './locate.ts';
import {
  multiply,
  packColumns,
  packedColumns,
  packPatches,
  packPatchesAcross,
  rowsPerBlock,
} from './gemm.ts';
import type { Allocator } from './memory.ts';
import type { Workspace } from './workspace.ts';

/**
 * Convolution as a matrix product: rows are output positions (of all samples), columns output channels, and the depth
 * runs over taps and, inside a tap, over input channels. The patches exist only a block of rows at a time.
 */
export function convDense(
  p: ConvProblem,
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  space: Workspace,
): void {
  const perGroup = p.input.channels / p.groups;
  const taps = product(p.window.kernel);
  const depth = (tap: number, c: number): number => c * taps + tap;
  patchProduct(forwardGrid(p), p.groups, x, w, perGroup * taps, depth, y, space);
}

/** Rows are input positions, columns input channels; the depth runs over the taps that reach and output channels. */
export function convInputGradDense(
  p: ConvProblem,
  gy: Float32Array,
  w: Float32Array,
  gx: Float32Array,
  space: Workspace,
): void {
  const perGroup = p.input.channels / p.groups;
  const taps = product(p.window.kernel);
  const depth = (tap: number, o: number): number => o * perGroup * taps + tap;
  for (const grid of inputGradGrids(p)) patchProduct(grid, p.groups, gy, w, taps, depth, gx, space);
}

/**
 * One weight of a group, for result channel j, under tap t and from source channel s, is at
 * `group's start + j · columnStep + depth(t, s)`.
 */
function patchProduct(
  grid: Grid,
  groups: number,
  x: Float32Array,
  w: Float32Array,
  columnStep: number,
  depth: (tap: number, channel: number) => number,
  y: Float32Array,
  space: Workspace,
): void {
  const { from, to } = grid;
  const channels = from.channels / groups;
  const n = to.channels / groups;
  const taps = grid.taps.length;
  const k = taps * channels;
  const order = space.ints('depth', k);
  for (let t = 0, i = 0; t < taps; t++)
    for (let c = 0; c < channels; c++) order[i++] = depth(grid.tapIndex[t]!, c);
  const panel = packedColumns(n, k);
  const b = space.floats('columns', groups * panel);
  for (let g = 0; g < groups; g++)
    packColumns(w, (g * w.length) / groups, columnStep, n, order, k, b, g * panel);

  const total = positions(grid);
  const block = rowsPerBlock(total, k);
  const a = space.floats('rows', block * k);
  const offsets = space.ints('offsets', taps * block);
  const rows = space.ints('rows', block);
  for (let first = 0; first < total; first += block) {
    const m = Math.min(block, total - first);
    locate(grid, first, m, offsets, rows);
    for (let g = 0; g < groups; g++) {
      packPatches(x, g * channels * from.channelStep, channels, from.channelStep, offsets, taps, m, a);
      multiply(a, m, b, g * panel, n, k, y, g * n * to.channelStep, rows, to.channelStep, 'zero');
    }
  }
}

/** Positions per piece of a weight gradient: bounds the space that a large image takes. */
const PIECE = 8192;

/**
 * Per sample and group: rows are tap and input channel, columns output channels, and the depth runs over the
 * positions. A sample of more than one piece is summed up on its own before it is added to the total.
 */
export function convWeightGradDense(
  p: ConvProblem,
  x: Float32Array,
  gy: Float32Array,
  gw: Float32Array,
  memory: Allocator,
  space: Workspace,
): void {
  const { input, output, groups } = p;
  const grid = forwardGrid(p);
  const channels = input.channels / groups;
  const n = output.channels / groups;
  const taps = grid.taps.length;
  const m = taps * channels;
  const perSample = product(grid.count);
  const piece = Math.min(PIECE, perSample);
  const block = rowsPerBlock(m, piece);
  const a = space.floats('rows', block * piece);
  const b = space.floats('columns', packedColumns(n, piece));
  const offsets = space.ints('offsets', taps * piece);
  const depth = space.ints('depth', piece);
  const rows = space.ints('rows', m);
  for (let r = 0; r < m; r++) rows[r] = (r % channels) * taps + Math.floor(r / channels);
  const partial = perSample > piece ? memory.alloc('float32', gw.length) : null;
  const to = partial ?? gw;
  gw.fill(0);
  for (let s = 0; s < input.batch; s++) {
    for (let start = 0; start < perSample; start += piece) {
      const k = Math.min(piece, perSample - start);
      locate(grid, s * perSample + start, k, offsets, depth);
      for (let g = 0; g < groups; g++) {
        packColumns(gy, g * n * output.channelStep, output.channelStep, n, depth, k, b, 0);
        for (let r = 0; r < m; r += block) {
          const height = Math.min(block, m - r);
          packPatchesAcross(
            x,
            g * channels * input.channelStep,
            channels,
            input.channelStep,
            offsets,
            k,
            r,
            height,
            a,
          );
          multiply(
            a,
            height,
            b,
            0,
            n,
            k,
            to,
            g * n * m,
            rows.subarray(r),
            m,
            partial ? (start ? 'continue' : 'zero') : 'add',
          );
        }
      }
    }
    if (partial) for (let i = 0; i < gw.length; i++) gw[i] = gw[i]! + partial[i]!;
  }
  if (partial) memory.free(partial);
}
