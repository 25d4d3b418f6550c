import { type Shape, type Tensor } from '@graftjs/core';
import { gatherOp, scatterAddOp } from '@graftjs/core/extend';
import { errorAt } from '../bounds/bounded.ts';
import { grain } from '../bounds/model.ts';
import { Terms } from '../bounds/terms.ts';
import type { Case } from '../cases/case.ts';
import { bool, f32, i32, indices, values } from '../cases/data.ts';
import { coordinates, flat } from '../oracle/indexing.ts';
import { allocate, fill, integer } from '../oracle/values.ts';
import { ADDITIONS, SAME, type About } from './about.ts';
import { moves } from './movement.ts';

/** For each element of `gather`'s output, the input's that it is. */
function gatherMap(x: Shape, indices: ArrayLike<number>, axis: number, output: Shape): Int32Array {
  return Int32Array.from(coordinates(output), (at) => {
    const from = indices[at[axis]];
    if (from < 0 || from >= x[axis]) throw new RangeError(`gather: index ${from} is outside [0, ${x[axis]})`);
    return flat(x, at.with(axis, from));
  });
}

/** For each element of `scatterAdd`'s input, the output it is added to. */
function scatterMap(values: Shape, indices: ArrayLike<number>, axis: number, output: Shape): Int32Array {
  return Int32Array.from(coordinates(values), (at) => {
    const to = indices[at[axis]];
    if (to < 0 || to >= output[axis])
      throw new RangeError(`scatterAdd: index ${to} is outside [0, ${output[axis]})`);
    return flat(output, at.with(axis, to));
  });
}

export const indexing: About<'gather' | 'scatterAdd'> = {
  gather: {
    kernel: (_, [x, indices], { axis }, out) => {
      const map = gatherMap(x.spec.shape, indices.buffer, axis, out.shape);
      return fill(out, (i) => x.buffer[map[i]]);
    },
    error: (_, [x, indices], { axis }, out) => {
      if (x.buffer.error === null) return null;
      const map = gatherMap(x.spec.shape, indices.buffer.value, axis, out.shape);
      return Float64Array.from(map, (from) => errorAt(x, from));
    },
    bound: SAME,
  },
  scatterAdd: {
    kernel: ({ add }, [values, indices], { axis }, out) => {
      const y = allocate(out);
      const plus = out.dtype === 'int32' ? integer.add : add;
      scatterMap(values.spec.shape, indices.buffer, axis, out.shape).forEach((o, i) => {
        y[o] = plus(y[o], values.buffer[i]);
      });
      return y;
    },
    // n − 1 additions: the first one, to +0, is exact.
    error: (model, [x, indices], { axis }, out, value) => {
      const terms = new Terms(value.length);
      scatterMap(x.spec.shape, indices.buffer.value, axis, out.shape).forEach((o, i) => {
        terms.add(o, Math.abs(x.buffer.value[i]), errorAt(x, i));
      });
      if (out.dtype === 'int32') return x.buffer.error && terms.moved;
      return terms.bounds(model, (o) => Math.max(terms.count[o] - 1, 0), grain(x.buffer.value));
    },
    bound: ADDITIONS,
  },
};

const gathers: readonly (readonly [Shape, number, number])[] = [
  [[6], 0, 9],
  [[5, 3], 0, 4],
  [[5, 3], 1, 7],
  [[2, 4, 3], 1, 4],
  [[2, 4, 3], 2, 1],
  [[4, 2], 0, 0],
];

const scatter = (x: Tensor, at: Tensor, axis: number, size: number): Tensor =>
  scatterAddOp.apply([x, at], { axis, size });

export const indexingCases: readonly Case[] = [
  ...gathers.flatMap(([shape, axis, n]) => [
    moves(
      'gather',
      `${n} of [${shape.join()}] on axis ${axis}`,
      [f32(shape), i32([n], indices(shape[axis]))],
      (x, at) => gatherOp.apply([x, at], { axis }),
    ),
    moves(
      'scatterAdd',
      `${n} into [${shape.join()}] on axis ${axis}`,
      [f32(shape.with(axis, n)), i32([n], indices(shape[axis]))],
      (x, at) => scatter(x, at, axis, shape[axis]),
    ),
  ]),
  moves('scatterAdd', 'all to one place', [f32([50, 2]), i32([50], values(1))], (x, at) =>
    scatter(x, at, 0, 3),
  ),
  moves('scatterAdd', 'int32', [i32([6]), i32([6], indices(3))], (x, at) => scatter(x, at, 0, 3)),
  ...[i32, bool].map((make) => {
    const { dtype } = make([]);
    return moves('gather', dtype, [make([5, 2]), i32([3], indices(5))], (x, at) =>
      gatherOp.apply([x, at], { axis: 0 }),
    );
  }),
];
