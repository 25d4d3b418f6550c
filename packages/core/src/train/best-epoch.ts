import { GraftError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import { Tensor } from '../tensor.ts';
import type { Position } from './checkpoint.ts';
import type { EpochRecord } from './history.ts';
import type { FitOptions, Monitor } from './options.ts';

/** The weights of the best epoch so far, by what a run watches. */
export class BestEpoch {
  readonly #monitor: Monitor;
  readonly #minDelta: number;
  #weights = new Map<string, Tensor>();

  constructor(options: Pick<FitOptions, 'monitor' | 'earlyStopping'>, hasValidation: boolean) {
    const { monitor, earlyStopping } = options;
    this.#monitor = monitor ?? earlyStopping?.monitor ?? (hasValidation ? 'validationLoss' : 'loss');
    this.#minDelta = earlyStopping?.minDelta ?? 0;
  }

  /** By name, live. */
  get weights(): ReadonlyMap<string, Tensor> {
    return this.#weights;
  }
  /** Takes the weights of a checkpoint over. */
  restore(weights: Map<string, Tensor>): void {
    this.#weights = weights;
  }

  /** Notes in `at` whether the epoch that this is the record of is the best, and remembers the model's weights if so. */
  consider(record: EpochRecord, model: Module, at: Position): void {
    const score = record[this.#monitor];
    if (score === undefined) throw new GraftError(`'${this.#monitor}' needs validation data`);
    const isHigherBetter =
      this.#monitor === 'validationAccuracy' || this.#monitor === 'validationBalancedAccuracy';
    const rise = at.best ? score - at.best.score : Infinity;
    const gain = isHigherBetter || !at.best ? rise : -rise;
    if (!(gain > this.#minDelta)) {
      at.worse++;
      return;
    }
    at.best = { epoch: record.epoch, score };
    at.worse = 0;
    this.dispose();
    // Tensors are immutable, so these share the buffers.
    this.#weights = new Map(
      [...model.stateDict()].map(([name, t]) => [name, new Tensor(t.storage, t).keep()]),
    );
  }

  dispose(): void {
    for (const t of this.#weights.values()) t.dispose();
  }
}
