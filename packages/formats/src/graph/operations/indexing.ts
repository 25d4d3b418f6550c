import * as core from '@graftjs/core';
import { isTensor, ShapeError, sizeOf, type DType, type IndexArray, type Tensor } from '@graftjs/core';
import { composite } from '@graftjs/core/extend';
import { boundedShape } from '../host-array.ts';
import { axisOf } from './axes.ts';
import { number, numbers, numbersAt, onTensors, tensorAt, type GraphOp, type Inputs } from './operation.ts';

/** Input `i` as indices: on the host where they are known there. */
function indicesAt(x: Inputs, i: number): Tensor | IndexArray {
  return isTensor(x[i]!) ? x[i] : hostIndicesAt(x, i);
}
function hostIndicesAt(x: Inputs, i: number): { shape: core.Shape; data: number[] } {
  const given = x[i]!;
  return { shape: typeof given === 'number' ? [] : given.shape, data: numbersAt(x, i) };
}
const reductionOf = (a: Readonly<Record<string, unknown>>): { reduction: core.ScatterReduction } => ({
  reduction: (a['reduction'] as core.ScatterReduction | undefined) ?? 'none',
});

/** Where an element of the last two axes lies: on diagonal `k` or above it, or on it or below. */
function triangle(x: Tensor, k: number, upper: boolean): Tensor {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const inside = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const d = (i % columns) - Math.floor(i / columns);
    return Number(upper ? d >= k : d <= k);
  });
  return core.tensor(inside, [rows, columns], { dtype: 'bool', backend: x.backend });
}

/** 1 at an index along a new axis, `on` there and `off` elsewhere; what is outside −depth … depth − 1 has no place. */
function oneHot(indices: Tensor, depth: number, axis: number, [off, on]: number[], dtype: DType): Tensor {
  const at = axisOf(axis, indices.rank + 1);
  boundedShape([...indices.shape, depth]);
  const whole = core.cast(indices, 'int32');
  const wrapped = core.expandDims(core.select(core.less(whole, 0), core.add(whole, depth), whole), at);
  const along = [depth, ...new Array<number>(indices.rank - at).fill(1)];
  const { backend } = indices;
  const hot = core.equal(wrapped, core.reshape(core.arange(depth, { backend }), along));
  return core.select(hot, core.full([], on!, { dtype, backend }), off!);
}

/** For each batch, the first `lengths[b]` steps in reverse; the rest stays. */
function reverseSequence(x: Tensor, lengths: readonly number[], batchAxis: number, timeAxis: number): Tensor {
  const rest = x.shape.map((_, i) => i).filter((i) => i !== batchAxis && i !== timeAxis);
  const perm = [batchAxis, timeAxis, ...rest];
  const moved = core.transpose(x, perm);
  const [batch, time] = moved.shape as [number, number];
  if (lengths.length !== batch || lengths.some((n) => !(n >= 0 && n <= time)))
    throw new ShapeError(`lengths [${lengths.join(', ')}] of ${batch} sequences of ${time} steps`);
  const from = Array.from({ length: batch * time }, (_, i) => {
    const [b, t] = [Math.floor(i / time), i % time];
    return b * time + (t < lengths[b]! ? lengths[b]! - 1 - t : t);
  });
  const rows = core.gather(core.reshape(moved, [batch * time, sizeOf(moved.shape.slice(2))]), from);
  const inverse = new Array<number>(x.rank);
  perm.forEach((p, i) => (inverse[p] = i));
  return core.transpose(core.reshape(rows, moved.shape), inverse);
}

export const indexing: Readonly<Record<string, GraphOp>> = {
  ...onTensors({
    gatherElements(x, a) {
      const input = tensorAt(x, 0);
      return core.takeAlongAxis(input, indicesAt(x, 1), axisOf(number(a, 'axis', 0), input.rank));
    },
    gatherNd(x, a) {
      const [input, indices] = [tensorAt(x, 0), hostIndicesAt(x, 1)];
      const batch = number(a, 'batchAxes', 0);
      const slice = input.shape.slice(batch + (indices.shape.at(-1) ?? 0));
      boundedShape([...indices.shape.slice(0, -1), ...slice]);
      return core.gatherNd(input, indices, batch);
    },
    /** x, indices, updates. */
    scatterElements(x, a) {
      const input = tensorAt(x, 0);
      const axis = axisOf(number(a, 'axis', 0), input.rank);
      return core.putAlongAxis(input, hostIndicesAt(x, 1), tensorAt(x, 2), axis, reductionOf(a));
    },
    /** x, indices, updates. */
    scatterNd: (x, a) => core.scatterNd(tensorAt(x, 0), hostIndicesAt(x, 1), tensorAt(x, 2), reductionOf(a)),
    /** `values`: off, on. */
    oneHot: (x, a) =>
      oneHot(
        tensorAt(x, 0),
        number(a, 'depth', 0),
        number(a, 'axis', -1),
        numbers(a, 'values'),
        a['dtype'] as DType,
      ),
    reverseSequence: (x, a) =>
      reverseSequence(tensorAt(x, 0), numbersAt(x, 1), number(a, 'batchAxis', 1), number(a, 'timeAxis', 0)),
    /** 0 below the diagonal `k` (`upper`), or above it. */
    triangle(x, a) {
      const input = tensorAt(x, 0);
      return core.select(triangle(input, number(a, 'k', 0), a['upper'] === true), input, 0);
    },
    /** Ones on the diagonal `k` of a matrix like x. */
    eye(x, a) {
      const { shape, backend } = tensorAt(x, 0);
      if (shape.length !== 2) throw new ShapeError(`a diagonal of ${shape.length} axes`);
      const [rows, columns] = boundedShape(shape) as [number, number];
      const k = number(a, 'k', 0);
      const ones = new Float64Array(rows * columns);
      for (let i = 0; i < rows; i++) if (i + k >= 0 && i + k < columns) ones[i * columns + i + k] = 1;
      return core.tensor(ones, shape, { dtype: a['dtype'] as DType, backend });
    },
  }),
  /** Where the largest are, or the `smallest`. NaN has no place. */
  topK: {
    run(x, a) {
      const [input, k] = [tensorAt(x, 0), number(a, 'k', 0)];
      const axis = axisOf(number(a, 'axis', -1), input.rank);
      return composite(() => core.topK(input, k, { axis, largest: a['smallest'] !== true }).indices);
    },
    element: 'int64',
  },
};
