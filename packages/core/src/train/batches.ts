import { GraftError } from '../errors.ts';
import { Random } from '../rng/index.ts';
import type { FitOptions } from './options.ts';

/** from, …, to − 1. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from, 0) }, (_, i) => from + i);
}

/** Which samples a run takes in which step, and which view of them. The seed alone decides. */
export class Batches {
  /** Samples in a batch. */
  readonly size: number;
  /** Steps in an epoch. */
  readonly steps: number;
  readonly seed: number;
  readonly #views: number | 'fresh';

  /** @throws GraftError where a batch would be empty. */
  constructor(
    readonly samples: number,
    options: Pick<FitOptions, 'batchSize' | 'seed' | 'views'>,
  ) {
    const size = (this.size = options.batchSize ?? 32);
    if (!(size >= 1)) throw new GraftError(`batchSize must be 1 or more, not ${size}`);
    // A single sample left over joins the batch before it: batch norm cannot train on one.
    this.steps = Math.max(1, Math.ceil((size > 1 ? samples - 1 : samples) / size));
    this.seed = options.seed ?? 0;
    this.#views = options.views ?? 0;
  }

  /** The samples of an epoch, shuffled. */
  order(epoch: number): Int32Array {
    return new Random(this.seed, `shuffle/${epoch}`).permutation(this.samples);
  }

  /** The positions of a step's samples in the epoch's order. */
  positions(step: number): number[] {
    const from = step * this.size;
    return range(from, step === this.steps - 1 ? this.samples : from + this.size);
  }

  /** The view of every sample in an epoch. */
  view(epoch: number): number {
    return this.#views === 'fresh' ? epoch + 1 : this.#views === 0 ? 0 : 1 + (epoch % this.#views);
  }

  /** All views in the epochs up to this one; of new ones in every epoch the first alone, as all would double the price. */
  viewsUpTo(epoch: number): number[] {
    return this.#views === 'fresh' ? [this.view(0)] : range(0, epoch + 1).map((e) => this.view(e));
  }
}
