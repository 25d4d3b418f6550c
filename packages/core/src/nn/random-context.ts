import { Random } from '../rng/index.ts';
import { hostEffect } from '../tracing.ts';

let current = new Random(0, 'default');
const outer: Random[] = [];

/**
 * Seeds the stream that initializers and dropout draw from, when nobody gave them another with `withRandom`.
 * @throws RangeError where the seed is not a whole number from 0 to 2⁵³ − 1.
 * @example
 * manualSeed(7);
 * const first = currentRandom().uniform();
 * manualSeed(7);
 * currentRandom().uniform() === first; // → true
 */
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
