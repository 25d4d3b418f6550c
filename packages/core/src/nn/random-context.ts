import { Random } from '../rng/index.ts';

let current = new Random(0, 'default');

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
  const before = current;
  current = random;
  try {
    return fn();
  } finally {
    current = before;
  }
}
