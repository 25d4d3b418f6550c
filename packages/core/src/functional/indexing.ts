import { composite } from '../op.ts';
import { fail, normalizeAxis, wantOneOf, wantWhole } from '../ops/check.ts';
import {
  add,
  argsortOp,
  cast,
  gather,
  greaterEqual,
  less,
  logicalAnd,
  maximum,
  minimum,
  mul,
  reshape,
  scatterAddOp,
  select,
  slice,
  tensor,
} from '../ops/index.ts';
import { isTensor, type NestedArray, type Tensor } from '../tensor.ts';
import { showShape, sizeOf, stridesOf, type Shape } from '../types.ts';

/** Positions that are known before anything runs: nested arrays, or their values in row-major order with a shape. */
export type IndexArray = NestedArray | HostIndices;
interface HostIndices {
  readonly shape: Shape;
  readonly data: readonly number[];
}

function hostIndices(op: string, given: IndexArray): HostIndices {
  if (isTensor(given))
    fail(
      op,
      'the indices are a tensor: their numbers must be known here, as (nested) arrays, before anything runs',
    );
  const flat = typeof given === 'object' && !Array.isArray(given) ? given : flattened(op, given);
  if (sizeOf(flat.shape) !== flat.data.length)
    fail(op, `${flat.data.length} indices do not fill the shape ${showShape(flat.shape)}`);
  return flat;
}
function flattened(op: string, given: NestedArray): HostIndices {
  if (!Array.isArray(given)) return { shape: [], data: [Number(given)] };
  const rows = given.map((row) => flattened(op, row));
  const shape = rows[0]?.shape ?? [];
  const ragged = rows.find((row) => row.shape.join() !== shape.join());
  if (ragged) fail(op, `indices of shapes ${showShape(shape)} and ${showShape(ragged.shape)} in one list`);
  return { shape: [rows.length, ...shape], data: rows.flatMap((row) => row.data) };
}

function normalized(op: string, i: number, extent: number): number {
  const at = i < 0 ? i + extent : i;
  if (!(Number.isInteger(i) && at >= 0 && at < extent))
    fail(op, `index ${i} is outside an axis of ${extent} elements`);
  return at;
}

/** −n … n − 1 → 0 … n − 1; what lies outside becomes −1, which `gather` refuses. */
function wrapped(indices: Tensor, extent: number): Tensor {
  const up = select(less(indices, 0), add(indices, extent), indices);
  return select(logicalAnd(greaterEqual(up, 0), less(up, extent)), up, -1);
}

const ints = (data: readonly number[], like: Tensor, shape: Shape = [data.length]): Tensor =>
  tensor(Int32Array.from(data), shape, { backend: like.backend });

/** Position in row-major order of `[…, indices, …]` for every element of `indices`, along `axis` of `shape`. */
function elementPositions(
  op: string,
  x: Tensor,
  indices: Tensor | HostIndices,
  axis: number,
): { readonly host: number[] | null; readonly list: Tensor } {
  const { shape } = indices;
  const fits = shape.length === x.rank && shape.every((d, a) => a === axis || d <= x.shape[a]!);
  if (!fits)
    fail(op, `indices of shape ${showShape(shape)} do not fit ${showShape(x.shape)} along axis ${axis}`);
  const strides = stridesOf(x.shape);
  const own = stridesOf(shape);
  const base = Array.from({ length: sizeOf(shape) }, (_, i) =>
    shape.reduce((p, d, a) => (a === axis ? p : p + (Math.floor(i / own[a]!) % d) * strides[a]!), 0),
  );
  const extent = x.shape[axis]!;
  if (!isTensor(indices)) {
    const host = base.map((b, i) => b + normalized(op, indices.data[i]!, extent) * strides[axis]!);
    return { host, list: ints(host, x) };
  }
  const along = reshape(wrapped(indices, extent), [base.length]);
  const at = add(mul(along, strides[axis]!), ints(base, x));
  return { host: null, list: select(less(along, 0), -1, at) };
}

