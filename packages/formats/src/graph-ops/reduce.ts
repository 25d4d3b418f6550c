import * as core from '@graftjs/core';
import type { Tensor } from '@graftjs/core';
import { number, optionalNumbers, tensorAt, type GraphOp } from './arguments.ts';

/** Over the axes named, or over all. */
const reduction =
  (f: (x: Tensor, axes: number[] | undefined, options: { keepDims: boolean }) => Tensor): GraphOp =>
  (x, a) =>
    f(tensorAt(x, 0), optionalNumbers(a, 'axes'), { keepDims: a['keepDims'] === true });

export const reductions: Readonly<Record<string, GraphOp>> = {
  mean: reduction(core.mean),
  sum: reduction(core.sum),
  max: reduction(core.max),
  min: reduction(core.min),
  argmax(x, a) {
    const axis = number(a, 'axis', 0);
    const y = core.argmax(tensorAt(x, 0), axis);
    return a['keepDims'] === true ? core.expandDims(y, axis < 0 ? axis + y.rank + 1 : axis) : y;
  },
};
