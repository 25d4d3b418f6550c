import {
  type ActivationGeometry,
  type ConvProblem,
  dot,
  forwardGrid,
  type Grid,
  inputGradGrids,
  multiplyTriples,
  product,
  type Triple,
} from '@graftjs/core/backend';
import type { Plan } from './cache.ts';
import { COLUMNS, ROWS } from './agreed.ts';
import { EDGE, panels } from './gemm.ts';
import type { Heap, WasmBuffer } from './memory.ts';
import { writeTable } from './tables.ts';

/*
 * Plans of dense convolutions: the tables that assembly/conv.ts reads, and the sizes of what it needs.
 */

/** Floats of packed patches in a block, and most positions of it: the patches stay in the cache. */
const BLOCK = 8192;
const MOST_POSITIONS = 64;
/** Floats of packed gradients in a piece of a weight gradient's depth, and most positions of it. */
const PIECE = 65536;
const MOST_PIECE = 1024;
/** Floats of a padded copy: so many samples at once. */
const COPY = 1 << 20;
/** So many parts are enough to share work evenly. */
const PARTS = 16;

/** Where a convolution reads its source: in place, or in a copy with zeros around. */
interface Source {
  readonly of: ActivationGeometry;
  readonly steps: Triple;
  readonly batchStep: number;
  readonly channelStep: number;
  readonly before: Triple;
  readonly extent: Triple;
  readonly copied: boolean;
  /** Whether the copy has its channels one after another in each row, and not last. */
  readonly planes: boolean;
  /** Whether some tap reads outside, where the copy has its zeros. */
  readonly padded: boolean;
}

/** The copy's table, and its rows and floats per sample. */
export interface Copy {
  readonly table: number;
  readonly rows: number;
  readonly size: number;
}

export interface SourcePlan extends Plan {
  readonly padded: boolean;
  readonly copy: Copy | undefined;
  readonly batch: number;
  readonly batchStep: number;
  /** How many samples to work on at once. */
  readonly samples: number;
  readonly flops: number;
}

export interface ProductPlan {
  readonly table: number;
  readonly groups: number;
  readonly panels: number;
  /** Floats of the packed weights. */
  readonly weights: number;
  /** Positions per sample. */
  readonly positions: number;
  readonly block: number;
  /** Parts per block of positions. */
  readonly parts: number;
  readonly scratchBytes: number;
  /** Multiply-adds per position, times two. */
  readonly flops: number;
}

export interface PatchPlan extends SourcePlan {
  /** Whether rows of positions are read in place, for few result channels. */
  readonly inRows: boolean;
  readonly resultBatchStep: number;
  readonly products: readonly ProductPlan[];
}

export interface PositionPlan extends SourcePlan {
  readonly table: number;
  readonly resultBatchStep: number;
  /** Panels of four output channels, and of eight lanes of tap and input channel. */
  readonly rowPanels: number;
  readonly panels: number;
  /** Floats of a sample's packed gradient. */
  readonly packed: number;
  readonly scratchBytes: number;
  /** Floats of the partial sums, if there are any. */
  readonly partial: number;
  readonly channels: number;
  readonly taps: number;
  readonly outputs: number;
}

const AXES = [0, 1, 2] as const;

function sourceOf(of: ActivationGeometry, grids: readonly Grid[], planes = false): Source {
  const [low, high] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (const { taps, count, step } of grids)
    for (const a of AXES) {
      const reach = (count[a] - 1) * step[a] + 1;
      for (const t of taps) {
        low[a] = Math.min(low[a]!, t[a]);
        high[a] = Math.max(high[a]!, t[a] + reach);
      }
    }
  const padded = AXES.some((a) => low[a]! < 0 || high[a]! > of.extent[a]);
  // Planes are read in place only where eight positions are neighbours.
  const plain = grids.every((g) => g.taps.length <= 1 && g.step.every((n) => n === 1));
  if (!padded && (planes ? plain : of.channelsLast || plain)) {
    const { step, batchStep, channelStep, extent } = of;
    return {
      of,
      steps: step,
      batchStep,
      channelStep,
      before: [0, 0, 0],
      extent,
      copied: false,
      planes,
      padded,
    };
  }
  const before: Triple = [-low[0]!, -low[1]!, -low[2]!];
  const extent: Triple = [high[0]! + before[0], high[1]! + before[1], high[2]! + before[2]];
  const row = extent[2] * of.channels;
  const steps: Triple = [extent[1] * row, row, planes ? 1 : of.channels];
  return {
    of,
    steps,
    batchStep: product(extent) * of.channels,
    channelStep: planes ? extent[2] : 1,
    before,
    extent,
    copied: true,
    planes,
    padded,
  };
}

