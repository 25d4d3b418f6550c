import { defineOp, type Primitive } from '../op.ts';
import { isTensor, type Selector, type Tensor } from '../tensor.ts';
import { sameShape, showShape, sizeOf, type Shape } from '../types.ts';
import { ops } from './bound.ts';
import { broadcastShapes, fail, normalizeAxis, wantDtype, wantRoom, wantShape, wantWhole } from './check.ts';
import { tensor } from './create.ts';

const none = (): number => 0;

export const reshapeOp: Primitive<'reshape'> = /* @__PURE__ */ defineOp({
  name: 'reshape',
  infer([x], { shape }) {
    if (sizeOf(x.shape) !== sizeOf(shape)) {
      fail(
        'reshape',
        `${showShape(x.shape)} has ${sizeOf(x.shape)} elements, ${showShape(shape)} has ${sizeOf(shape)}`,
      );
    }
    return { dtype: x.dtype, shape };
  },
  vjp: ({ inputs: [x], gy }) => [reshape(gy, x.shape)],
  flops: none,
});

export const transposeOp: Primitive<'transpose'> = /* @__PURE__ */ defineOp({
  name: 'transpose',
  infer([x], { perm }) {
    const rank = x.shape.length;
    if (
      perm.length !== rank ||
      new Set(perm).size !== rank ||
      perm.some((p) => !(Number.isInteger(p) && p >= 0 && p < rank))
    ) {
      fail(
        'transpose',
        `[${perm.join(', ')}] is not a permutation of the ${rank} axes of ${showShape(x.shape)}`,
      );
    }
    return { dtype: x.dtype, shape: perm.map((p) => x.shape[p]!) };
  },
  vjp({ gy, attrs }) {
    const inverse = new Array<number>(attrs.perm.length);
    attrs.perm.forEach((p, i) => (inverse[p] = i));
    return [transpose(gy, inverse)];
  },
  flops: none,
});

/** Checks that there is one number for each axis. */
function wantLists(op: string, shape: Shape, lists: Readonly<Record<string, readonly number[]>>): void {
  for (const [what, list] of Object.entries(lists))
    if (list.length !== shape.length)
      fail(
        op,
        `${what} [${list.join(', ')}] has ${list.length} entries for the ${shape.length} axes of ${showShape(shape)}`,
      );
}

export const sliceOp: Primitive<'slice'> = /* @__PURE__ */ defineOp({
  name: 'slice',
  infer([x], { start, size, step }) {
    wantLists('slice', x.shape, { start, size, step });
    x.shape.forEach((extent, i) => {
      const [b, n, s] = [start[i]!, size[i]!, step[i]!];
      wantWhole('slice', 'step', s, 1);
      if (!(b >= 0 && n >= 0 && s >= 1 && (n === 0 || b + (n - 1) * s < extent))) {
        fail('slice', `start ${b}, size ${n}, step ${s} on axis ${i} leave ${showShape(x.shape)}`);
      }
    });
    return { dtype: x.dtype, shape: size };
  },
  // Put back where it came from: step − 1 zeros between neighbours.
  vjp({ inputs: [x], gy, attrs: { start, size, step } }) {
    const after = x.shape.map((n, i) => {
      const covered = size[i]! === 0 ? 0 : (size[i]! - 1) * step[i]! + 1;
      return n - start[i]! - covered;
    });
    return [pad(gy, { before: start, after, interior: step.map((s) => s - 1) })];
  },
  flops: none,
});

