import { batchNormForward, batchNormGrad } from './functional/batch-norm.ts';
import { convAffineForward } from './functional/conv-affine.ts';
import { softmaxCrossEntropy, softmaxCrossEntropyGrad } from './functional/cross-entropy.ts';
import type { FusedName } from './fused.ts';
import type { FusedComposite } from './op.ts';
import { adamStep, sgdStep } from './optim/steps.ts';

/** Every composite that a backend may fuse, with its decomposition. Total on purpose: conformance walks it. */
export const fusedComposites: { readonly [N in FusedName]: FusedComposite<N> } = {
  convAffine: convAffineForward,
  batchNorm: batchNormForward,
  batchNormGrad,
  softmaxCrossEntropy,
  softmaxCrossEntropyGrad,
  sgd: sgdStep,
  adam: adamStep,
};
