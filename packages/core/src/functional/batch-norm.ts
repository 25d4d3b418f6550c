import { composite, customVjp, noGrad } from '../op.ts';
import { add, div, mul, rsqrt, sub, sum } from '../ops/index.ts';
import { fail } from '../ops/check.ts';
import { channelAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Layout } from '../types.ts';
import { channelsOf, perChannel, wantPerChannel } from './channels.ts';
import { plusStatistics, type ChannelNormOptions } from './norm.ts';

/** Mean and variance of each channel, both `[c]`. */
export interface ChannelStatistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export interface BatchNormOptions extends ChannelNormOptions {
  /** Use the batch's statistics and move the running ones. Default false. */
  readonly training?: boolean;
  /** Weight of the new batch: running = (1 − momentum) · running + momentum · batch (PyTorch's convention). Default 0.1. */
  readonly momentum?: number;
}

/**
 * Batch normalization, (x − mean) / √(variance + eps) · weight + bias per channel. (Ioffe, Szegedy, 2015, arXiv:1502.03167)
 *
 * In training, mean and biased variance are the batch's, over all axes but the channels' and in two passes; the running
 * variance takes the unbiased one. In evaluation the given statistics make it x · scale + shift.
 * @param x `[n, c, ...spatial]` or `[n, c]` (or channels-last).
 * @param running Statistics so far.
 * @returns `y`, and the running statistics afterwards: new tensors in training, unseen by tapes; otherwise the given ones.
 * @throws ShapeError in training with a single value per channel, whose variance says nothing.
 */
export function batchNorm(
  x: Tensor,
  running: ChannelStatistics,
  options: BatchNormOptions = {},
): ChannelStatistics & { readonly y: Tensor } {
  const { weight = null, bias = null, eps = 1e-5, layout = 'channels-first', momentum = 0.1 } = options;
  const c = channelsOf('batchNorm', x.shape, layout);
  wantPerChannel('batchNorm', 'the running mean', running.mean, c);
  wantPerChannel('batchNorm', 'the running variance', running.variance, c);
  if (weight) wantPerChannel('batchNorm', 'weight', weight, c);
  if (bias) wantPerChannel('batchNorm', 'bias', bias, c);
  if (!options.training) {
    return {
      y: scaleShift(x, running, weight, bias, eps, layout),
      mean: running.mean,
      variance: running.variance,
    };
  }
  const n = x.size / c;
  if (n === 1) {
    fail(
      'batchNorm',
      `training on ${showShape(x.shape)} leaves one value per channel, and its variance is 0: use a larger batch, or stored statistics`,
    );
  }
  return composite(() => {
    const { y, mean, variance } = overBatch(x, weight, bias, eps, layout);
    const blend = (old: Tensor, now: Tensor, factor: number): Tensor =>
      add(mul(old, 1 - momentum), mul(now, factor));
    return noGrad(() => ({
      y,
      mean: blend(running.mean, mean, momentum),
      variance: blend(running.variance, variance, (momentum * n) / (n - 1)),
    }));
  });
}

function scaleShift(
  x: Tensor,
  { mean, variance }: ChannelStatistics,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
  layout: Layout,
): Tensor {
  return composite(() => {
    const inverse = rsqrt(add(variance, eps));
    const scale = weight ? mul(weight, inverse) : inverse;
    const down = mul(mean, scale);
    const shift = bias ? sub(bias, down) : mul(down, -1);
    return add(mul(x, perChannel(scale, x.rank, layout)), perChannel(shift, x.rank, layout));
  });
}

function overBatch(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
  layout: Layout,
): ChannelStatistics & { readonly y: Tensor } {
  const channel = channelAxis(layout, x.rank);
  const axes = x.shape.map((_, i) => i).filter((i) => i !== channel);
  const c = x.shape[channel]!;
  const n = x.size / c;
  const wide = (p: Tensor): Tensor => perChannel(p, x.rank, layout);
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  const [y, mean, variance] = customVjp(
    'batchNorm',
    inputs,
    () => {
      const m = div(sum(x, axes), n);
      const d = sub(x, wide(m));
      const v = div(sum(mul(d, d), axes), n);
      const inverse = rsqrt(add(v, eps));
      const scaled = mul(d, wide(weight ? mul(weight, inverse) : inverse));
      return [bias ? add(scaled, wide(bias)) : scaled, m, v];
    },
    // Mean and variance are outputs so that a gradient of this gradient reaches x through them.
    ({ outputs: [, m, v], grads: [g, gMean, gVariance], needs }) =>
      composite(() => {
        const toWeight = weight !== null && needs[1]!;
        const toBias = bias !== null && needs[weight ? 2 : 1]!;
        let gx: Tensor | null = null;
        let gWeight: Tensor | null = null;
        let gBias: Tensor | null = null;
        if (g) {
          const inverse = rsqrt(add(v!, eps));
          const sumG = sum(g, axes);
          if (toBias) gBias = sumG;
          if (needs[0] || toWeight) {
            // gx = scale · (g − mean(g) − x̂ · mean(g · x̂)), x̂ = d · inverse, ordered for few passes over x.
            const d = sub(x, wide(m!));
            const along = mul(sum(mul(g, d), axes), inverse); // Σ g · x̂ = the weight's gradient
            if (toWeight) gWeight = along;
            if (needs[0]) {
              const scale = weight ? mul(weight, inverse) : inverse;
              const perD = mul(mul(scale, inverse), div(along, n));
              const constant = mul(scale, div(sumG, n));
              gx = sub(sub(mul(g, wide(scale)), mul(d, wide(perD))), wide(constant));
            }
          }
        }
        if (needs[0] && (gMean || gVariance)) {
          gx = plusStatistics(gx, x, wide(m!), gMean && wide(gMean), gVariance && wide(gVariance), n);
        }
        return [gx, ...(weight ? [gWeight] : []), ...(bias ? [gBias] : [])];
      }),
  );
  return { y: y!, mean: mean!, variance: variance! };
}