export const padOp: Primitive<'pad'> = /* @__PURE__ */ defineOp({
  name: 'pad',
  infer([x], { before, after, interior }) {
    wantLists('pad', x.shape, { before, after, interior });
    const shape = x.shape.map((n, i) => {
      const [b, a, m] = [before[i]!, after[i]!, interior[i]!];
      if (![b, a, m].every((v) => Number.isSafeInteger(v) && v >= 0))
        fail(
          'pad',
          `amounts on axis ${i} must be whole numbers, 0 or more (before ${b}, after ${a}, interior ${m})`,
        );
      return b + n + Math.max(n - 1, 0) * m + a;
    });
    return { dtype: x.dtype, shape };
  },
  vjp: ({ inputs: [x], gy, attrs: { before, interior } }) => [
    sliceOp.apply([gy], { start: before, size: x.shape, step: interior.map((m) => m + 1) }),
  ],
  flops: none,
});

export const concatOp: Primitive<'concat'> = /* @__PURE__ */ defineOp({
  name: 'concat',
  infer(inputs, { axis }) {
    const first = inputs[0]!;
    let extent = 0;
    inputs.forEach((t, k) => {
      const fits =
        t.dtype === first.dtype &&
        t.shape.length === first.shape.length &&
        t.shape.every((d, i) => i === axis || d === first.shape[i]);
      if (!fits) {
        fail(
          'concat',
          `input ${k}, ${t.dtype}${showShape(t.shape)}, and input 0, ${first.dtype}${showShape(first.shape)}, may differ on axis ${axis} only`,
        );
      }
      extent += t.shape[axis]!;
    });
    return { dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? extent : d)) };
  },
  vjp({ inputs, gy, attrs: { axis }, needs }) {
    let at = 0;
    return inputs.map((t, k) => {
      const start = at;
      at += t.shape[axis]!;
      return needs[k] ? slice(gy, axis, start, at) : null;
    });
  },
  flops: none,
});

export const broadcastToOp: Primitive<'broadcastTo'> = /* @__PURE__ */ defineOp({
  name: 'broadcastTo',
  infer([x], { shape }) {
    wantShape('broadcastTo', shape);
    if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
      fail('broadcastTo', `${showShape(x.shape)} does not broadcast to ${showShape(shape)}`);
    }
    return { dtype: x.dtype, shape };
  },
  vjp: ({ inputs: [x], gy }) => [ops.sumTo(gy, x.shape)],
  flops: none,
});

export const gatherOp: Primitive<'gather'> = /* @__PURE__ */ defineOp({
  name: 'gather',
  infer([x, indices], { axis }) {
    wantDtype('gather', 'indices', indices, 'int32');
    if (indices.shape.length !== 1)
      fail('gather', `indices have shape ${showShape(indices.shape)}, they must have 1 axis`);
    normalizeAxis('gather', axis, x.shape.length);
    return { dtype: x.dtype, shape: x.shape.map((d, i) => (i === axis ? indices.shape[0]! : d)) };
  },
  vjp: ({ inputs: [x, indices], gy, attrs: { axis } }) => [
    scatterAddOp.apply([gy, indices], { axis, size: x.shape[axis]! }),
    null,
  ],
  flops: none,
});

export const scatterAddOp: Primitive<'scatterAdd'> = /* @__PURE__ */ defineOp({
  name: 'scatterAdd',
  infer([y, indices], { axis, size }) {
    wantDtype('scatterAdd', 'values', y, 'float32', 'int32');
    wantDtype('scatterAdd', 'indices', indices, 'int32');
    normalizeAxis('scatterAdd', axis, y.shape.length);
    if (indices.shape.length !== 1 || indices.shape[0] !== y.shape[axis]) {
      fail(
        'scatterAdd',
        `${showShape(indices.shape)} indices for ${y.shape[axis]} values on axis ${axis}: one index each`,
      );
    }
    return { dtype: y.dtype, shape: y.shape.map((d, i) => (i === axis ? size : d)) };
  },
  vjp: ({ inputs: [, indices], gy, attrs: { axis } }) => [gatherOp.apply([gy, indices], { axis }), null],
  flops: ([y]) => sizeOf(y.shape),
});

