import type { Context } from './context.ts';
import type { Copy, PatchPlan, PositionPlan, SourcePlan } from './conv-plan.ts';
import type { Scratch, WasmBuffer } from './memory.ts';

/** Floating-point operations per nanosecond, for estimates. */
const SPEED = 25;
/** Nanoseconds to copy or to pack an element, roughly. */
const MOVE = 1;

/**
 * The forward convolution or the input gradient as matrix products over positions and result channels: `key` says how
 * the weights are packed, `after` points to what follows (assembly/affine.ts) or is 0.
 */
export function patchProducts(
  context: Context,
  scratch: Scratch,
  plan: PatchPlan,
  x: number,
  w: WasmBuffer,
  key: string,
  y: number,
  after: number,
): void {
  const { products, resultBatchStep } = plan;
  const own = products.reduce((most, p) => Math.max(most, p.scratchBytes), 0);
  const room = scratch.words((context.threads * own) / 4);
  const copy = plan.copy ? scratch.words(plan.samples * plan.copy.size) : 0;
  const floats = products.reduce((sum, p) => sum + p.weights, 0);
  const weights = context.cache.derived(w, key, 4 * floats, (to) => packWeights(context, plan, w.ptr, to));
  forEachPiece(context, plan, x, copy, (source, first, samples) => {
    let at = weights;
    for (const { table, positions, block, parts, flops, weights: size } of products) {
      const all = positions * samples;
      context.split({
        kernel: plan.inRows ? 'multiplyRows' : 'multiplyPatches',
        args: [table, source, at, y + 4 * first * resultBatchStep, all, after, room],
        count: Math.ceil(all / block) * parts,
        cost: (all * flops) / SPEED,
      });
      at += 4 * size;
    }
  });
}

function packWeights({ split }: Context, { products }: PatchPlan, w: number, to: number): void {
  for (const { table, weights, panels } of products) {
    split({ kernel: 'packWeights', args: [table, w, to], count: panels, cost: weights * MOVE });
    to += 4 * weights;
  }
}

export function positionProducts(
  context: Context,
  scratch: Scratch,
  plan: PositionPlan,
  x: number,
  gy: number,
  gw: number,
): void {
  const { table, channels, taps, outputs, rowPanels, panels, flops, batch, resultBatchStep } = plan;
  const size = outputs * channels * taps;
  if (!flops) return void context.wasm.fillWords(gw, 0, 0, size);
  const room = scratch.words((context.threads * plan.scratchBytes) / 4);
  const copy = plan.copy ? scratch.words(plan.samples * plan.copy.size) : 0;
  const packed = scratch.words(plan.samples * plan.packed);
  const reordered = taps > 1 && channels > 1;
  const total = reordered ? scratch.words(size) : gw;
  const partial = plan.partial ? scratch.words(plan.partial) : 0;
  forEachPiece(context, plan, x, copy, (source, first, samples) => {
    context.split({
      kernel: 'packGradient',
      args: [table, gy + 4 * first * resultBatchStep, packed, samples, room],
      count: rowPanels,
      grain: evenGrain(rowPanels, context.threads),
      cost: samples * plan.packed * MOVE,
    });
    context.split({
      kernel: 'multiplyPositions',
      args: [table, source, packed, total, partial, samples, first === 0 ? 1 : 0, room],
      count: panels,
      grain: evenGrain(panels, context.threads),
      cost: ((flops / batch) * samples) / SPEED,
    });
  });
  if (!reordered) return;
  const args = [total, channels, taps, gw];
  context.split({ kernel: 'placeWeights', args, count: outputs, cost: size * MOVE });
}

/** Pieces of a product that a thread takes, at most. */
const MOST_PIECES = 8;

/** How many of `count` parts make a piece so that all threads do about as many, a few pieces each. */
function evenGrain(count: number, threads: number): number {
  const largest = (grain: number): number => grain * Math.ceil(count / grain / threads);
  const least = Math.ceil(count / (MOST_PIECES * threads));
  let best = least;
  for (let grain = least; grain * threads <= count; grain++) if (largest(grain) < largest(best)) best = grain;
  return best;
}

/** Calls `fn` for some samples after others, with where they are: in the tensor or in a copy with padding. */
function forEachPiece(
  { split }: Context,
  { batch, samples: most, copy, batchStep }: SourcePlan,
  x: number,
  room: number,
  fn: (source: number, first: number, samples: number) => void,
): void {
  for (let first = 0; first < batch; first += most) {
    const samples = Math.min(most, batch - first);
    const source = x + 4 * first * batchStep;
    if (copy) pad(split, copy, source, room, samples);
    fn(copy ? room : source, first, samples);
  }
}

function pad(split: Context['split'], copy: Copy, from: number, to: number, samples: number): void {
  const args = [copy.table, from, to];
  split({ kernel: 'padRows', args, count: samples * copy.rows, cost: samples * copy.size * MOVE });
}
