import { cospi } from '../math/float32.ts';
import { adamW } from '../optim/rules.ts';
import { alongCosine } from '../optim/cosine.ts';
import type { FitOptions } from './options.ts';

/**
 * Settings that were found to work with few pictures (`benchmarks/accuracy`), as starting points: spread one into the
 * options of `fit` and change what you like. Each call makes an optimizer of its own.
 */
export type Recipe = Pick<FitOptions, 'epochs' | 'batchSize' | 'optimizer' | 'schedule' | 'labelSmoothing'> &
  Partial<Pick<FitOptions, 'clipNorm'>>;

/** Falls from 1 to 0 along half a cosine over the whole run. (Loshchilov & Hutter, 2017, arXiv:1608.03983) */
const cosine = (step: number, total: number): number => alongCosine(1, 0, step / total, inFloat32);
/** Its bits are in models that were trained before: `cosineLR` is more exact. */
const inFloat32 = (x: number): number => cospi(Math.fround(x));

/** What they have in common: weight decay, a cosine, smoothed labels. */
function recipe(epochs: number, batchSize: number, hyper: Parameters<typeof adamW>[0]): Recipe {
  const optimizer = adamW({ weightDecay: 1e-2, ...hyper });
  return { epochs, batchSize, optimizer, schedule: cosine, labelSmoothing: 0.1 };
}

/**
 * Only the new head: logistic regression on the locked base's features.
 * @example
 * const { epochs, batchSize } = headRecipe();
 * [epochs, batchSize]; // → [60, 64]
 */
export function headRecipe(epochs = 60): Recipe {
  return recipe(epochs, 64, { lr: 5e-3 });
}

/**
 * The head, trained already, with deeper layers of the base: gently, and clipped.
 * @example
 * fineTuneRecipe(5).clipNorm; // → 1
 */
export function fineTuneRecipe(epochs = 10): Recipe {
  return { ...recipe(epochs, 32, { lr: 1e-3, lrPerGroup: { base: 0.3 } }), clipNorm: 1 };
}

/**
 * A small network from random weights.
 * @example
 * scratchRecipe().epochs; // → 30
 */
export function scratchRecipe(epochs = 30): Recipe {
  return { ...recipe(epochs, 32, { lr: 3e-3 }), clipNorm: 1 };
}
