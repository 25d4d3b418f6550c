import { GraftError } from '../errors.ts';
import { wantOneOf } from '../ops/check.ts';
import { showShape, sizeOf, type Shape } from '../types.ts';

/**
 * Inputs and outputs of one unit: `[out, in / groups, ...kernel]` has in / groups · kernel and out · kernel of them.
 * @throws GraftError for a shape of fewer than two axes.
 * @example
 * fans([8, 3, 5, 5]); // → { fanIn: 75, fanOut: 200 }
 */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2)
    throw new GraftError(`fan-in and fan-out need at least two axes, not ${showShape(shape)}`);
  const window = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * window, fanOut: shape[0]! * window };
}

/** What a layer's activation does to the scale of its inputs, as in PyTorch's `calculate_gain`. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

const NONLINEARITIES = ['linear', 'sigmoid', 'tanh', 'relu', 'leakyRelu', 'selu'];

/**
 * The factor on the standard deviation that makes up for a nonlinearity; `slope` is leaky relu's.
 * @throws GraftError for a nonlinearity that is none of these.
 * @example
 * gain('relu'); // → 1.414
 */
export function gain(nonlinearity: Nonlinearity, slope = 0.01): number {
  wantOneOf('gain', 'nonlinearity', nonlinearity, NONLINEARITIES);
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + slope * slope));
    case 'selu':
      return 3 / 4;
    default:
      return 1;
  }
}