/**
 * `y[i, j, …] = x[…, indices[i, j, …], …]` with the index in the place of `axis`: what `argmax` or `topK` has found, in other
 * tensors too. (numpy.take_along_axis; torch.gather; ONNX GatherElements)
 * @param x `[…, n, …]`, any dtype.
 * @param indices As many axes as x, none but `axis` longer than there; −n … n − 1, from the end where negative. A tensor
 * (int32) or nested arrays.
 * @returns The shape of `indices`.
 * @throws ShapeError on shapes that do not fit, and on indices outside where they are arrays.
 * @example
 * const x = tensor([[3, 1, 2], [4, 6, 5]]);
 * takeAlongAxis(x, [[0], [1]], 1); // → [[3], [6]]
 */
export function takeAlongAxis(x: Tensor, indices: Tensor | IndexArray, axis: number): Tensor {
  const op = 'takeAlongAxis';
  const along = normalizeAxis(op, axis, x.rank);
  const given = isTensor(indices) ? indices : hostIndices(op, indices);
  return composite(() => {
    const { list } = elementPositions(op, x, given, along);
    return reshape(gather(reshape(x, [x.size]), list), given.shape);
  });
}

/** What `gatherNd` and `scatterNd` address: `rows` slices of `width` elements, each by a tuple of indices. */
function rowPositions(
  op: string,
  x: Tensor,
  indices: HostIndices,
  batch: number,
): { readonly rows: number; readonly slice: Shape; readonly at: number[] } {
  const depth = indices.shape.at(-1) ?? 0;
  if (indices.shape.length <= batch || batch + depth > x.rank)
    fail(op, `indices of shape ${showShape(indices.shape)} address ${depth} axes of ${showShape(x.shape)}`);
  const axes = x.shape.slice(batch, batch + depth);
  const strides = stridesOf(axes);
  const perBatch = indices.data.length / Math.max(depth, 1) / sizeOf(x.shape.slice(0, batch));
  const count = sizeOf(indices.shape.slice(0, -1));
  const at = Array.from({ length: count }, (_, t) =>
    axes.reduce(
      (p, extent, k) => p + normalized(op, indices.data[t * depth + k]!, extent) * strides[k]!,
      (batch ? Math.floor(t / perBatch) : 0) * sizeOf(axes),
    ),
  );
  return { rows: sizeOf(x.shape.slice(0, batch + depth)), slice: x.shape.slice(batch + depth), at };
}

/**
 * Elements or slices of x by tuples of positions, the last axis of `indices`: `y[i, j] = x[indices[i, j, 0], indices[i, j, 1]]`.
 * (tf.gather_nd; ONNX GatherND)
 * @param x `[…batch, …addressed, …slice]`, any dtype.
 * @param indices `[…, k]`, k of x's axes addressed; from the end where negative.
 * @param batchAxes So many leading axes of x and of `indices` belong together. Default 0.
 * @returns `[…, …slice]`: the shape of `indices` without its last axis, then that of a slice.
 * @throws ShapeError on shapes that do not fit and on indices outside.
 * @example
 * const x = tensor([[1, 2], [3, 4]]);
 * gatherNd(x, [[0, 1], [1, 0]]); // → [2, 3]
 * gatherNd(x, [[1], [0]]); // → [[3, 4], [1, 2]]
 */
export function gatherNd(x: Tensor, indices: IndexArray, batchAxes = 0): Tensor {
  wantWhole('gatherNd', 'batchAxes', batchAxes);
  const given = hostIndices('gatherNd', indices);
  return composite(() => {
    const { rows, slice, at } = rowPositions('gatherNd', x, given, batchAxes);
    const picked = gather(reshape(x, [rows, sizeOf(slice)]), ints(at, x));
    return reshape(picked, [...given.shape.slice(0, -1), ...slice]);
  });
}

/** What becomes of an element that an update meets: it is replaced (`'none'`), or combined with it. */
export type ScatterReduction = 'none' | 'add' | 'mul' | 'max' | 'min';

