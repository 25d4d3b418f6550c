import * as core from '@graftjs/core';
import type { Tensor } from '@graftjs/core';
import { composite, customVjp } from '@graftjs/core/extend';
import { axisOf } from './axes.ts';
import { keptShape, reducing } from './host.ts';
import { number, optionalNumbers, tensorAt, type GraphOp } from './operation.ts';

/** Over the axes named, or over all. */
const reduction = (
  f: (x: Tensor, axes: number[] | undefined, options: { keepDims: boolean }) => Tensor,
  host?: GraphOp['host'],
): GraphOp => ({
  run: (x, a) => f(tensorAt(x, 0), optionalNumbers(a, 'axes'), { keepDims: a['keepDims'] === true }),
  ...(host && { host }),
  movesChannels: true,
});

/** √Σx². Its gradient is x / √Σx², and 0 where that is 0 / 0, as PyTorch's norm has it. */
function euclidean(x: Tensor, axes: number[] | undefined, options: { keepDims: boolean }): Tensor {
  const given = axes ?? x.shape.map((_, i) => i);
  const kept = keptShape(
    x.shape,
    given.map((axis) => axisOf(axis, x.rank)),
  );
  return customVjp(
    'euclidean',
    [x],
    () => [core.sqrt(core.sum(core.mul(x, x), given, options))],
    ({ outputs, gy }) => [
      composite(() => {
        const [y, g] = [outputs[0]!, gy].map((t) => core.reshape(t, kept)) as [Tensor, Tensor];
        return core.mul(x, core.div(g, core.select(core.equal(y, 0), 1, y)));
      }),
    ],
  )[0]!;
}

export const reductions: Readonly<Record<string, GraphOp>> = {
  mean: {
    ...reduction(
      core.mean,
      reducing(0, (a, b) => a + b, true),
    ),
    nearClassifier: 'around',
  },
  sum: reduction(
    core.sum,
    reducing(0, (a, b) => a + b),
  ),
  max: reduction(core.max, reducing(-Infinity, Math.max)),
  min: reduction(core.min, reducing(Infinity, Math.min)),
  prod: reduction(
    core.prod,
    reducing(1, (a, b) => a * b),
  ),
  euclidean: reduction(euclidean),
  /** The position of the first of equal maxima, or of the last (`last`). */
  argmax: {
    run(x, a) {
      const input = tensorAt(x, 0);
      const axis = axisOf(number(a, 'axis', 0), input.rank);
      const y =
        a['last'] === true
          ? core.sub(input.shape[axis]! - 1, core.argmax(core.flip(input, axis), axis))
          : core.argmax(input, axis);
      return a['keepDims'] === true ? core.expandDims(y, axis) : y;
    },
    element: 'int64',
  },
  cumulativeSum: {
    run(x, a) {
      const input = tensorAt(x, 0);
      const [exclusive, reverse] = [a['exclusive'] === true, a['reverse'] === true];
      return core.cumsum(input, axisOf(number(a, 'axis', 0), input.rank), { exclusive, reverse });
    },
  },
  einsum: { run: (x, a) => core.einsum(String(a['equation']), ...x.map((_, i) => tensorAt(x, i))) },
};
