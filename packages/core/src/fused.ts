import type { ConvAttrs, NoAttrs } from './primitives.ts';
import type { Layout } from './types.ts';

/**
 * Composites that a backend may carry out in one kernel, and their attributes. All are float32. The formulas are
 * written where they are used, once, as decompositions into primitives; **a kernel gives exactly the bits of its
 * decomposition** (on a backend that claims the contract; elsewhere both are within the bound), so no result tells whether a backend has it. Numbers among the attributes are rounded to float32
 * before they are used, as scalar tensors are (1 − x is computed in float64 first). `name?` marks an input that may be
 * absent: its operand is null. Those of type `R` differ from step to step; in a compiled step they are scalar tensors.
 */
export interface FusedAttrs<R = number> {
  /**
   * (x, w, scale? `[c]`, shift? `[c]`) → act(conv(x, w) · scale + shift), c the output channels. relu6 is
   * min(relu(y), 6). See functional/conv-affine.ts.
   */
  convAffine: ConvAttrs & { readonly activation: FusedActivation };
  /** (x, weight? `[c]`, bias? `[c]`) → y, mean `[c]`, biased variance `[c]` of the batch. See functional/batch-norm.ts. */
  batchNorm: BatchNormAttrs;
  /** (x, gy, mean, variance, weight?) → the gradients of x, weight and bias, all three. See functional/batch-norm.ts. */
  batchNormGrad: BatchNormAttrs;
  /**
   * (logits, t), both `[n, classes, ...spatial]` → −Σ t · log softmax(logits) along axis 1, `[n, ...spatial]`, and
   * log softmax(logits). See functional/cross-entropy.ts.
   */
  softmaxCrossEntropy: NoAttrs;
  /** (logp, t, g `[n, ...spatial]`) → (softmax · Σ t − t) · g, the gradient of the logits. See functional/cross-entropy.ts. */
  softmaxCrossEntropyGrad: NoAttrs;
  /** (p, g, buffer?) → the next p and, with momentum, the next buffer. See optim/rules.ts. */
  sgd: {
    readonly lr: R;
    readonly weightDecay: number;
    readonly momentum: number;
    readonly dampening: number;
    readonly nesterov: boolean;
  };
  /** (p, g, m?, v?) → the next p, m and v; both moments are absent in the first step. See optim/rules.ts. */
  adam: {
    /** Factor on m / (√v + eps), bias corrections included. */
    readonly rate: R;
    readonly beta1: number;
    readonly beta2: number;
    readonly eps: R;
    /** λ of g + λ · p; 0 leaves g alone. */
    readonly weightDecay: number;
    /** p is multiplied by this first (adamW); 1 leaves it alone. */
    readonly shrink: R;
  };
}

export type FusedName = keyof FusedAttrs;

/** As `OpInputs`; null where one is absent. */
export interface FusedInputs<T> {
  convAffine: readonly [x: T, w: T, scale: T | null, shift: T | null];
  batchNorm: readonly [x: T, weight: T | null, bias: T | null];
  batchNormGrad: readonly [x: T, gy: T, mean: T, variance: T, weight: T | null];
  softmaxCrossEntropy: readonly [logits: T, t: T];
  softmaxCrossEntropyGrad: readonly [logp: T, t: T, g: T];
  sgd: readonly [p: T, g: T, buffer: T | null];
  adam: readonly [p: T, g: T, m: T | null, v: T | null];
}

/** What comes of each. */
export interface FusedOutputs<T> {
  convAffine: readonly [y: T];
  batchNorm: readonly [y: T, mean: T, variance: T];
  batchNormGrad: readonly [gx: T, gWeight: T, gBias: T];
  softmaxCrossEntropy: readonly [loss: T, logp: T];
  softmaxCrossEntropyGrad: readonly [gLogits: T];
  /** The buffer with momentum only. */
  sgd: readonly [p: T, ...buffer: T[]];
  adam: readonly [p: T, m: T, v: T];
}

export type FusedActivation = 'none' | 'relu' | 'relu6';
export interface BatchNormAttrs {
  readonly eps: number;
  readonly layout: Layout;
}