/** Where tap and channel lie from a position on. */
function sourceDepth({ steps, before, channelStep }: Source, grid: Grid, channels: number): number[] {
  return grid.taps.flatMap(([z, y, x]) => {
    const at = dot([z + before[0], y + before[1], x + before[2]], steps);
    return Array.from({ length: channels }, (_, c) => at + c * channelStep);
  });
}

function gridFields({ to, count, step, toStart, toStep }: Grid, source: Source): number[] {
  return [
    ...count,
    ...multiplyTriples(step, source.steps),
    source.batchStep,
    dot(toStart, to.step),
    ...multiplyTriples(toStep, to.step),
    to.batchStep,
  ];
}

function copyTable(heap: Heap, { of, before, extent, planes }: Source): WasmBuffer {
  return writeTable(heap, [
    Number(planes),
    of.channels,
    ...of.extent,
    ...before,
    ...extent,
    of.batchStep,
    of.channelStep,
    ...of.step,
  ]);
}

function sourcePlan(heap: Heap, source: Source, tables: WasmBuffer[]): Omit<SourcePlan, 'flops'> {
  const { of, copied, padded, batchStep, extent } = source;
  const all = { padded, batch: of.batch, batchStep: of.batchStep, tables };
  if (!copied) return { ...all, copy: undefined, samples: of.batch };
  const table = copyTable(heap, source);
  tables.push(table);
  return {
    ...all,
    copy: { table: table.ptr, rows: extent[0] * extent[1], size: batchStep },
    samples: Math.max(1, Math.min(of.batch, Math.floor(COPY / Math.max(1, batchStep)))),
  };
}

/** Over output positions and output channels; the depth runs over taps and, inside a tap, over input channels. */
export function forwardPlan(heap: Heap, p: ConvProblem): PatchPlan {
  const perGroup = p.input.channels / p.groups;
  const taps = product(p.window.kernel);
  return patchPlan(heap, p, p.input, p.output, [forwardGrid(p)], perGroup * taps, (t, c) => c * taps + t);
}

/** Over input positions and input channels; the depth runs over the taps that reach and output channels. */
export function inputGradPlan(heap: Heap, p: ConvProblem): PatchPlan {
  const perGroup = p.input.channels / p.groups;
  const taps = product(p.window.kernel);
  const depth = (t: number, o: number): number => o * perGroup * taps + t;
  return patchPlan(heap, p, p.output, p.input, inputGradGrids(p), taps, depth);
}

/**
 * One weight of a group, for result channel j, under tap t and from source channel s, is at
 * `group's start + j · weightLane + weightDepth(t, s)`.
 */
