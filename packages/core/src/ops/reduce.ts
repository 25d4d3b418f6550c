import { defineOp, type Primitive } from '../op.ts';
import type { Axes, ReduceOptions, Tensor } from '../tensor.ts';
import { showShape, sizeOf, type Shape } from '../types.ts';
import { ops } from './bound.ts';
import { fail, normalizeAxes, wantDtype } from './check.ts';

export const reduceOp: Primitive<'reduce'> = defineOp({
  name: 'reduce',
  infer([x], { kind, axes, keepDims }) {
    wantDtype(kind, 'input', x!, 'float32', 'int32');
    if (kind === 'argmax' && axes.length !== 1)
      fail('argmax', `one axis at a time, not [${axes.join(', ')}]`);
    if (kind !== 'sum' && axes.some((a) => x!.shape[a] === 0))
      fail(kind, `${showShape(x!.shape)} has no element to choose from`);
    const gone = new Set(axes);
    const shape = keepDims
      ? x!.shape.map((d, i) => (gone.has(i) ? 1 : d))
      : x!.shape.filter((_, i) => !gone.has(i));
    return { dtype: kind === 'argmax' ? 'int32' : x!.dtype, shape };
  },
  vjp({ inputs, gy, attrs: { kind, axes } }) {
    const x = inputs[0]!;
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
  flops: ([x]) => sizeOf(x!.shape),
});

/** Sum over `axes` (default: all). */
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduceOp.apply([x], {
    kind: 'sum',
    axes: normalizeAxes('sum', axes, x.rank),
    keepDims: options.keepDims ?? false,
  });
}

/** Largest element over `axes` (default: all). The gradient goes to the first of equal maxima. */
export function max(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduceOp.apply([x], {
    kind: 'max',
    axes: normalizeAxes('max', axes, x.rank),
    keepDims: options.keepDims ?? false,
  });
}

/** Smallest element over `axes` (default: all). */
export function min(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return ops.neg(max(ops.neg(x), axes, options));
}

/** Position of the first largest element along `axis` (default: the last), int32. */
export function argmax(x: Tensor, axis = -1): Tensor {
  return reduceOp.apply([x], {
    kind: 'argmax',
    axes: normalizeAxes('argmax', axis, x.rank),
    keepDims: false,
  });
}

/** Sum divided by the number of elements. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const list = normalizeAxes('mean', axes, x.rank);
  const n = list.reduce((p, a) => p * x.shape[a]!, 1);
  return ops.div(sum(x, list, options), n);
}

/** Mean of squared deviations from the mean, in two passes; `correction` 1 gives the unbiased estimate. */
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

/** The adjoint of broadcasting: sums `x` down to `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.rank - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return axes.length ? ops.reshape(sum(x, axes), shape) : x;
}
