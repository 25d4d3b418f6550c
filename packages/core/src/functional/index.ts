export * from './activation.ts';
export { batchNorm, storedAffine, type BatchNormOptions, type ChannelStatistics } from './batch-norm.ts';
export { addBias } from './channels.ts';
export { convAffine, convBias, type ConvAffineOptions } from './conv-affine.ts';
export { crossEntropy, nll, type CrossEntropyOptions } from './cross-entropy.ts';
export * from './division.ts';
export * from './dropout.ts';
export * from './einsum.ts';
export * from './grid-sample.ts';
export * from './indexing.ts';
export * from './linear.ts';
export {
  bceWithLogits,
  l1,
  mse,
  smoothL1,
  type BceOptions,
  type LossOptions,
  type Reduction,
  type SmoothL1Options,
} from './loss.ts';
export {
  groupNorm,
  instanceNorm,
  layerNorm,
  standardize,
  type AffineOptions,
  type ChannelNormOptions,
} from './norm.ts';
export * from './padding.ts';
export * from './pool.ts';
export { cubicWeights, resampleAxis, resize, type ResizeOptions, type Taps } from './resize.ts';
export * from './scan.ts';
export { logSoftmax, softmax } from './softmax.ts';
export * from './trigonometry.ts';
