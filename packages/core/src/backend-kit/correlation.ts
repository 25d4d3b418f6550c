import type { ActivationGeometry, ConvProblem, Triple } from './geometry.ts';

/**
 * A correlation as a product of matrices, for backends where each row works out its own terms (shaders). Rows are positions
 * of the result, columns its channels. A row j (per axis) of class r is position `r + j · classes` of `to`. Under tap t it
 * reads `from` at j · step + (r + tapStart + t · tapStep) / classes where that division has no remainder, and nothing
 * elsewhere. A forward convolution has one class; an input gradient one for each remainder of its stride, so that the rows of a
 * class share their taps. (`Grid` says the same with the places of all taps in lists.)
 */
export interface CorrelationRows {
  readonly from: ActivationGeometry;
  readonly to: ActivationGeometry;
  readonly kernel: Triple;
  readonly classes: Triple;
  readonly step: Triple;
  readonly tapStart: Triple;
  readonly tapStep: Triple;
}

/** The rows of a convolution, from input to output. */
export function forwardRows({ input, output, window: w }: ConvProblem): CorrelationRows {
  return {
    from: input,
    to: output,
    kernel: w.kernel,
    classes: [1, 1, 1],
    step: w.stride,
    tapStep: w.dilation,
    tapStart: [-w.before[0], -w.before[1], -w.before[2]],
  };
}

/** The rows of its input gradient: position i takes tap t from the output (i + before − t · dilation) / stride, where that is whole. */
export function inputGradRows({ input, output, window: w }: ConvProblem): CorrelationRows {
  return {
    from: output,
    to: input,
    kernel: w.kernel,
    classes: w.stride,
    step: [1, 1, 1],
    tapStep: [-w.dilation[0], -w.dilation[1], -w.dilation[2]],
    tapStart: w.before,
  };
}
