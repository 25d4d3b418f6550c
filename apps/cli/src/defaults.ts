import { fineTuneRecipe, headRecipe } from '@graftjs/core';

/** What `graft train` does where it is not told otherwise. The recipes themselves are core's. */
export const DEFAULTS = {
  base: 'coco-mobilenet-v3',
  validation: 0.2,
  augment: 'none',
  seed: 0,
  batch: 64,
  /** Dropout before the new last layer. */
  dropout: 0.5,
  /** Least time between two checkpoints. */
  checkpointSeconds: 5,
  /** Augmented views of each picture whose features are kept, when augmenting. */
  views: 4,
  /** Classes are weighted when the largest has this many times the pictures of the smallest. */
  imbalanced: 1.5,
} as const;

/** Only the new last layer is trained: cheap steps on kept features, so many of them. */
export const HEAD_ONLY: { readonly epochs: number; readonly lr: number } = {
  epochs: headRecipe().epochs,
  lr: headRecipe().optimizer.lr,
};

/** First the new layer alone, then the base's deeper layers too: few epochs, as these cost the most. */
export const FINE_TUNE: typeof HEAD_ONLY & {
  readonly lockedShare: number;
  readonly gentler: number;
  readonly checkpointSteps: number;
} = {
  epochs: headRecipe().epochs + fineTuneRecipe().epochs,
  lr: HEAD_ONLY.lr,
  /** Share of the epochs in which the base stays locked. */
  lockedShare: headRecipe().epochs / (headRecipe().epochs + fineTuneRecipe().epochs),
  /** Factor on the learning rate once the base is unlocked. */
  gentler: fineTuneRecipe().optimizer.lr / headRecipe().optimizer.lr,
  /** Steps between two chances to save a checkpoint: a step takes long here. */
  checkpointSteps: 4,
};
