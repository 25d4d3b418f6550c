export * from './activation.ts';
export * from './batch-norm.ts';
export { addBias } from './channels.ts';
export * from './cross-entropy.ts';
export * from './dropout.ts';
export * from './linear.ts';
export * from './loss.ts';
export {
  groupNorm,
  instanceNorm,
  layerNorm,
  standardize,
  type AffineOptions,
  type ChannelNormOptions,
} from './norm.ts';
export * from './padding.ts';
export * from './resize.ts';
export { logSoftmax, softmax } from './softmax.ts';
