import { sizeOf, type Shape } from '@graftjs/core';
import { stridesOf, type OpAttrs } from '@graftjs/core/backend';
import { broadcastMap, coordinates, flat } from './indexing.ts';
import { memo } from './memo.ts';

/** The ops that only move elements. */
export type MovementOp = 'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather';

/** Where an output element comes from when it is `pad`'s constant. */
export const CONSTANT = -1;

type MovementMap<N extends MovementOp> = (
  shapes: readonly Shape[],
  attrs: OpAttrs[N],
  output: Shape,
  /** The values of `gather`'s indices. */
  indices: readonly number[],
) => Int32Array;

const maps: { readonly [N in MovementOp]: MovementMap<N> } = {
  reshape: ([x]) => Int32Array.from({ length: sizeOf(x) }, (_, i) => i),
  transpose([x], { perm }, y) {
    const strides = stridesOf(x);
    return Int32Array.from(coordinates(y), (at) => at.reduce((from, p, i) => from + p * strides[perm[i]], 0));
  },
  slice: ([x], { start, step }, y) =>
    Int32Array.from(coordinates(y), (at) =>
      flat(
        x,
        at.map((p, i) => start[i] + p * step[i]),
      ),
    ),
  pad: ([x], { before, interior }, y) =>
    Int32Array.from(coordinates(y), (at) => {
      const from = at.map((p, i) => (p - before[i]) / (interior[i] + 1));
      return from.every((p, i) => Number.isInteger(p) && p >= 0 && p < x[i]) ? flat(x, from) : CONSTANT;
    }),
  concat(inputs, { axis }, y) {
    const from = inputs.flatMap((shape, k) => Array.from({ length: shape[axis] }, (_, at) => ({ k, at })));
    const offsets = inputs.map((_, k) => inputs.slice(0, k).reduce((n, s) => n + sizeOf(s), 0));
    return Int32Array.from(coordinates(y), (at) => {
      const piece = from[at[axis]];
      return offsets[piece.k] + flat(inputs[piece.k], at.with(axis, piece.at));
    });
  },
  broadcastTo: ([x], _, y) => broadcastMap(x, y),
  gather([x], { axis }, y, indices) {
    return Int32Array.from(coordinates(y), (at) => {
      const from = indices[at[axis]];
      if (from < 0 || from >= x[axis])
        throw new RangeError(`gather: index ${from} is outside [0, ${x[axis]})`);
      return flat(x, at.with(axis, from));
    });
  },
};

/** For each output element its source, counted through the inputs as if they lay one behind the other; or `CONSTANT`. */
export const movementMap: <N extends MovementOp>(name: N, ...args: Parameters<MovementMap<N>>) => Int32Array =
  memo(<N extends MovementOp>(name: N, ...args: Parameters<MovementMap<N>>): Int32Array =>
    maps[name](...args),
  );

/** For each element of `scatterAdd`'s input, the output it is added to. */
export function scatterMap(
  values: Shape,
  indices: ArrayLike<number>,
  axis: number,
  output: Shape,
): Int32Array {
  return Int32Array.from(coordinates(values), (at) => {
    const to = indices[at[axis]];
    if (to < 0 || to >= output[axis])
      throw new RangeError(`scatterAdd: index ${to} is outside [0, ${output[axis]})`);
    return flat(output, at.with(axis, to));
  });
}
