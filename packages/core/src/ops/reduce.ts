import { defineOp, type Primitive } from '../op.ts';
import type { Axes, ReduceOptions, Tensor } from '../tensor.ts';
import { showShape, sizeOf, type Shape } from '../types.ts';
import { ops } from './bound.ts';
import { fail, normalizeAxes, wantDtype } from './check.ts';

export const reduceOp: Primitive<'reduce'> = /* @__PURE__ */ defineOp({
  name: 'reduce',
  infer([x], { kind, axes, keepDims }) {
    wantDtype(kind, 'input', x, 'float32', 'int32');
    if (kind === 'argmax' && axes.length !== 1)
      fail('argmax', `one axis at a time, not [${axes.join(', ')}]`);
    if (kind !== 'sum' && axes.some((a) => x.shape[a] === 0))
      fail(kind, `${showShape(x.shape)} has no element to choose from`);
    const gone = new Set(axes);
    const shape = keepDims
      ? x.shape.map((d, i) => (gone.has(i) ? 1 : d))
      : x.shape.filter((_, i) => !gone.has(i));
    return { dtype: kind === 'argmax' ? 'int32' : x.dtype, shape };
  },
  vjp({ inputs: [x], gy, attrs: { kind, axes } }) {
    const gone = new Set(axes);
    if (kind === 'sum') {
      const kept = x.shape.map((d, i) => (gone.has(i) ? 1 : d));
      return [ops.broadcastTo(ops.reshape(gy, kept), x.shape)];
    }
    if (kind === 'argmax') return [null];
    // max: all to the first maximum, in row-major order of the reduced axes.
    const others = x.shape.map((_, i) => i).filter((i) => !gone.has(i));
    const [kept, joined] = [others, axes].map((list) => list.map((i) => x.shape[i]!));
    const moved = ops.reshape(ops.transpose(x, [...others, ...axes]), [...kept!, sizeOf(joined!)]);
    const places = ops.arange(moved.shape.at(-1)!, { backend: x.backend });
    const first = ops.equal(ops.expandDims(argmax(moved, -1), -1), places);
    // Chosen, not multiplied: an infinite gradient must not become NaN elsewhere.
    const flat = ops.select(first, ops.expandDims(ops.reshape(gy, moved.shape.slice(0, -1)), -1), 0);
    const back = ops.reshape(
      flat,
      [...others, ...axes].map((i) => x.shape[i]!),
    );
    const inverse = new Array<number>(x.rank);
    [...others, ...axes].forEach((p, i) => (inverse[p] = i));
    return [ops.transpose(back, inverse)];
  },
  flops: ([x]) => sizeOf(x.shape),
});

export const argsortOp: Primitive<'argsort'> = /* @__PURE__ */ defineOp({
  name: 'argsort',
  infer([x]) {
    wantDtype('argsort', 'input', x, 'float32', 'int32');
    return { dtype: 'int32', shape: x.shape };
  },
  // Positions are whole numbers: what is picked by them has a gradient, they have none.
  vjp: () => [null],
  flops: () => 0,
});

/**
 * Sum over `axes`.
 * @param x Any shape, float32 or int32.
 * @param axes One or several, negative ones from the end. Default: all, which gives a scalar.
 * @returns The shape without these axes, or with extent 1 there (`keepDims`).
 * @throws ShapeError where an axis does not exist or is named twice, or x is bool.
 * @example
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * sum(x); // → 21
 * sum(x, 1); // → [6, 15]
 * sum(x, 0, { keepDims: true }); // → [[5, 7, 9]]
 */
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduceOp.apply([x], {
    kind: 'sum',
    axes: normalizeAxes('sum', axes, x.rank),
    keepDims: options.keepDims ?? false,
  });
}

/**
 * Largest element over `axes`. The gradient goes to the first of equal maxima.
 * @param x Any shape, float32 or int32.
 * @param axes Default: all, which gives a scalar.
 * @throws ShapeError where an axis does not exist, there is no element to choose from, or x is bool.
 * @example
 * const x = tensor([[1, 5], [7, 3]]);
 * max(x); // → 7
 * max(x, 1); // → [5, 7]
 */
export function max(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduceOp.apply([x], {
    kind: 'max',
    axes: normalizeAxes('max', axes, x.rank),
    keepDims: options.keepDims ?? false,
  });
}

/**
 * Smallest element over `axes`. The gradient goes to the first of equal minima.
 * @param x Any shape, float32 or int32.
 * @param axes Default: all, which gives a scalar.
 * @throws ShapeError where an axis does not exist, there is no element to choose from, or x is bool.
 * @example
 * min(tensor([[1, 5], [7, 3]]), 1); // → [1, 3]
 */
export function min(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return ops.neg(max(ops.neg(x), axes, options));
}

/**
 * Position of the first largest element along `axis`, int32; without a gradient.
 * @param x Any shape of at least one axis, float32 or int32.
 * @param axis Default: the last.
 * @returns The shape without that axis.
 * @throws ShapeError where the axis does not exist or is empty, or x is bool.
 * @example
 * argmax(tensor([[0.1, 0.9], [0.8, 0.2]])); // → [1, 0]
 */
export function argmax(x: Tensor, axis = -1): Tensor {
  return reduceOp.apply([x], {
    kind: 'argmax',
    axes: normalizeAxes('argmax', axis, x.rank),
    keepDims: false,
  });
}

/**
 * Sum over `axes` divided by the number of elements; NaN of none.
 * @param x Any shape, float32.
 * @param axes Default: all, which gives a scalar.
 * @throws ShapeError where an axis does not exist or is named twice, or x is not float32.
 * @example
 * const x = tensor([[1, 2], [3, 6]]);
 * mean(x); // → 3
 * mean(x, 1); // → [1.5, 4.5]
 */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const list = normalizeAxes('mean', axes, x.rank);
  const n = list.reduce((p, a) => p * x.shape[a]!, 1);
  return ops.div(sum(x, list, options), n);
}

/**
 * Mean of squared deviations from the mean, in two passes; `correction` 1 gives the unbiased estimate. PyTorch's `var`, whose
 * correction is 1 if nothing is said: here it is 0.
 * @param x Any shape, float32.
 * @param axes Default: all, which gives a scalar.
 * @throws ShapeError where an axis does not exist or is named twice, or x is not float32.
 * @example
 * const x = tensor([1, 2, 3, 4]);
 * variance(x); // → 1.25
 * variance(x, 0, { correction: 1 }); // → 1.6667
 */
export function variance(
  x: Tensor,
  axes?: Axes,
  options: ReduceOptions & { readonly correction?: number } = {},
): Tensor {
  const list = normalizeAxes('variance', axes, x.rank);
  const n = list.reduce((p, a) => p * x.shape[a]!, 1);
  const d = ops.sub(x, mean(x, list, { keepDims: true }));
  return ops.div(sum(ops.mul(d, d), list, options), Math.max(n - (options.correction ?? 0), 0));
}

/**
 * The adjoint of broadcasting: sums `x` down to `shape`, which broadcasts to x's.
 * @param x Any shape, float32 or int32.
 * @throws ShapeError where `shape` does not broadcast to x's.
 * @example
 * sumTo(ones([2, 3]), [3]); // → [2, 2, 2]
 * sumTo(ones([2, 3]), [2, 1]); // → [[3], [3]]
 */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.rank - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return axes.length ? ops.reshape(sum(x, axes), shape) : x;
}
