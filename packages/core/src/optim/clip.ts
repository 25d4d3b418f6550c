import { composite } from '../op.ts';
import { add, clip, div, minimum, mul, sqrt, sum } from '../ops/index.ts';
import { GraftError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), norm being the 2-norm of all of them together (Pascanu et al.,
 * 2013, arXiv:1211.5063); PyTorch's formula. Stays on the backend: nothing is read.
 * @returns New gradients in the given order, and the norm before, a scalar.
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

/** Limits every element of every gradient to [−limit, limit]. */
export function clipGradValue(grads: readonly Tensor[], limit: number): Tensor[] {
  return composite(() => grads.map((g) => clip(g, -limit, limit)));
}
