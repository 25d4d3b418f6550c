import { composite, customVjp } from '../op.ts';
import { div, exp, log, max, mul, sub, sum } from '../ops/index.ts';
import { normalizeAxis } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';

const keepDims = { keepDims: true } as const;

/**
 * exp(x) / Σ exp(x) along `axis` (default: the last); the maximum is subtracted first, so nothing overflows.
 * @param x Any shape of at least one axis, float32.
 * @returns The same shape.
 * @throws ShapeError where the axis does not exist or is empty, or x is not float32.
 * @example
 * softmax(tensor([[1, 1, 1, 1], [1000, 0, 0, 0]])); // → [[0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0]]
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  const a = normalizeAxis('softmax', axis, x.rank);
  return customVjp(
    'softmax',
    [x],
    () => {
      const e = exp(sub(x, max(x, a, keepDims)));
      return [div(e, sum(e, a, keepDims))];
    },
    ({ outputs, gy }) => {
      const y = outputs[0]!;
      return [composite(() => mul(y, sub(gy, sum(mul(gy, y), a, keepDims))))];
    },
    { axis: a },
  )[0]!;
}

/**
 * log(softmax(x)) along `axis` (default: the last), computed as x − max − log Σ exp(x − max).
 * @param x Any shape of at least one axis, float32.
 * @returns The same shape.
 * @throws ShapeError where the axis does not exist or is empty, or x is not float32.
 * @example
 * logSoftmax(tensor([0, 0])); // → [-0.693, -0.693]
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const a = normalizeAxis('logSoftmax', axis, x.rank);
  return customVjp(
    'logSoftmax',
    [x],
    () => [logSoftmaxForward(x, a)],
    ({ outputs, gy }) => [logSoftmaxGrad(outputs[0]!, gy, a)],
    { axis: a },
  )[0]!;
}

export function logSoftmaxForward(x: Tensor, axis: number): Tensor {
  const shifted = sub(x, max(x, axis, keepDims));
  return sub(shifted, log(sum(exp(shifted), axis, keepDims)));
}

/** Of y = logSoftmax(x): gy − exp(y) · Σ gy. */
export function logSoftmaxGrad(y: Tensor, gy: Tensor, axis: number): Tensor {
  return composite(() => sub(gy, mul(exp(y), sum(gy, axis, keepDims))));
}
