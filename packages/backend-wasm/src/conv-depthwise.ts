import { type ConvProblem, forwardGrid, type Grid, inputGradGrids, product } from '@graftjs/core/backend';
import type { Plan } from './cache.ts';
import type { Context } from './context.ts';
import type { Heap, Scratch, WasmBuffer } from './memory.ts';
import {
  blocks,
  LANES,
  PIXEL,
  plainSource,
  planStrips,
  reaching,
  type Strips,
  stripPixels,
} from './strip.ts';
import { writeTable } from './tables.ts';

/*
 * Convolutions whose groups have one input channel. There is no product of matrices in them: each channel is a sum of
 * shifted rows, eight channels side by side; see assembly/depthwise.ts.
 */

/** Nanoseconds per multiply-add, roughly. */
const COST = 0.15;

interface StripPlan extends Plan {
  /** The `Plan` of assembly/depthwise.ts. */
  readonly table: number;
  /** Scratch room of a thread. */
  readonly bytes: number;
  readonly terms: number;
  readonly parts: number;
  readonly cost: number;
}

export interface SumPlan extends StripPlan {
  /** The weight of lane r and term t is at `r · weightLane + order[t]`. */
  readonly weightLane: number;
  readonly order: readonly number[];
  readonly channels: number;
}

export interface WeightSumPlan extends StripPlan {
  /** The `Source` of the output's gradient. */
  readonly gradient: number;
  /** Pointer to which tap of the kernel each term is. */
  readonly order: number;
  readonly kernel: number;
  readonly channels: number;
  readonly batch: number;
}

export function depthwisePlan(heap: Heap, p: ConvProblem): SumPlan {
  return sumPlan(heap, p, [forwardGrid(p)], 1, p.output.channels / p.groups);
}

export function depthwiseInputGradPlan(heap: Heap, p: ConvProblem): SumPlan {
  return sumPlan(heap, p, inputGradGrids(p), p.output.channels / p.groups, 1);
}

/**
 * Result channel r adds, tap by tap and inside a tap over q < `sources`, source channel (r · sources + q) / share times the
 * tap's weight of output channel r · sources + q.
 */
function sumPlan(heap: Heap, p: ConvProblem, all: readonly Grid[], sources: number, share: number): SumPlan {
  const weightLane = sources * product(p.window.kernel);
  if (all.length === 0)
    return {
      tables: [],
      table: 0,
      bytes: 0,
      terms: 0,
      parts: 0,
      cost: 0,
      weightLane,
      order: [],
      channels: 0,
    };
  const grids = all.map(reaching);
  const { from, to, toStep, count } = grids[0]!;
  const strips = planStrips(heap, grids, { count: to.channels, sources, share });
  const each = Array.from({ length: sources }, (_, q) => q);
  const terms = grids.flatMap((g) =>
    g.taps.flatMap((tap) => each.map((q) => q * strips.copyBytes + strips.tapOffset(tap))),
  );
  const taps = product(p.window.kernel);
  const order = grids.flatMap((g) => g.tapIndex.flatMap((tap) => each.map((q) => q * taps + tap)));
  // Three positions are computed at a time, so up to two more than there are.
  const results = PIXEL * (stripPixels(grids[0]!, strips.size) + 3 * toStep[2]);
  const bytes = sources * strips.copyBytes + results;
  const table = planTable(heap, grids, strips, terms, sources, bytes);
  return {
    tables: [strips.table, table],
    table: table.ptr,
    bytes,
    terms: terms.length,
    parts: from.batch * strips.count * blocks(to.channels),
    cost: COST * terms.length * from.batch * product(count) * to.channels,
    weightLane,
    order,
    channels: to.channels,
  };
}

export function depthwiseWeightGradPlan(heap: Heap, p: ConvProblem): WeightSumPlan {
  const { input, output } = p;
  const grid = reaching(forwardGrid(p));
  const { channels } = output;
  const strips = planStrips(heap, [grid], { count: channels, sources: 1, share: channels / p.groups });
  const terms = grid.taps.map((tap) => strips.tapOffset(tap));
  const pixels = stripPixels(grid, strips.size);
  const bytes = strips.copyBytes + PIXEL * (pixels + 4);
  const table = planTable(heap, [grid], strips, terms, 1, bytes);
  const gradient = plainSource(heap, output, pixels);
  const order = writeTable(heap, grid.tapIndex);
  return {
    tables: [strips.table, table, gradient, order],
    table: table.ptr,
    bytes,
    terms: terms.length,
    parts: blocks(channels),
    cost: COST * terms.length * input.batch * product(grid.count) * channels,
    gradient: gradient.ptr,
    order: order.ptr,
    kernel: product(p.window.kernel),
    channels,
    batch: input.batch,
  };
}

/**
 * The forward convolution or the input gradient: `key` says how the weights are packed, `after` points to what follows
 * (assembly/affine.ts) or is 0.
 */
export function depthwiseSums(
  { wasm, cache, threads, split }: Context,
  scratch: Scratch,
  plan: SumPlan,
  x: number,
  w: WasmBuffer,
  key: string,
  y: number,
  after: number,
): void {
  const { table, bytes, terms, parts, cost, weightLane, order, channels } = plan;
  if (parts === 0) return;
  const room = scratch.words((threads * bytes) / 4);
  const orders = scratch.ints(order);
  const weights = cache.derived(w, key, 4 * blocks(channels) * LANES * terms, (to) => {
    wasm.packColumns(w.ptr, weightLane, channels, orders, terms, to);
  });
  split({ kernel: 'depthwise', args: [table, x, weights, y, after, room], count: parts, cost });
}

export function depthwiseWeightSums(
  { wasm, threads, split }: Context,
  scratch: Scratch,
  plan: WeightSumPlan,
  x: number,
  gy: number,
  gw: number,
): void {
  const { table, gradient, bytes, terms, order, kernel, channels, batch, parts, cost } = plan;
  const sums = scratch.words(2 * LANES * parts * terms);
  const room = scratch.words((threads * bytes) / 4);
  // Taps that reach nothing.
  wasm.fillWords(gw, 0, 0, channels * kernel);
  const args = [table, gradient, x, gy, sums, order, kernel, gw, batch, room];
  split({ kernel: 'depthwiseWeightGrad', args, count: parts, cost });
}

/** The `Plan` of assembly/depthwise.ts; per tap there are `sources` terms. */
function planTable(
  heap: Heap,
  grids: readonly Grid[],
  strips: Strips,
  terms: readonly number[],
  sources: number,
  bytes: number,
): WasmBuffer {
  const { to, toStep } = grids[0]!;
  let term = 0;
  const classes = grids.flatMap(({ count, taps }) => [count[2], term, (term += sources * taps.length)]);
  return writeTable(heap, [
    strips.table.ptr,
    ...[to.channels, ...to.extent, to.batchStep, to.channelStep, to.step[2]],
    ...toStep.map((step, axis) => Math.min(step, to.extent[axis]!)),
    classes,
    terms,
    ...[terms.length, bytes],
  ]);
}
