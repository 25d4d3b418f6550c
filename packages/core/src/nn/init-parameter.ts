import { wantRoom, wantShape } from '../ops/check.ts';
import { tensor } from '../ops/index.ts';
import type { Shape } from '../types.ts';
import { fans } from './fans.ts';
import { kaimingUniform, uniformInit, type BackendOption, type Initializer } from './init.ts';
import { Parameter } from './parameter.ts';
import { currentRandom } from './random-context.ts';

/**
 * PyTorch's default for convolutions and linear layers: uniform in ±1 / √fanIn, that is, `kaimingUniform` with slope √5.
 * @throws GraftError for a shape of fewer than two axes.
 */
export const defaultWeightInit: Initializer = kaimingUniform({ slope: Math.sqrt(5) });

/**
 * PyTorch's default for their biases: uniform in ±1 / √fanIn of the weight.
 * @throws GraftError for a shape of fewer than two axes.
 */
export function defaultBiasInit(weightShape: Shape): Initializer {
  const bound = 1 / Math.sqrt(Math.max(fans(weightShape).fanIn, 1));
  return uniformInit(-bound, bound);
}

/**
 * A parameter with values drawn from `currentRandom()`.
 * @throws ShapeError for what is no shape, OutOfMemoryError where there is no room for it.
 */
export function initParameter(shape: Shape, init: Initializer, options: BackendOption = {}): Parameter {
  wantShape('a parameter', shape);
  wantRoom('a parameter', { dtype: 'float32', shape }, options.backend);
  options.reserve?.(shape);
  const values = init(shape, currentRandom());
  return new Parameter(
    tensor(values, shape, { dtype: 'float32', ...(options.backend ? { backend: options.backend } : {}) }),
  );
}
