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
export * from './schedules.ts';
export type { Snapshot } from './snapshot.ts';
