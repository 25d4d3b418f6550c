import { Random } from '../rng/index.ts';
import { hostEffect } from '../tracing.ts';

let current = new Random(0, 'default');
const outer: Random[] = [];

/** Seeds the stream that initializers and dropout draw from, when nobody gave them another with `withRandom`. */
export function manualSeed(seed: number): void {
  current = new Random(seed, 'default');
}

/** The stream that initializers and dropout draw from now. */
export function currentRandom(): Random {
  return current;
}

/** Runs `fn` (synchronous) with another stream. `fit` gives every step its own, so that a resumed run draws the same. */
export function withRandom<T>(random: Random, fn: () => T): T {
  hostEffect(() => {
    outer.push(current);
    current = random;
  });
  try {
    return fn();
  } finally {
    hostEffect(() => {
      current = outer.pop()!;
    });
  }
}
