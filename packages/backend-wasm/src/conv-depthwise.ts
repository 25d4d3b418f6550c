import { type ConvProblem, forwardGrid, type Grid, inputGradGrids, product } from '@graftjs/core/planning';
import type { Context } from './context.ts';
import type { Scratch } from './memory.ts';
import {
  blocks,
  type Lanes,
  LANES,
  PIXEL,
  plainSource,
  planStrips,
  reaching,
  type Strips,
  stripPixels,
} from './strip.ts';

/*
 * Convolutions whose groups have one input channel. There is no product of matrices in them: each channel is a sum of
 * shifted rows, eight channels side by side; see assembly/depthwise.ts.
 */

/** `after` points to what follows (assembly/affine.ts) or is 0. */
export function convDepthwise(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  x: number,
  w: number,
  y: number,
  after: number,
): void {
  const share = p.output.channels / p.groups;
  weightedSums(context, scratch, p, [forwardGrid(p)], { sources: 1, share }, x, w, y, after);
}

export function convInputGradDepthwise(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  gy: number,
  w: number,
  gx: number,
): void {
  const sources = p.output.channels / p.groups;
  weightedSums(context, scratch, p, inputGradGrids(p), { sources, share: 1 }, gy, w, gx, 0);
}

/**
 * Result channel r adds, tap by tap and inside a tap over q < `sources`, source channel (r · sources + q) / share times the
 * tap's weight of output channel r · sources + q.
 */
function weightedSums(
  context: Context,
  scratch: Scratch,
  p: ConvProblem,
  grids: readonly Grid[],
  { sources, share }: Omit<Lanes, 'count'>,
  x: number,
  w: number,
  y: number,
  after: number,
): void {
  const { wasm } = context;
  if (grids.length === 0) return;
  const { from, to } = grids[0]!;
  const used = grids.map(reaching);
  const strips = planStrips(scratch, used, { count: to.channels, sources, share });
  const taps = product(p.window.kernel);
  const each = Array.from({ length: sources }, (_, q) => q);
  const terms = used.flatMap((g) =>
    g.taps.flatMap((tap) => each.map((q) => q * strips.copyBytes + strips.tapOffset(tap))),
  );
  const order = used.flatMap((g) => g.tapIndex.flatMap((tap) => each.map((q) => q * taps + tap)));
  const weights = scratch.words(blocks(to.channels) * LANES * terms.length);
  wasm.packColumns(w, sources * taps, to.channels, scratch.ints(order), terms.length, weights);
  // Three positions are computed at a time, so up to two more than there are.
  const results = PIXEL * (stripPixels(grids[0]!, strips.size) + 3 * grids[0]!.toStep[2]);
  const bytes = sources * strips.copyBytes + results;
  const plan = planTable(scratch, used, strips, terms, sources, bytes);
  const room = scratch.words((context.threads * bytes) / 4);
  const count = from.batch * strips.count * blocks(to.channels);
  const cost = 0.1 * terms.length * from.batch * product(grids[0]!.count) * to.channels;
  context.split({ kernel: 'depthwise', args: [plan, x, weights, y, after, room], count, cost });
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
  const grid = reaching(forwardGrid(p));
  const lanes = { count: output.channels, sources: 1, share: output.channels / p.groups };
  const strips = planStrips(scratch, [grid], lanes);
  const terms = grid.taps.map((tap) => strips.tapOffset(tap));
  const pixels = stripPixels(grid, strips.size);
  const bytes = strips.copyBytes + PIXEL * (pixels + 4);
  const plan = planTable(scratch, [grid], strips, terms, 1, bytes);
  const gradient = plainSource(scratch, output, pixels);
  const count = blocks(output.channels);
  const sums = scratch.words(2 * LANES * count * terms.length);
  const order = scratch.ints(grid.tapIndex);
  const kernel = product(p.window.kernel);
  wasm.fill32(gw, output.channels * kernel, 0);
  const room = scratch.words((context.threads * bytes) / 4);
  const args = [plan, gradient, x, gy, sums, order, kernel, gw, input.batch, room];
  const cost = 0.1 * terms.length * input.batch * product(grid.count) * output.channels;
  context.split({ kernel: 'depthwiseWeightGrad', args, count, cost });
}

/** Pointer to the `Plan` of assembly/depthwise.ts; per tap there are `sources` terms. */
function planTable(
  scratch: Scratch,
  grids: readonly Grid[],
  strips: Strips,
  terms: readonly number[],
  sources: number,
  bytes: number,
): number {
  const { to, toStep } = grids[0]!;
  let term = 0;
  const classes = grids.flatMap(({ count, taps }) => [count[2], term, (term += sources * taps.length)]);
  return scratch.ints([
    strips.table,
    ...[to.channels, ...to.extent, to.batchStep, to.channelStep, to.step[2]],
    ...toStep.map((step, axis) => Math.min(step, to.extent[axis]!)),
    ...[scratch.ints(classes), scratch.ints(terms), terms.length, bytes],
  ]);
}
