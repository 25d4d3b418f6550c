import { composite, customVjp } from '../op.ts';
import { abs, add, clip, div, less, mean, mul, neg, select, sub, sum } from '../ops/index.ts';
import { fail, wantReduction } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape } from '../types.ts';
import { softplus } from './activation.ts';

/** What becomes of the single losses. */
export type Reduction = 'mean' | 'sum' | 'none';

export interface LossOptions {
  /** Default `'mean'`. */
  readonly reduction?: Reduction;
}

function wantSame(op: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape)) {
    fail(op, `predictions ${showShape(x.shape)} and targets ${showShape(target.shape)} must have one shape`);
  }
}

function reduced(losses: Tensor, options: LossOptions): Tensor {
  const kind = options.reduction ?? 'mean';
  wantReduction('loss', kind);
  return kind === 'mean' ? mean(losses) : kind === 'sum' ? sum(losses) : losses;
}

/**
 * Squared error, (x − target)². PyTorch's `mse_loss`.
 * @param x Predictions of any shape, float32.
 * @param target The same shape.
 * @returns A scalar, or with `'none'` one loss per element.
 * @throws ShapeError where the shapes differ or the reduction is not known.
 * @example
 * mse(tensor([1, 2]), tensor([0, 4])); // → 2.5
 * mse(tensor([1, 2]), tensor([0, 4]), { reduction: 'none' }); // → [1, 4]
 */
export function mse(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  wantSame('mse', x, target);
  return composite(() => {
    const d = sub(x, target);
    return reduced(mul(d, d), options);
  });
}

/**
 * Absolute error, |x − target|; its gradient at 0 is 0. PyTorch's `l1_loss`.
 * @param x Predictions of any shape, float32.
 * @param target The same shape.
 * @returns A scalar, or with `'none'` one loss per element.
 * @throws ShapeError where the shapes differ or the reduction is not known.
 * @example
 * l1(tensor([1, 2]), tensor([0, 4])); // → 1.5
 */
export function l1(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  wantSame('l1', x, target);
  return composite(() => reduced(abs(sub(x, target)), options));
}

export interface SmoothL1Options extends LossOptions {
  /** Where the parabola meets the line. Default 1; 0 gives `l1`. */
  readonly beta?: number;
}

/**
 * With d = x − target: ½ d² / beta where |d| < beta, otherwise |d| − ½ beta. (Girshick, 2015, arXiv:1504.08083)
 * @param x Predictions of any shape, float32.
 * @param target The same shape.
 * @returns A scalar, or with `'none'` one loss per element.
 * @throws ShapeError where the shapes differ, beta is negative, or the reduction is not known.
 * @example
 * smoothL1(tensor([1, 2.5]), tensor([1.5, 0]), { reduction: 'none' }); // → [0.125, 2]
 */
export function smoothL1(x: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const beta = options.beta ?? 1;
  if (!(beta >= 0)) fail('smoothL1', `beta ${beta} must be 0 or more`);
  if (beta === 0) return l1(x, target, options);
  wantSame('smoothL1', x, target);
  return composite(() => {
    const d = sub(x, target);
    const losses = customVjp(
      'smoothL1',
      [d],
      () => {
        const size = abs(d);
        return [select(less(size, beta), mul(mul(d, d), 0.5 / beta), sub(size, beta / 2))];
      },
      ({ gy }) => [composite(() => mul(gy, clip(div(d, beta), -1, 1)))],
    )[0]!;
    return reduced(losses, options);
  });
}

export interface BceOptions extends LossOptions {
  /** Weight of the positive examples; broadcasts against the targets, usually `[classes]`. Default 1. */
  readonly posWeight?: Tensor | null;
}

/**
 * Binary cross-entropy of sigmoid(x), computed from the logits x so that it neither overflows nor loses small
 * probabilities: (1 − t) · x + (1 + (posWeight − 1) · t) · softplus(−x). PyTorch's `binary_cross_entropy_with_logits`.
 * @param x Logits of any shape, `[n, labels]` for instance.
 * @param target Float32 of the same shape, in [0, 1].
 * @returns A scalar, or with `'none'` one loss per element.
 * @throws ShapeError where the shapes differ, posWeight does not broadcast, or the reduction is not known.
 * @example
 * bceWithLogits(tensor([[0, 4]]), tensor([[0, 1]])); // → 0.3556
 */
export function bceWithLogits(x: Tensor, target: Tensor, options: BceOptions = {}): Tensor {
  wantSame('bceWithLogits', x, target);
  const { posWeight } = options;
  return composite(() => {
    const tail = softplus(neg(x));
    const weighted = posWeight ? mul(add(mul(sub(posWeight, 1), target), 1), tail) : tail;
    return reduced(add(mul(sub(1, target), x), weighted), options);
  });
}
