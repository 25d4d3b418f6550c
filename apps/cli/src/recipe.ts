import { fineTuneRecipe, headRecipe, type FitOptions } from '@graftjs/core';
import type { PictureSource } from '@graftjs/vision';
import { DEFAULTS, FINE_TUNE } from './defaults.ts';
import type { TrainOptions } from './train-options.ts';

/** The epoch (from 0) at whose start the base is unlocked; null if never. */
export function unlockEpoch(o: TrainOptions): number | null {
  return o.unlockFrom === null ? null : Math.min(o.epochs - 1, Math.round(o.epochs * FINE_TUNE.lockedShare));
}

/** Optimizer, schedule and the rest: what makes a good model out of few pictures. */
export function recipe(o: TrainOptions, train: PictureSource): FitOptions {
  const counts = train.counts();
  const weighted = Math.max(...counts) >= DEFAULTS.imbalanced * Math.min(...counts);
  const unlock = unlockEpoch(o);
  const phase = unlock === null || o.unlockFrom === null ? headRecipe(o.epochs) : fineTuneRecipe(o.epochs);
  phase.optimizer.lr = o.lr;
  const options = {
    ...phase,
    batchSize: o.batch,
    seed: o.seed,
    views: o.augment === 'none' ? 0 : DEFAULTS.views,
    // The rate has fallen to nothing by then. Measured on emoji: the last epoch is better by .02 than the one with the
    // lowest validation loss, as a few dozen pictures choose badly; and what they measure stays untouched by them.
    keepBest: false,
    ...(weighted ? { classWeights: 'balanced' as const } : {}),
  };
  if (unlock === null || o.unlockFrom === null) return options;
  const { schedule = () => 1 } = phase;
  return {
    ...options,
    unfreeze: [{ epoch: unlock, unlock: { from: o.unlockFrom } }],
    checkpointSteps: FINE_TUNE.checkpointSteps,
    // the schedule twice: for the head alone, then for all, at a lower rate
    schedule: (step, total) => {
      const locked = (total / o.epochs) * unlock;
      return step < locked
        ? schedule(step, locked)
        : FINE_TUNE.gentler * schedule(step - locked, total - locked);
    },
  };
}