/** Cuts a list of positions in lists without repetition: the first of each, the second of each, … */
function rounds(at: readonly number[]): number[][] {
  const seen = new Map<number, number>();
  const parts: number[][] = [];
  at.forEach((p, i) => {
    const k = seen.get(p) ?? 0;
    seen.set(p, k + 1);
    (parts[k] ??= []).push(i);
  });
  return parts;
}

const combine: Record<Exclude<ScatterReduction, 'none'>, (a: Tensor, b: Tensor) => Tensor> = {
  add,
  mul,
  max: maximum,
  min: minimum,
};

/** `x[at[i]] ← updates[i]`, or combined with what is there, in the order of the updates; x is `[rows, width]`. */
function scatterRows(x: Tensor, at: readonly number[], updates: Tensor, reduction: ScatterReduction): Tensor {
  if (x.dtype === 'bool') {
    const y = scatterRows(cast(x, 'int32'), at, cast(updates, 'int32'), reduction);
    return cast(y, 'bool');
  }
  const size = x.shape[0]!;
  return rounds(at).reduce((y, part) => {
    const own = part.length === at.length ? updates : gather(updates, ints(part, x));
    const to = part.map((i) => at[i]!);
    const spread = scatterAddOp.apply([own, ints(to, x)], { axis: 0, size });
    if (reduction === 'add') return add(y, spread);
    const hit = new Uint8Array(size);
    for (const i of to) hit[i] = 1;
    const there = tensor(hit, [size, 1], { dtype: 'bool', backend: x.backend });
    return select(there, reduction === 'none' ? spread : combine[reduction](y, spread), y);
  }, x);
}

const REDUCTIONS: readonly ScatterReduction[] = [
  'none',
  ...(Object.keys(combine) as (keyof typeof combine)[]),
];

/**
 * x with updates at `[…, indices[i, j, …], …]`, the index in the place of `axis`. (numpy.put_along_axis; torch.scatter and
 * scatter_reduce; ONNX ScatterElements)
 * @param x `[…, n, …]`, any dtype; it is left as it is.
 * @param indices As many axes as x, none but `axis` longer than there; from the end where negative.
 * @param updates The shape of `indices`, x's dtype.
 * @param options Of repeated indices the last one stays, or with `reduction` all of them count, in their order.
 * @returns The shape of x.
 * @throws ShapeError on shapes that do not fit and on indices outside.
 * @example
 * const x = tensor([[1, 2, 3]]);
 * putAlongAxis(x, [[2, 0]], tensor([[30, 10]]), 1); // → [[10, 2, 30]]
 */
export function putAlongAxis(
  x: Tensor,
  indices: IndexArray,
  updates: Tensor,
  axis: number,
  options: { readonly reduction?: ScatterReduction } = {},
): Tensor {
  const [op, { reduction = 'none' }] = ['putAlongAxis', options];
  wantOneOf(op, 'reduction', reduction, REDUCTIONS);
  const along = normalizeAxis(op, axis, x.rank);
  const given = hostIndices(op, indices);
  if (updates.size !== given.data.length)
    fail(op, `updates ${showShape(updates.shape)} for indices ${showShape(given.shape)}`);
  return composite(() => {
    const { host } = elementPositions(op, x, given, along);
    const y = scatterRows(reshape(x, [x.size, 1]), host!, reshape(updates, [updates.size, 1]), reduction);
    return reshape(y, x.shape);
  });
}

/**
 * x with elements or slices replaced by updates, at tuples of positions, the last axis of `indices`. (tf.tensor_scatter_nd_update;
 * ONNX ScatterND)
 * @param x `[…addressed, …slice]`, any dtype; it is left as it is.
 * @param indices `[…, k]`, k of x's axes addressed; from the end where negative.
 * @param updates `[…, …slice]`, x's dtype.
 * @param options Of repeated indices the last one stays, or with `reduction` all of them count, in their order.
 * @returns The shape of x.
 * @throws ShapeError on shapes that do not fit and on indices outside.
 * @example
 * scatterNd(tensor([1, 2, 3, 4]), [[3], [0]], tensor([40, 10])); // → [10, 2, 3, 40]
 * scatterNd(tensor([1, 2]), [[0], [0]], tensor([5, 6]), { reduction: 'add' }); // → [12, 2]
 */
