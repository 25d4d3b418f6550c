import { GraftError } from '../errors.ts';
import { pow } from '../math/float32.ts';
import { add, gather, mul, reshape, sub } from '../ops/index.ts';
import type { Random } from '../rng/index.ts';
import type { Tensor } from '../tensor.ts';

/** Sample i is mixed with sample `partner[i]`, keeping the share `weight[i]` of itself. */
export interface MixupPairs {
  readonly partner: Int32Array;
  readonly weight: Float32Array;
}

/** Beyond it, nearly every draw is rejected. */
const MAX_ALPHA = 4;

/**
 * Draws partners and shares. λ ~ Beta(α, α) by Jöhnk's method (rejection on u^(1/α) + v^(1/α) ≤ 1); the larger share stays
 * with the sample itself, as the pair is symmetric. Zhang et al., "mixup" (2018).
 * @param alpha above 0 and at most 4; 0.2 is usual, small values mix less.
 */
export function mixupPairs(n: number, alpha: number, random: Random): MixupPairs {
  if (!(alpha > 0 && alpha <= MAX_ALPHA))
    throw new GraftError(`mixup: alpha must be above 0 and at most ${MAX_ALPHA}, not ${alpha}`);
  const weight = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    for (;;) {
      const a = pow(random.uniform(), Math.fround(1 / alpha));
      const b = pow(random.uniform(), Math.fround(1 / alpha));
      if (a + b > 1 || a + b === 0) continue;
      weight[i] = Math.max(a, b) / (a + b);
      break;
    }
  }
  return { partner: random.permutation(n), weight };
}

/**
 * Rows mixed with their partners' along the batch axis.
 * @param partner int32 `[n]`.
 * @param weight `[n]`.
 */
export function mixRows(x: Tensor, partner: Tensor, weight: Tensor): Tensor {
  const share = reshape(weight, [weight.size, ...x.shape.slice(1).map(() => 1)]);
  return add(mul(x, share), mul(gather(x, partner, 0), sub(1, share)));
}
