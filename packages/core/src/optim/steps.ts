import { defineFused, type FusedComposite } from '../op.ts';
import { fail } from '../ops/check.ts';
import { add, div, mul, sqrt, sub } from '../ops/index.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape, type TensorSpec } from '../types.ts';

/** The steps of optimizers that backends may fuse. */

/** g + weightDecay · p. */
export function decayed(p: Tensor, g: Tensor, weightDecay: number): Tensor {
  return weightDecay === 0 ? g : add(g, mul(p, weightDecay));
}

/** old · b + now · (1 − b); without an old value, as if it were 0. */
export function average(old: Tensor | null | undefined, now: Tensor, b: number): Tensor {
  const fresh = mul(now, 1 - b);
  return old ? add(mul(old, b), fresh) : fresh;
}

/** An output like p, as all inputs must be. */
function alike(name: string, inputs: readonly (TensorSpec | null)[]): TensorSpec {
  const { shape } = inputs[0]!;
  for (const t of inputs) {
    if (t && !sameShape(t.shape, shape))
      fail(name, `a parameter of ${showShape(shape)} has a gradient or state of ${showShape(t.shape)}`);
  }
  return { dtype: 'float32', shape };
}

/**
 * b ← momentum · b + (1 − dampening) · g (first step: b ← g); p ← p − lr · b, or with Nesterov's momentum
 * p ← p − lr · (g + momentum · b). Without momentum p ← p − lr · g, and no buffer.
 */
export const sgdStep: FusedComposite<'sgd'> = defineFused({
  name: 'sgd',
  infer(inputs, { momentum }) {
    const p = alike('sgd', inputs);
    return momentum === 0 ? [p] : [p, p];
  },
  decompose([p, grad, before], { lr, weightDecay, momentum, dampening, nesterov }) {
    const g = decayed(p, grad, weightDecay);
    if (momentum === 0) return [sub(p, mul(g, lr))];
    const buffer = before ? add(mul(before, momentum), dampening === 0 ? g : mul(g, 1 - dampening)) : g;
    const direction = nesterov ? add(g, mul(buffer, momentum)) : buffer;
    return [sub(p, mul(direction, lr)), buffer];
  },
});

/** m ← β₁ · m + (1 − β₁) · g, v ← β₂ · v + (1 − β₂) · g², p ← shrink · p − rate · m / (√v + eps). */
export const adamStep: FusedComposite<'adam'> = defineFused({
  name: 'adam',
  infer(inputs) {
    const p = alike('adam', inputs);
    return [p, p, p];
  },
  decompose([p, grad, m0, v0], { rate, beta1, beta2, eps, weightDecay, shrink }) {
    const g = decayed(p, grad, weightDecay);
    const m = average(m0, g, beta1);
    const v = average(v0, mul(g, g), beta2);
    const update = div(m, add(sqrt(v), eps));
    return [sub(shrink === 1 ? p : mul(p, shrink), mul(update, rate)), m, v];
  },
});
