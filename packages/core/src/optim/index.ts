export * from './clip.ts';
export { type BaseHyper, type GroupOptions, type Optimizer, type OptimizerEntry } from './optimizer.ts';
export {
  adagrad,
  adam,
  adamW,
  rmsprop,
  sgd,
  type AdagradHyper,
  type AdamHyper,
  type RmspropHyper,
  type SgdHyper,
} from './rules.ts';
export {
  cosineLR,
  exponentialLR,
  multiStepLR,
  oneCycleLR,
  reduceOnPlateau,
  ReduceOnPlateau,
  stepLR,
  warmup,
  type CosineLROptions,
  type ExponentialLROptions,
  type MultiStepLROptions,
  type OneCycleLROptions,
  type PlateauOptions,
  type PlateauState,
  type Schedule,
  type StepLROptions,
} from './schedules.ts';
export type { Snapshot } from './snapshot.ts';