function patchPlan(
  heap: Heap,
  { window, groups }: ConvProblem,
  from: ActivationGeometry,
  to: ActivationGeometry,
  grids: readonly Grid[],
  weightLane: number,
  weightDepth: (tap: number, channel: number) => number,
): PatchPlan {
  const channels = from.channels / groups;
  const size = to.channels / groups;
  const inRows =
    size <= ROWS && !from.channelsLast && grids.every((g) => g.step[2] === 1 && g.count[2] >= COLUMNS);
  const source = sourceOf(from, grids, inRows);
  const tables: WasmBuffer[] = [];
  const base = sourcePlan(heap, source, tables);
  const products = grids.map((grid): ProductPlan => {
    const k = grid.taps.length * channels;
    const positions = product(grid.count);
    const fit = Math.floor(BLOCK / Math.max(1, k));
    const block = panels(
      Math.max(1, Math.min(fit - (fit % COLUMNS), MOST_POSITIONS, positions * base.samples)),
      COLUMNS,
    );
    const blocks = Math.ceil((positions * base.samples) / block) * groups;
    const wanted = Math.min(Math.ceil(PARTS / Math.max(1, blocks)), Math.ceil(size / ROWS));
    const chunk = panels(Math.ceil(size / Math.max(1, wanted)), ROWS);
    const chunks = Math.ceil(size / Math.max(1, chunk));
    const scratchBytes = 4 * (EDGE + (inRows ? 0 : block * (2 + k)));
    const weights = grid.tapIndex.flatMap((t) =>
      Array.from({ length: channels }, (_, c) => weightDepth(t, c)),
    );
    const table = writeTable(heap, [
      ...[groups, size, k, block, chunks, chunk],
      channels * source.channelStep,
      size * channels * product(window.kernel),
      size * to.channelStep,
      weightLane,
      sourceDepth(source, grid, channels),
      weights,
      Array.from({ length: size }, (_, i) => i * to.channelStep),
      scratchBytes,
      gridFields(grid, source),
    ]);
    tables.push(table);
    return {
      table: table.ptr,
      groups,
      panels: groups * Math.ceil(size / ROWS),
      weights: groups * panels(size, ROWS) * k,
      positions,
      block: inRows ? grid.count[2] : block,
      parts: groups * chunks,
      scratchBytes,
      flops: 2 * to.channels * k,
    };
  });
  const flops = products.reduce((sum, each) => sum + each.flops * each.positions, 0) * from.batch;
  return { ...base, inRows, resultBatchStep: to.batchStep, products, flops };
}

/**
 * Rows are output channels, columns tap and input channel, and the depth runs over the positions of a sample, which is
 * summed up on its own before it is added to the total.
 */
export function weightGradPlan(heap: Heap, p: ConvProblem): PositionPlan {
  const { input, output, groups } = p;
  const grid = forwardGrid(p);
  const source = sourceOf(input, [grid]);
  const tables: WasmBuffer[] = [];
  const base = sourcePlan(heap, source, tables);
  const channels = input.channels / groups;
  const size = output.channels / groups;
  const sourceLanes = sourceDepth(source, grid, channels);
  const lanes = sourceLanes.length;
  const positions = product(grid.count);
  const fit = Math.max(64, Math.min(MOST_PIECE, Math.floor(PIECE / Math.max(1, size))));
  const packed = groups * panels(size, ROWS) * positions;
  const samples = Math.min(base.samples, Math.max(1, Math.floor(COPY / Math.max(1, packed))));
  const together = Math.min(samples, Math.floor(fit / Math.max(1, positions)));
  const piece = together > 1 ? together * positions : Math.min(positions, fit);
  const scratchBytes = 4 * (EDGE + (2 + 2 * COLUMNS) * (piece + COLUMNS));
  const table = writeTable(heap, [
    ...[groups, size, lanes, positions, piece],
    channels * source.channelStep,
    size * output.channelStep,
    output.channelStep,
    [...sourceLanes, ...new Array<number>(COLUMNS).fill(sourceLanes.at(-1) ?? 0)],
    Array.from({ length: size }, (_, i) => i * lanes),
    sourceLanes.map((_, i) => i),
    scratchBytes,
    gridFields(grid, source),
  ]);
  tables.push(table);
  return {
    ...base,
    samples,
    table: table.ptr,
    resultBatchStep: output.batchStep,
    rowPanels: groups * Math.ceil(size / ROWS),
    panels: groups * Math.ceil(lanes / COLUMNS),
    packed,
    scratchBytes,
    partial: piece < positions ? output.channels * lanes : 0,
    channels,
    taps: grid.taps.length,
    outputs: output.channels,
    flops: 2 * output.channels * lanes * positions * input.batch,
  };
}
