import type { Tensor } from '../tensor.ts';
import type { StateBuffer } from './parameter.ts';

/** The statistics of a batch norm that move while it trains; see `Module.movingStatistics`. */
export interface MovingStatistics {
  readonly channels: number;
  /** Weight of a new batch (PyTorch's convention). */
  readonly momentum: number;
  /** Of each channel, `[channels]`. */
  readonly mean: StateBuffer;
  /** The unbiased one, `[channels]`. */
  readonly variance: StateBuffer;
}

/**
 * Takes what a batch norm sees instead of its running statistics.
 * @param n Values in a channel.
 * @param mean `[channels]`, of the batch alone.
 * @param variance `[channels]`, unbiased.
 */
export type BatchObserver = (n: number, mean: Tensor, variance: Tensor) => void;

let observers: ReadonlyMap<StateBuffer, BatchObserver> = new Map();

/** Runs `fn` with observers for some batch norms, by the buffer of their mean. */
export function observeBatches<T>(byMean: ReadonlyMap<StateBuffer, BatchObserver>, fn: () => T): T {
  const before = observers;
  observers = byMean;
  try {
    return fn();
  } finally {
    observers = before;
  }
}

/** Who observes the batch norm with this mean now: it then normalizes by the batch, with momentum 1, and tells the observer. */
export function batchObserver(mean: StateBuffer): BatchObserver | undefined {
  return observers.get(mean);
}
