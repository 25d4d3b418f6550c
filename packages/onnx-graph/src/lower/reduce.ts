import type { GraphBuilder, Value } from './builder.ts';
import type { Lowerings } from './lowerings.ts';
import { cast, choose, elementwise, isNan, reduce, scalar, transpose } from './vocabulary.ts';

/** 1 where one of the reduced elements is NaN, for onnxruntime's maxima pass over NaN. */
function someNan(b: GraphBuilder, x: Value, axes: readonly number[], keepDims: boolean): Value {
  const count = reduce(b, 'ReduceMax', cast(b, isNan(b, x), 'float32'), axes, keepDims);
  return elementwise(b, 'Greater', [count, scalar(b, 0)], 'bool');
}

export const reduceLowerings: Pick<Lowerings, 'reduce' | 'argsort' | 'matmul'> = {
  reduce(b, [x], { kind, axes, keepDims }, { shape }) {
    if (kind === 'sum') return reduce(b, 'ReduceSum', x, axes, keepDims);
    const real = x.element === 'float32';
    if (kind === 'max') {
      const y = reduce(b, 'ReduceMax', x, axes, keepDims);
      return real && axes.length > 0 ? choose(b, someNan(b, x, axes, keepDims), scalar(b, NaN), y) : y;
    }
    const marked = real ? choose(b, someNan(b, x, axes, true), cast(b, isNan(b, x), 'float32'), x) : x;
    const attributes = { axis: axes[0]!, keepdims: Number(keepDims) };
    return cast(b, b.add('ArgMax', [marked], { shape, element: 'int64' }, attributes), 'int32');
  },

  argsort(b, [x], { axis, descending }, { shape }) {
    // Of equal values TopK takes the lower position first.
    const sorted = (keys: Value): Value =>
      b.addAll('TopK', [keys, b.ints([shape[axis]!])], [{ shape }, { shape, element: 'int64' }], {
        axis,
        largest: Number(descending),
        sorted: 1,
      })[1]!;
    if (x.element !== 'float32') return cast(b, sorted(x), 'int32');
    // It has no place for NaN: that goes beside +∞ first, and then past it.
    const taken = (from: Value, at: Value): Value =>
      b.add('GatherElements', [from, at], { shape, element: from.element }, { axis });
    const nan = isNan(b, x);
    const order = sorted(choose(b, nan, scalar(b, Infinity), x));
    const last = sorted(taken(cast(b, nan, 'float32'), order));
    return cast(b, taken(order, last), 'int32');
  },

  matmul(b, [x, y], { transposeA, transposeB }, { shape }) {
    if (shape.length === 2) {
      return b.add('Gemm', [x, y], { shape }, { transA: Number(transposeA), transB: Number(transposeB) });
    }
    const rank = shape.length;
    const swapped = [...shape.keys()].map((i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    const [p, q] = [transposeA ? transpose(b, x, swapped) : x, transposeB ? transpose(b, y, swapped) : y];
    return b.add('MatMul', [p, q], { shape });
  },
};
