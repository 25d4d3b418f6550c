import type { DataSource } from '../data.ts';
import { BatchNorm } from '../nn/batch-norm.ts';
import { evaluating, type Stage } from '../nn/module.ts';
import { observeBatches, type BatchObserver, type MovingStatistics } from '../nn/moving-statistics.ts';
import type { StateBuffer } from '../nn/parameter.ts';
import { forwardStages } from '../nn/stages.ts';
import { noGrad } from '../op.ts';
import { tensor } from '../ops/index.ts';
import { channelAxis } from '../ops/spatial.ts';
import { scope, type Tensor } from '../tensor.ts';
import { sizeOf, type Shape } from '../types.ts';
import { yieldToEventLoop } from './evaluate.ts';
import type { FeatureCache, FrozenPrefix } from './feature-cache.ts';

/**
 * Mean and variance of each channel in float64, over values that come block by block: each block in two passes, blocks
 * joined in the order in which they come. (Chan, Golub, LeVeque, 1983)
 */
export class Moments {
  count = 0;
  readonly mean: Float64Array;
  /** Sum of squared deviations from the mean. */
  readonly squares: Float64Array;

  constructor(readonly channels: number) {
    this.mean = new Float64Array(channels);
    this.squares = new Float64Array(channels);
  }

  /** @param shape of one sample, whose axis `axis` is the channels'. */
  add(values: ArrayLike<number>, shape: Shape, axis: number): void {
    const { channels } = this;
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = values.length / (channels * inner);
    const count = outer * inner;
    if (count === 0) return;
    const mean = new Float64Array(channels);
    const squares = new Float64Array(channels);
    const each = (visit: (c: number, value: number) => void): void => {
      for (let o = 0, at = 0; o < outer; o++)
        for (let c = 0; c < channels; c++) for (let i = 0; i < inner; i++, at++) visit(c, values[at]!);
    };
    each((c, v) => (mean[c]! += v));
    for (let c = 0; c < channels; c++) mean[c]! /= count;
    each((c, v) => (squares[c]! += (v - mean[c]!) ** 2));
    this.join({ count, mean, squares });
  }

  join(more: { count: number; mean: ArrayLike<number>; squares: ArrayLike<number> }): void {
    const total = this.count + more.count;
    for (let c = 0; c < this.channels; c++) {
      const d = more.mean[c]! - this.mean[c]!;
      this.mean[c]! += (d * more.count) / total;
      this.squares[c]! += more.squares[c]! + (d * d * this.count * more.count) / total;
    }
    this.count = total;
  }
}

/** Gives a batch norm the mean, and the variance that a batch of all samples would have. */
function setStatistics(norm: MovingStatistics, { count, mean, squares }: Moments): void {
  if (count === 0) return;
  const { backend } = norm.mean.value;
  const put = (values: Float64Array): Tensor =>
    tensor(Float32Array.from(values), [norm.channels], { backend }).keep();
  norm.mean.set(put(mean));
  norm.variance.set(put(squares.map((s) => s / count)));
}

/**
 * Runs a batch with these norms on its own statistics, and everything else as in evaluation, to add what they see to
 * their moments. No state changes. (Wu, Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576: PreciseBN)
 */
async function observe(
  stages: readonly Stage[],
  found: ReadonlyMap<MovingStatistics, Moments>,
  x: Tensor,
): Promise<void> {
  const seen: { moments: Moments; n: number; mean: Tensor; variance: Tensor }[] = [];
  const observers = new Map(
    [...found].map(([norm, moments]): [StateBuffer, BatchObserver] => [
      norm.mean,
      (n, mean, variance) => seen.push({ moments, n, mean: mean.keep(), variance: variance.keep() }),
    ]),
  );
  try {
    const run = (): void => void scope(() => noGrad(() => void forwardStages(stages, x)));
    evaluating(
      stages.map((s) => s.module),
      () => observeBatches(observers, run),
    );
    for (const { moments, n, mean, variance } of seen) {
      // The running variance is the unbiased one.
      const squares = Float64Array.from(await variance.data(), (v) => v * (n - 1));
      moments.join({ count: n, mean: await mean.data(), squares });
    }
  } finally {
    for (const { mean, variance } of seen) {
      mean.dispose();
      variance.dispose();
    }
  }
}

