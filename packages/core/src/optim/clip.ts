import { composite } from '../op.ts';
import { add, clip, div, minimum, mul, sqrt, sum } from '../ops/index.ts';
import { GraftError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), norm being the 2-norm of all of them together (Pascanu et al.,
 * 2013, arXiv:1211.5063); PyTorch's formula. Stays on the backend: nothing is read.
 * @returns New gradients in the given order, and the norm before, a scalar.
 * @throws GraftError where there are no gradients.
 * @example
 * const { grads, norm } = clipGradNorm([tensor([3, 4])], 1);
 * norm; // → 5
 * grads[0]; // → [0.6, 0.8]
 */
export function clipGradNorm(grads: readonly Tensor[], maxNorm: number): { grads: Tensor[]; norm: Tensor } {
  const first = grads[0];
  if (!first) throw new GraftError('clipGradNorm: there are no gradients');
  return composite(() => {
    const squares = grads.map((g) => sum(mul(g, g)));
    const norm = sqrt(squares.reduce((a, b) => add(a, b)));
    const factor = minimum(div(maxNorm, add(norm, 1e-6)), 1);
    return { grads: grads.map((g) => mul(g, factor)), norm };
  });
}

/**
 * Limits every element of every gradient to [−limit, limit].
 * @param grads Of any shape; the results have the same shape.
 * @throws ShapeError where the limit is negative.
 * @example
 * clipGradValue([tensor([-3, 0.5])], 1); // → [[-1, 0.5]]
 */
export function clipGradValue(grads: readonly Tensor[], limit: number): Tensor[] {
  return composite(() => grads.map((g) => clip(g, -limit, limit)));
}