/**
 * Same elements, another shape; one extent may be −1 and is worked out.
 * @param x Any shape.
 * @throws ShapeError where the numbers of elements differ, or more than one extent is −1.
 * @example
 * reshape(arange(6), [2, -1]); // → [[0, 1, 2], [3, 4, 5]]
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const target = shape.map((d) => (d === -1 ? (known === 0 ? 0 : x.size / known) : d));
  if (!target.every((d) => Number.isInteger(d) && d >= 0) || shape.filter((d) => d === -1).length > 1) {
    fail('reshape', `${showShape(x.shape)} does not reshape to ${showShape(shape)}`);
  }
  return reshapeOp.apply([x], { shape: target });
}

/**
 * Joins the axes from `from` on into one: `[n, c, h, w]` → `[n, c·h·w]`.
 * @throws ShapeError as `reshape`.
 * @example
 * flatten(zeros([2, 3, 4, 4])).shape; // → [2, 48]
 */
export function flatten(x: Tensor, from = 1): Tensor {
  return reshape(x, [...x.shape.slice(0, from), sizeOf(x.shape.slice(from))]);
}

/**
 * Drops axes of extent 1: all of them, or the one named.
 * @param x Any shape.
 * @throws ShapeError where the axis does not exist or has another extent than 1.
 * @example
 * squeeze(zeros([1, 3, 1])).shape; // → [3]
 * squeeze(zeros([1, 3, 1]), 0).shape; // → [3, 1]
 */
export function squeeze(x: Tensor, axis?: number): Tensor {
  const at = axis === undefined ? undefined : normalizeAxis('squeeze', axis, x.rank);
  if (at !== undefined && x.shape[at] !== 1)
    fail('squeeze', `axis ${at} of ${showShape(x.shape)} has extent ${x.shape[at]}, not 1`);
  return reshape(
    x,
    x.shape.filter((d, i) => (at === undefined ? d !== 1 : i !== at)),
  );
}

/**
 * Inserts an axis of extent 1, so that it becomes axis `axis` of the result. PyTorch's `unsqueeze`.
 * @param x Any shape.
 * @throws ShapeError where the result has no such axis.
 * @example
 * expandDims(zeros([2, 3]), 0).shape; // → [1, 2, 3]
 * expandDims(zeros([2, 3]), -1).shape; // → [2, 3, 1]
 */
