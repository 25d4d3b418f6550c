import { GraftError } from '../errors.ts';
import { currentRandom } from '../nn/random-context.ts';
import { mul } from '../ops/index.ts';
import { hostTensor } from '../ops/lift.ts';
import { wantOneOf } from '../ops/check.ts';
import { channelAxis } from '../ops/spatial.ts';
import type { Random } from '../rng/index.ts';
import type { Tensor } from '../tensor.ts';
import { sizeOf, type Layout } from '../types.ts';

export interface DropoutOptions {
  /** Without it, nothing is dropped. Default true. */
  readonly training?: boolean;
  /** Default: `currentRandom()`. */
  readonly random?: Random;
  /**
   * What is kept or dropped together: single elements, whole channels of a sample (Tompson et al., 2015,
   * arXiv:1411.4280), or whole samples, which in a residual branch is stochastic depth (Huang et al., 2016,
   * arXiv:1603.09382). Default `'element'`.
   */
  readonly per?: 'element' | 'channel' | 'sample';
  /** Where `per: 'channel'` finds the channels. Default channels-first. */
  readonly layout?: Layout;
}

/**
 * Sets elements to 0 with probability p and divides the others by 1 − p. (Srivastava et al., 2014)
 *
 * The mask is drawn on the host from a counter-based stream, one number per element in row-major order: so it is the
 * same on every backend.
 * @param x Any shape, float32; `[n, c, ...spatial]` with `per: 'channel'`.
 * @returns The same shape.
 * @throws GraftError where p is not in [0, 1], ShapeError where `per` or the layout is not known.
 * @example
 * const y = dropout(ones([1000]), 0.25, { random: new Random(7) });
 * max(y); // → 1.3333
 * mean(y); // → 1.0
 * dropout(ones([3]), 0.25, { training: false }); // → [1, 1, 1]
 */
export function dropout(x: Tensor, p: number, options: DropoutOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new GraftError(`dropout: the probability ${p} is not between 0 and 1`);
  if (!(options.training ?? true) || p === 0) return x;
  const per = options.per ?? 'element';
  wantOneOf('dropout', 'per', per, ['element', 'channel', 'sample']);
  const channel = channelAxis(options.layout ?? 'channels-first', x.rank);
  const shape = x.shape.map((d, i) =>
    per === 'element' || i === 0 || (per === 'channel' && i === channel) ? d : 1,
  );
  const draw = (): Float32Array => {
    const drawn = (options.random ?? currentRandom()).uniformArray(sizeOf(shape));
    const mask = new Float32Array(drawn.length);
    for (let i = 0; i < mask.length; i++) mask[i] = drawn[i]! < p ? 0 : 1 / (1 - p);
    return mask;
  };
  return mul(x, hostTensor(shape, draw, x.backend));
}
