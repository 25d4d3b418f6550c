import type { BatchNormAttrs } from '../fused.ts';
import { composite, customVjp, defineFused, noGrad, type FusedComposite } from '../op.ts';
import { fail } from '../ops/check.ts';
import { add, div, mul, rsqrt, sub, sum } from '../ops/index.ts';
import { channelAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { showShape, type Layout, type TensorSpec } from '../types.ts';
import { channelsOf, perChannel, wantPerChannel } from './channels.ts';
import type { ChannelNormOptions } from './norm.ts';
import { plusStatistics } from './standardize.ts';

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
 * @param running Statistics so far, `[c]` each.
 * @returns `y`, and the running statistics afterwards: new tensors in training, unseen by tapes; otherwise the given ones.
 * @throws ShapeError where a parameter is not `[c]`, and in training with a single value per channel, whose variance says
 * nothing. An empty batch moves nothing.
 * @example
 * const running = { mean: zeros([1]), variance: ones([1]) };
 * const { y, mean, variance } = batchNorm(tensor([[1], [3]]), running, { training: true });
 * y; // → [[-1.0], [1.0]]
 * mean; // → [0.2]
 * variance; // → [1.1]
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
  // A batch without a value says nothing: the statistics stay as they are.
  if (!options.training || x.size === 0) {
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
    const { y, mean, variance } = overBatch(x, weight, bias, { eps, layout });
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
  running: ChannelStatistics,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
  layout: Layout,
): Tensor {
  return composite(
    () => {
      const { scale, shift } = storedAffine(running, weight, bias, eps);
      return add(mul(x, perChannel(scale, x.rank, layout)), perChannel(shift, x.rank, layout));
    },
    {
      name: 'batchNormInference',
      inputs: [x, running.mean, running.variance, weight, bias],
      attrs: { eps, layout },
    },
  );
}

/**
 * Batch norm on stored statistics is x · scale + shift, both `[c]`.
 * @throws ShapeError where the parameters are not float32 or do not broadcast.
 * @example
 * const { scale, shift } = storedAffine({ mean: tensor([1]), variance: tensor([4]) }, null, null, 0);
 * scale; // → [0.5]
 * shift; // → [-0.5]
 */
export function storedAffine(
  { mean, variance }: ChannelStatistics,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): { readonly scale: Tensor; readonly shift: Tensor } {
  const [scale, shift] = composite(
    () => {
      const inverse = rsqrt(add(variance, eps));
      const factor = weight ? mul(weight, inverse) : inverse;
      const down = mul(mean, factor);
      return [factor, bias ? sub(bias, down) : mul(down, -1)];
    },
    { name: 'storedAffine', inputs: [mean, variance, weight, bias], attrs: { eps } },
  ) as [Tensor, Tensor];
  return { scale, shift };
}

/** Mean and variance take two passes: first the mean, then the squared deviations from it. */
export const batchNormForward: FusedComposite<'batchNorm'> = defineFused({
  name: 'batchNorm',
  infer: ([x], { layout }) => [x, statisticsOf(x, layout), statisticsOf(x, layout)],
  decompose([x, weight, bias], { eps, layout }) {
    const { axes, n, wide } = over(x, layout);
    const mean = div(sum(x, axes), n);
    const d = sub(x, wide(mean));
    const variance = div(sum(mul(d, d), axes), n);
    const inverse = rsqrt(add(variance, eps));
    const scaled = mul(d, wide(weight ? mul(weight, inverse) : inverse));
    return [bias ? add(scaled, wide(bias)) : scaled, mean, variance];
  },
});

/** gx = scale · (g − mean(g) − x̂ · mean(g · x̂)), x̂ = d · inverse, ordered for few passes over x. */
export const batchNormGrad: FusedComposite<'batchNormGrad'> = defineFused({
  name: 'batchNormGrad',
  infer: ([x], { layout }) => [x, statisticsOf(x, layout), statisticsOf(x, layout)],
  decompose([x, g, mean, variance, weight], { eps, layout }) {
    const { n, wide } = over(x, layout);
    const { inverse, d, along, sumG } = gradSums(x, g, mean, variance, { eps, layout });
    const scale = weight ? mul(weight, inverse) : inverse;
    const perD = mul(mul(scale, inverse), div(along, n));
    const constant = mul(scale, div(sumG, n));
    return [sub(sub(mul(g, wide(scale)), mul(d, wide(perD))), wide(constant)), along, sumG];
  },
});

/** Σ g · x̂, the weight's gradient, and Σ g, the bias's. */
function gradSums(
  x: Tensor,
  g: Tensor,
  mean: Tensor,
  variance: Tensor,
  { eps, layout }: BatchNormAttrs,
): Readonly<Record<'inverse' | 'd' | 'along' | 'sumG', Tensor>> {
  const { axes, wide } = over(x, layout);
  const inverse = rsqrt(add(variance, eps));
  const d = sub(x, wide(mean));
  return { inverse, d, along: mul(sum(mul(g, d), axes), inverse), sumG: sum(g, axes) };
}

/** `[c]` */
function statisticsOf({ shape }: TensorSpec, layout: Layout): TensorSpec {
  return { dtype: 'float32', shape: [shape[channelAxis(layout, shape.length)]!] };
}

/** All axes but the channels', the number of values that a channel has there, and how `[c]` broadcasts. */
function over(
  x: Tensor,
  layout: Layout,
): { readonly axes: number[]; readonly n: number; readonly wide: (p: Tensor) => Tensor } {
  const channel = channelAxis(layout, x.rank);
  const axes = x.shape.map((_, i) => i).filter((i) => i !== channel);
  return {
    axes,
    n: x.size / x.shape[channel]!,
    wide: (p) => perChannel(p, x.rank, layout),
  };
}

function overBatch(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  attrs: BatchNormAttrs,
): ChannelStatistics & { readonly y: Tensor } {
  const [y, mean, variance] = customVjp(
    'batchNorm',
    [x, weight, bias],
    () => batchNormForward.apply([x, weight, bias], attrs),
    // Mean and variance are outputs so that a gradient of this gradient reaches x through them.
    ({ outputs: [, m, v], grads: [g, gMean, gVariance], needs }) =>
      composite(() => {
        let gx: Tensor | null = null;
        let gWeight: Tensor | null = null;
        let gBias: Tensor | null = null;
        if (g && needs[0]) {
          [gx, gWeight, gBias] = batchNormGrad.apply([x, g, m!, v!, weight], attrs);
        } else if (g) {
          ({ along: gWeight, sumG: gBias } = gradSums(x, g, m!, v!, attrs));
        }
        if (needs[0] && (gMean || gVariance)) {
          const { n, wide } = over(x, attrs.layout);
          gx = plusStatistics(gx, x, wide(m!), gMean && wide(gMean), gVariance && wide(gVariance), n);
        }
        return [gx, gWeight, gBias];
      }),
  );
  return { y: y!, mean: mean!, variance: variance! };
}