export function expandDims(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis('expandDims', axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/**
 * Permutes axes; without `perm`, reverses them. PyTorch's `permute`.
 * @param x Any shape.
 * @param perm Axis i of the result is axis perm[i] of x.
 * @throws ShapeError where `perm` is not a permutation of the axes.
 * @example
 * transpose(tensor([[1, 2, 3], [4, 5, 6]])); // → [[1, 4], [2, 5], [3, 6]]
 * transpose(zeros([1, 3, 8, 9]), [0, 2, 3, 1]).shape; // → [1, 8, 9, 3]
 */
export function transpose(x: Tensor, perm?: readonly number[]): Tensor {
  return transposeOp.apply([x], { perm: perm ?? x.shape.map((_, i) => x.rank - 1 - i) });
}

/**
 * `[start, end)` of one axis, as Array.slice: negative numbers count from the end, and what lies beyond is left out.
 * @param x Any shape.
 * @param step Every step-th element. Default 1.
 * @throws ShapeError where the axis does not exist, a number is not whole, or step is not 1 or more.
 * @example
 * const x = tensor([[1, 2, 3, 4], [5, 6, 7, 8]]);
 * slice(x, 1, 1, 3); // → [[2, 3], [6, 7]]
 * slice(x, 0, -1); // → [[5, 6, 7, 8]]
 */
export function slice(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
  const a = normalizeAxis('slice', axis, x.rank);
  const extent = x.shape[a]!;
  for (const [what, v] of [
    ['start', start],
    ['end', end ?? extent],
  ] as const)
    if (Number.isNaN(v) || (Number.isFinite(v) && !Number.isInteger(v)))
      fail('slice', `${what} ${v} must be a whole number`);
  wantWhole('slice', 'step', step, 1);
  const clampEnd = (v: number): number => Math.min(Math.max(v < 0 ? v + extent : v, 0), extent);
  const from = clampEnd(start);
  const size = Math.max(Math.ceil((clampEnd(end ?? extent) - from) / step), 0);
  const only = <T>(value: T, others: (d: number) => T): T[] =>
    x.shape.map((d, i) => (i === a ? value : others(d)));
  return sliceOp.apply([x], {
    start: only(from, () => 0),
    size: only(size, (d) => d),
    step: only(step, () => 1),
  });
}

/**
 * `index(x, 0, null, [1, 3])` is numpy's `x[0, :, 1:3]`: a number drops its axis, negative numbers count from the end.
 * @param x Any shape.
 * @param selectors One for each of the first axes; the others are taken whole.
 * @throws ShapeError where there are more selectors than axes, or a position is outside its axis or not whole.
 * @example
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * index(x, -1); // → [4, 5, 6]
 * index(x, null, [0, 2]); // → [[1, 2], [4, 5]]
 */
export function index(x: Tensor, ...selectors: Selector[]): Tensor {
  if (selectors.length > x.rank) fail('index', `${selectors.length} selectors for ${x.rank} axes`);
  let y = x;
  const dropped = new Set<number>();
  selectors.forEach((s, axis) => {
    if (s === null) return;
    if (typeof s === 'number') {
      const at = s < 0 ? s + x.shape[axis]! : s;
      if (!Number.isInteger(s)) fail('index', `${s} must be a whole number`);
      if (at < 0 || at >= x.shape[axis]!)
        fail('index', `${s} is outside axis ${axis} of ${showShape(x.shape)}`);
      dropped.add(axis);
      y = slice(y, axis, at, at + 1);
    } else y = slice(y, axis, s[0], s[1], s[2]);
  });
  return dropped.size
    ? reshape(
        y,
        y.shape.filter((_, i) => !dropped.has(i)),
      )
    : y;
}

export interface PadAmounts {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Between neighbours. Default 0. */
  readonly interior?: readonly number[];
  /** Default 0. */
  readonly value?: number;
}

/**
 * Constant padding, per axis; `padReflect` and `padReplicate` repeat what is there.
 * @param x Any shape.
 * @param amounts One whole number for each axis, batch and channels included.
 * @throws ShapeError where there is not one amount for each axis, or one is negative.
 * @example
 * pad(tensor([1, 2]), { before: [1], after: [2] }); // → [0, 1, 2, 0, 0]
 * pad(tensor([1, 2]), { before: [0], after: [0], interior: [1], value: 9 }); // → [1, 9, 2]
 */
export function pad(x: Tensor, amounts: PadAmounts): Tensor {
  const { before, after, interior = x.shape.map(() => 0), value = 0 } = amounts;
  return padOp.apply([x], { before, after, interior, value });
}

/**
 * Joins tensors along an axis that is there; `stack` makes a new one.
 * @param inputs At least one. One dtype, and the same shape but for that axis.
 * @throws ShapeError where dtypes or shapes do not fit, the axis does not exist, or there is no input.
 * @example
 * concat([tensor([[1, 2]]), tensor([[3, 4]])]); // → [[1, 2], [3, 4]]
 * concat([tensor([[1, 2]]), tensor([[3]])], 1); // → [[1, 2, 3]]
 */
export function concat(inputs: readonly Tensor[], axis = 0): Tensor {
  const first = inputs[0] ?? fail('concat', 'no input');
  return concatOp.apply(inputs, { axis: normalizeAxis('concat', axis, first.rank) });
}

/**
 * Joins tensors of one shape along a new axis.
 * @param inputs At least one; all of the same shape and dtype.
 * @throws ShapeError where they are not, or the result has no such axis.
 * @example
 * stack([tensor([1, 2]), tensor([3, 4])]); // → [[1, 2], [3, 4]]
 * stack([tensor([1, 2]), tensor([3, 4])], 1); // → [[1, 3], [2, 4]]
 */
export function stack(inputs: readonly Tensor[], axis = 0): Tensor {
  return concat(
    inputs.map((t) => expandDims(t, axis)),
    axis,
  );
}

/**
 * Cuts an axis into pieces of the given extents.
 * @param x Any shape.
 * @throws ShapeError where the axis does not exist, or the extents do not add up to its own.
 * @example
 * const [a, b] = split(tensor([1, 2, 3]), [1, 2]);
 * a!; // → [1]
 * b!; // → [2, 3]
 */
export function split(x: Tensor, sizes: readonly number[], axis = 0): Tensor[] {
  const a = normalizeAxis('split', axis, x.rank);
  wantShape('split', sizes, 'pieces');
  const total = sizes.reduce((s, n) => s + n, 0);
  if (total !== x.shape[a])
    fail('split', `pieces [${sizes.join(', ')}] add up to ${total}, axis ${a} has ${x.shape[a]}`);
  let at = 0;
  return sizes.map((n) => slice(x, a, at, (at += n)));
}

/**
 * Repeats axes of extent 1, and adds axes in front: numpy's broadcast_to, PyTorch's `expand`.
 * @param x A shape that broadcasts to `[...shape]`.
 * @throws ShapeError where it does not.
 * @example
 * broadcastTo(tensor([[1], [2]]), [2, 3]); // → [[1, 1, 1], [2, 2, 2]]
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : broadcastToOp.apply([x], { shape });
}

/**
 * Picks along an axis. PyTorch's `index_select`. The gradient adds up where an index occurs twice.
 * @param x Any shape of at least one axis.
 * @param indices int32 `[k]`, or numbers: positions from 0 on. Those of a tensor are not looked at before the kernel runs.
 * @returns x's shape with k in place of the axis' extent.
 * @throws ShapeError where the axis does not exist, or the indices are not one axis of int32 or not whole numbers.
 * @example
 * gather(tensor([[1, 2, 3], [4, 5, 6]]), [2, 0], 1); // → [[3, 1], [6, 4]]
 */
export function gather(x: Tensor, indices: Tensor | readonly number[] | Int32Array, axis = 0): Tensor {
  if (Array.isArray(indices)) for (const i of indices) wantWhole('gather', 'index', i);
  const list = isTensor(indices)
    ? indices
    : tensor(Int32Array.from(indices), [indices.length], { backend: x.backend });
  return gatherOp.apply([x, list], { axis: normalizeAxis('gather', axis, x.rank) });
}

/**
 * Reverses axes.
 * @param x Any shape.
 * @throws ShapeError where an axis does not exist.
 * @example
 * flip(tensor([[1, 2], [3, 4]]), 1); // → [[2, 1], [4, 3]]
 */
export function flip(x: Tensor, axes: number | readonly number[]): Tensor {
  return (typeof axes === 'number' ? [axes] : axes).reduce((y, axis) => {
    const n = y.shape[normalizeAxis('flip', axis, y.rank)]!;
    return gather(
      y,
      Int32Array.from({ length: n }, (_, i) => n - 1 - i),
      axis,
    );
  }, x);
}

/**
 * One-hot rows: int32 `[...shape]` → float32 `[...shape, classes]`; an index outside gives a row of zeros.
 * @throws ShapeError where `classes` is not a whole number or the indices are not int32.
 * @example
 * oneHot(tensor([0, 2], [2], { dtype: 'int32' }), 3); // → [[1, 0, 0], [0, 0, 1]]
 */
export function oneHot(indices: Tensor, classes: number): Tensor {
  wantWhole('oneHot', 'classes', classes);
  wantRoom('oneHot', { dtype: 'float32', shape: [...indices.shape, classes] }, indices.backend);
  const range = ops.arange(classes, { backend: indices.backend });
  return ops.cast(ops.equal(expandDims(indices, -1), range), 'float32');
}