/** What is known of a run at the end of an epoch's steps. */
export interface Settling {
  readonly prefix: FrozenPrefix;
  readonly source: DataSource;
  readonly cache: FeatureCache | null;
  /** That the features are taken from: those of each epoch so far. */
  readonly views: readonly number[];
  /** Done so far. */
  readonly steps: number;
  /** Numbers of samples, as the steps of an epoch would take them without a shuffle. */
  readonly batches: readonly (readonly number[])[];
  readonly put: (values: Float32Array, shape: Shape) => Tensor;
  /** Samples that may be in memory together. */
  readonly batchSize: number;
  readonly stop: () => boolean;
}

/** Samples whose features are looked at together, which decides the order of the sums. */
const BLOCK = 64;

/**
 * Gives batch norms the statistics of all training samples before they are used in evaluation. Right behind the cut these
 * are the locked features' own, over the views seen so far, exact in float64. Further on, as long as few steps have moved
 * the running ones, they come from a pass over the samples of the last view.
 *
 * Running averages of batches alone would do after some dozens of steps; a head on few pictures makes fewer.
 */
export class Statistics {
  /** Of the features behind a cut, by cut and view. */
  readonly #moments = new Map<string, Moments>();

  /** False when stopped meanwhile; nothing is changed then but what had been settled. */
  async settle(s: Settling): Promise<boolean> {
    const { prefix } = s;
    const { rest } = prefix;
    const norms = rest.flatMap((s) =>
      [...s.module.namedModules()].flatMap(([, m]) => [...m.movingStatistics()]),
    );
    const first = rest[0]?.module;
    if (first instanceof BatchNorm && first.usesBatch && prefix.stages.length > 0) {
      const moments = await this.#ofFeatures(first, s);
      if (!moments) return false;
      setStatistics(norms.shift()!, moments);
    }
    // Starting values keep (1 − momentum)ᵗ of their weight after t steps. As long as that is more than 1 %, a network
    // would be evaluated on numbers that no data gave it.
    const starting = norms.filter((m) => (1 - m.momentum) ** s.steps > 0.01);
    if (!starting.length) return true;
    const moments = new Map(starting.map((m) => [m, new Moments(m.channels)]));
    for (const batch of s.batches) {
      if (s.stop()) return false;
      const x = await s.prefix.inputs(s.source, batch, s.views.at(-1)!, s.cache, s.put, s.batchSize);
      await observe(rest, moments, x).finally(() => x.dispose());
      await yieldToEventLoop();
    }
    for (const [norm, found] of moments) setStatistics(norm, found);
    return true;
  }

  async #ofFeatures(norm: BatchNorm, s: Settling): Promise<Moments | null> {
    const { prefix, source } = s;
    const all = new Moments(norm.channels);
    for (const view of new Set(s.views)) {
      const name = `${prefix.key} ${view}`;
      let moments = this.#moments.get(name);
      if (!moments) {
        moments = new Moments(norm.channels);
        for (let from = 0; from < source.length; from += BLOCK) {
          if (s.stop()) return null;
          const count = Math.min(BLOCK, source.length - from);
          const indices = Array.from({ length: count }, (_, i) => from + i);
          const rows = await prefix.rows(source, indices, view, s.cache, s.put, s.batchSize);
          moments.add(rows, prefix.shape, channelAxis(norm.layout, prefix.shape.length + 1) - 1);
          await yieldToEventLoop();
        }
        this.#moments.set(name, moments);
      }
      all.join(moments);
    }
    return all;
  }
}
