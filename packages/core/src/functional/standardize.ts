import { composite, customVjp } from '../op.ts';
import { add, broadcastTo, div, mul, rsqrt, sub, sum } from '../ops/index.ts';
import { normalizeAxes } from '../ops/check.ts';
import type { Axes, Tensor } from '../tensor.ts';

const keepDims = { keepDims: true } as const;

/**
 * (x − mean) / √(variance + eps) over `axes`, with the biased variance, in two passes: first the mean, then the squared
 * deviations from it, which loses nothing to cancellation when the mean is large.
 * @param x Any shape, float32.
 * @returns The same shape.
 * @throws ShapeError where an axis does not exist or is named twice, or x is not float32.
 * @example
 * standardize(tensor([[1, 3], [10, 30]]), 1); // → [[-1.0, 1.0], [-1.0, 1.0]]
 */
export function standardize(x: Tensor, axes: Axes, eps = 1e-5): Tensor {
  const over = normalizeAxes('standardize', axes, x.rank);
  const n = over.reduce((p, a) => p * x.shape[a]!, 1);
  return composite(
    () =>
      customVjp(
        'standardize',
        [x],
        () => {
          const mean = div(sum(x, over, keepDims), n);
          const d = sub(x, mean);
          const variance = div(sum(mul(d, d), over, keepDims), n);
          return [mul(d, rsqrt(add(variance, eps))), mean, variance];
        },
        // Mean and variance are outputs so that a gradient of this gradient reaches x through them.
        ({ outputs, grads }) => {
          const [y, mean, variance] = outputs as [Tensor, Tensor, Tensor];
          return [
            composite(() => {
              const [g, gMean, gVariance] = grads;
              let gx: Tensor | null = null;
              if (g) {
                const centred = sub(g, div(sum(g, over, keepDims), n));
                const along = mul(y, div(sum(mul(g, y), over, keepDims), n));
                gx = mul(sub(centred, along), rsqrt(add(variance, eps)));
              }
              return plusStatistics(gx, x, mean, gMean, gVariance, n);
            }),
          ];
        },
        { axes: over, eps },
      )[0]!,
  );
}

/** Adds what flows back through the mean and the (biased) variance of n elements: gm / n + 2 gv (x − mean) / n. */
export function plusStatistics(
  gx: Tensor | null,
  x: Tensor,
  mean: Tensor,
  gMean: Tensor | null | undefined,
  gVariance: Tensor | null | undefined,
  n: number,
): Tensor | null {
  let total = gx;
  const plus = (t: Tensor): void => {
    total = total ? add(total, t) : broadcastTo(t, x.shape);
  };
  if (gMean) plus(div(gMean, n));
  if (gVariance) plus(mul(sub(x, mean), mul(gVariance, 2 / n)));
  return total;
}
