import { float32, GraftError } from '@graftjs/core';

/** A batch on the host: `count` samples one after the other, and their targets, `count` rows of one value a class. */
export interface Batch {
  readonly count: number;
  readonly inputs: Float32Array;
  /** One-hot, or any other probabilities. */
  readonly targets: Float32Array;
}

/** What mixup needs of a random stream; core's `Random` has it. */
export interface MixupDraws {
  uniform(): number;
  permutation(n: number): ArrayLike<number>;
}

const MAX_ALPHA = 4;

/**
 * A number between 0 and 1 from the distribution Beta(α, α), by Jöhnk's method: u^(1/α) and v^(1/α) for uniform u and v,
 * again and again until their sum is at most 1. Powers are core's, so the bits are the same everywhere. α = 1 is uniform.
 */
function drawShare(alpha: number, random: Pick<MixupDraws, 'uniform'>): number {
  for (;;) {
    const a = float32.pow(random.uniform(), 1 / alpha);
    const b = float32.pow(random.uniform(), 1 / alpha);
    if (a + b > 0 && a + b <= 1) return Math.fround(a / (a + b));
  }
}

/**
 * Mixes every sample and its target with a partner's (Zhang et al., "mixup", 2018): λ of itself and 1 − λ of the partner,
 * λ from Beta(α, α), at least ½ because a pair is symmetric. Partners are a random permutation of the batch.
 * @param alpha above 0 and at most 4; 0.2 is usual, small values mix less
 * @throws GraftError if α is out of range or the arrays do not hold `count` rows
 */
export function mixup(batch: Batch, alpha: number, random: MixupDraws): Batch {
  const { count, inputs, targets } = batch;
  if (!(alpha > 0 && alpha <= MAX_ALPHA)) {
    throw new GraftError(`mixup: alpha must be above 0 and at most ${MAX_ALPHA}; got ${alpha}`);
  }
  if (inputs.length % count !== 0 || targets.length % count !== 0) {
    throw new GraftError(
      `mixup: ${inputs.length} inputs and ${targets.length} targets are not rows of ${count} samples`,
    );
  }
  const shares = Float32Array.from({ length: count }, () => {
    const share = drawShare(alpha, random);
    return Math.max(share, 1 - share);
  });
  const partners = random.permutation(count);
  const mix = (values: Float32Array): Float32Array => {
    const size = values.length / count;
    const out = new Float32Array(values.length);
    for (let i = 0; i < count; i++) {
      const share = shares[i]!;
      const other = partners[i]! * size - i * size;
      for (let k = i * size; k < (i + 1) * size; k++) {
        out[k] = share * values[k]! + (1 - share) * values[k + other]!;
      }
    }
    return out;
  };
  return { count, inputs: mix(inputs), targets: mix(targets) };
}