export function scatterNd(
  x: Tensor,
  indices: IndexArray,
  updates: Tensor,
  options: { readonly reduction?: ScatterReduction } = {},
): Tensor {
  const { reduction = 'none' } = options;
  wantOneOf('scatterNd', 'reduction', reduction, REDUCTIONS);
  const given = hostIndices('scatterNd', indices);
  return composite(() => {
    const { rows, slice, at } = rowPositions('scatterNd', x, given, 0);
    const width = sizeOf(slice);
    const y = scatterRows(reshape(x, [rows, width]), at, reshape(updates, [at.length, width]), reduction);
    return reshape(y, x.shape);
  });
}

export interface SortOptions {
  /** Default: the last. */
  readonly axis?: number;
  /** The largest first. Default false. */
  readonly descending?: boolean;
}

/**
 * Positions along an axis that put its elements in order: equal ones stay in the order they had, and NaN counts as larger than
 * all numbers. (torch.argsort, numpy.argsort with kind 'stable')
 * @param x `[…, n, …]`, float32 or int32.
 * @returns int32, the same shape; without a gradient.
 * @throws ShapeError where there is no such axis, or x is bool.
 * @example
 * argsort(tensor([30, 10, 20])); // → [1, 2, 0]
 * argsort(tensor([1, 3, 3]), { descending: true }); // → [1, 2, 0]
 */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  const axis = normalizeAxis('argsort', options.axis ?? -1, x.rank);
  return argsortOp.apply([x], { axis, descending: options.descending ?? false });
}

/**
 * The elements along an axis in order, and where each was, as `argsort` says. The gradient goes back there. (torch.sort)
 * @param x `[…, n, …]`, float32 or int32.
 * @returns `values`, and their positions `indices` (int32), both of x's shape.
 * @throws ShapeError where there is no such axis, or x is bool.
 * @example
 * const { values, indices } = sort(tensor([[30, 10, 20]]));
 * values; // → [[10, 20, 30]]
 * indices; // → [[1, 2, 0]]
 */
export function sort(
  x: Tensor,
  options: SortOptions = {},
): { readonly values: Tensor; readonly indices: Tensor } {
  const indices = argsort(x, options);
  return { values: takeAlongAxis(x, indices, options.axis ?? -1), indices };
}

export interface TopKOptions {
  /** Default: the last. */
  readonly axis?: number;
  /** False: the k smallest, the smallest first. Default true. */
  readonly largest?: boolean;
}

/**
 * The k largest elements along an axis, the largest first; of equal ones the first comes first, and NaN counts as larger than all
 * numbers. The gradient goes to the elements taken. (torch.topk)
 * @param x `[…, n, …]`, float32 or int32.
 * @returns `values` and their positions `indices` (int32), both `[…, k, …]`.
 * @throws ShapeError where there is no such axis, or k is none of 0 … n.
 * @example
 * const { values, indices } = topK(tensor([3, 9, 4, 9]), 3);
 * values; // → [9, 9, 4]
 * indices; // → [1, 3, 2]
 */
export function topK(
  x: Tensor,
  k: number,
  options: TopKOptions = {},
): { readonly values: Tensor; readonly indices: Tensor } {
  const axis = normalizeAxis('topK', options.axis ?? -1, x.rank);
  const n = x.shape[axis]!;
  if (!(Number.isInteger(k) && k >= 0 && k <= n)) fail('topK', `the ${k} largest of ${n}`);
  const descending = options.largest ?? true;
  const indices = composite(() => slice(argsort(x, { axis, descending }), axis, 0, k));
  return { values: takeAlongAxis(x, indices, axis), indices };
}
