import * as core from '@graftjs/core';
import type { Tensor } from '@graftjs/core';
import { standardize } from '@graftjs/core/extend';
import type { Attrs } from '../graph.ts';
import { axisOf } from './axes.ts';
import {
  number,
  numbers,
  onTensors,
  optionalTensor,
  tensorAt,
  type GraphOp,
  type Inputs,
} from './operation.ts';

const keepDims = { keepDims: true } as const;
const epsilonOf = (a: Attrs): number => number(a, 'epsilon', 1e-5);
const affineOf = (x: Inputs, a: Attrs): { weight: Tensor; bias: Tensor; eps: number } => ({
  weight: tensorAt(x, 1),
  bias: tensorAt(x, 2),
  eps: epsilonOf(a),
});

/** All axes from `axis` on. */
function axesFrom(x: Tensor, axis: number): number[] {
  return x.shape.map((_, i) => i).slice(axisOf(axis, x.rank));
}
/** All axes but the second. */
const axesOfChannel = (x: Tensor): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);

export const norms: Readonly<Record<string, GraphOp>> = onTensors({
  /** x `[n, c, ...]`, scale and shift `[c]`. */
  instanceNorm: (x, a) => core.instanceNorm(tensorAt(x, 0), affineOf(x, a)),
  /** x `[n, c, ...]`, scale and shift `[c]`. */
  groupNorm: (x, a) => core.groupNorm(tensorAt(x, 0), number(a, 'groups', 1), affineOf(x, a)),
  /** x, scale and an optional shift, which broadcast to it; over all axes from `axis` on. */
  layerNorm(x, a) {
    const input = tensorAt(x, 0);
    const bias = optionalTensor(x, 2);
    const y = core.mul(
      standardize(input, axesFrom(input, number(a, 'axis', -1)), epsilonOf(a)),
      tensorAt(x, 1),
    );
    return bias ? core.add(y, bias) : y;
  },
  /** The mean that `layerNorm` takes away. */
  layerMean(x, a) {
    const input = tensorAt(x, 0);
    return core.mean(input, axesFrom(input, number(a, 'axis', -1)), keepDims);
  },
  /** The factor that `layerNorm` multiplies with, 1 / √(variance + epsilon). */
  layerFactor(x, a) {
    const input = tensorAt(x, 0);
    const variance = core.variance(input, axesFrom(input, number(a, 'axis', -1)), keepDims);
    return core.rsqrt(core.add(variance, epsilonOf(a)));
  },
  /** x `[n, c, ...]`, scale and shift `[c]`: by the statistics of this batch, always. */
  batchNormOfBatch(x, a) {
    const input = tensorAt(x, 0);
    const wide = (p: Tensor): Tensor =>
      core.reshape(p, [p.size, ...new Array<number>(Math.max(input.rank - 2, 0)).fill(1)]);
    const y = standardize(input, axesOfChannel(input), epsilonOf(a));
    return core.add(core.mul(y, wide(tensorAt(x, 1))), wide(tensorAt(x, 2)));
  },
  /** `[n, c, ...]` → `[c]`. */
  channelMean: (x) => core.mean(tensorAt(x, 0), axesOfChannel(tensorAt(x, 0))),
  /** The biased variance, `[n, c, ...]` → `[c]`. */
  channelVariance: (x) => core.variance(tensorAt(x, 0), axesOfChannel(tensorAt(x, 0))),
  localResponseNorm: (x, a) =>
    core.localResponseNorm(tensorAt(x, 0), number(a, 'size', 1), {
      alpha: number(a, 'alpha', 1e-4),
      beta: number(a, 'beta', 0.75),
      k: number(a, 'bias', 1),
    }),
  /** (x − mean) / (√variance + 10⁻⁹). */
  meanVarianceNorm(x, a) {
    const input = tensorAt(x, 0);
    const axes = numbers(a, 'axes');
    const d = core.sub(input, core.mean(input, axes, keepDims));
    const variance = core.mean(core.mul(d, d), axes, keepDims);
    // The root of 0 has no gradient; that of 1e-38 is nothing beside 1e-9.
    return core.div(d, core.add(core.sqrt(core.maximum(variance, 1e-38)), 1e-9));
  },
  /** x / (Σ |x|ᵖ)^(1/p) along an axis, p 1 or 2. */
  lpNorm(x, a) {
    const input = tensorAt(x, 0);
    const axis = number(a, 'axis', -1);
    if (number(a, 'p', 2) === 1) return core.div(input, core.sum(core.abs(input), axis, keepDims));
    return core.div(input, core.sqrt(core.sum(core.mul(input, input), axis, keepDims)));
  },
});
