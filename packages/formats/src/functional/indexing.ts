import {
  add,
  cast,
  composite,
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
  ShapeError,
  showShape,
  sizeOf,
  stridesOf,
  tensor,
  type Shape,
  type Tensor,
} from '@graftjs/core';

/** Whole numbers that are known before anything runs. */
export interface HostIndices {
  readonly shape: Shape;
  readonly data: readonly number[];
}

const isHost = (i: Tensor | HostIndices): i is HostIndices => 'data' in i && Array.isArray(i.data);

function normalized(what: string, i: number, extent: number): number {
  const at = i < 0 ? i + extent : i;
  if (!(at >= 0 && at < extent))
    throw new ShapeError(`${what}: index ${i} is outside an axis of ${extent} elements`);
  return at;
}

/** −n … n − 1 → 0 … n − 1; what lies outside becomes −1, which `gather` refuses. */
function wrapped(indices: Tensor, extent: number): Tensor {
  const up = select(less(indices, 0), add(indices, extent), indices);
  return select(logicalAnd(greaterEqual(up, 0), less(up, extent)), up, -1);
}

const ints = (data: readonly number[], like: Tensor, shape: Shape = [data.length]): Tensor =>
  tensor(Int32Array.from(data), shape, { backend: like.backend });

/**
 * `y[…, i, …] = x[…, indices[i], …]` along `axis`, for indices of any shape, whose axes replace that one (ONNX Gather).
 * Negative indices count from the end.
 */
export function take(x: Tensor, indices: Tensor | HostIndices, axis: number): Tensor {
  const extent = x.shape[axis]!;
  const list = isHost(indices)
    ? ints(
        indices.data.map((i) => normalized('take', i, extent)),
        x,
      )
    : reshape(wrapped(indices, extent), [indices.size]);
  return composite(() =>
    reshape(gather(x, list, axis), [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]),
  );
}

/** Position in row-major order of `[…, indices, …]` for every element of `indices`, along `axis` of `shape`. */
function elementPositions(
  x: Tensor,
  indices: Tensor | HostIndices,
  axis: number,
): { readonly host: number[] | null; readonly list: Tensor } {
  const { shape } = indices;
  const fits = shape.length === x.rank && shape.every((d, a) => a === axis || d <= x.shape[a]!);
  if (!fits)
    throw new ShapeError(
      `indices of shape ${showShape(shape)} do not fit ${showShape(x.shape)} along axis ${axis}`,
    );
  const strides = stridesOf(x.shape);
  const own = stridesOf(shape);
  const base = Array.from({ length: sizeOf(shape) }, (_, i) =>
    shape.reduce((p, d, a) => (a === axis ? p : p + (Math.floor(i / own[a]!) % d) * strides[a]!), 0),
  );
  const extent = x.shape[axis]!;
  if (isHost(indices)) {
    const host = base.map((b, i) => b + normalized('indices', indices.data[i]!, extent) * strides[axis]!);
    return { host, list: ints(host, x) };
  }
  const along = reshape(wrapped(indices, extent), [base.length]);
  const at = add(mul(along, strides[axis]!), ints(base, x));
  return { host: null, list: select(less(along, 0), -1, at) };
}

/** `y[i, j, …] = x[…, indices[i, j, …], …]` with the index in the place of `axis` (ONNX GatherElements). */
export function gatherElements(x: Tensor, indices: Tensor | HostIndices, axis: number): Tensor {
  return composite(() => {
    const { list } = elementPositions(x, indices, axis);
    return reshape(gather(reshape(x, [x.size]), list), indices.shape);
  });
}

/** What ONNX's GatherND and ScatterND address: `rows` slices of `width` elements, each by a tuple of indices. */
function rowPositions(
  x: Tensor,
  indices: HostIndices,
  batch: number,
): { readonly rows: number; readonly slice: Shape; readonly at: number[] } {
  const depth = indices.shape.at(-1) ?? 0;
  if (indices.shape.length <= batch || batch + depth > x.rank)
    throw new ShapeError(
      `indices of shape ${showShape(indices.shape)} address ${depth} axes of ${showShape(x.shape)}`,
    );
  const axes = x.shape.slice(batch, batch + depth);
  const strides = stridesOf(axes);
  const perBatch = indices.data.length / Math.max(depth, 1) / sizeOf(x.shape.slice(0, batch));
  const count = sizeOf(indices.shape.slice(0, -1));
  const at = Array.from({ length: count }, (_, t) =>
    axes.reduce(
      (p, extent, k) => p + normalized('indices', indices.data[t * depth + k]!, extent) * strides[k]!,
      (batch ? Math.floor(t / perBatch) : 0) * sizeOf(axes),
    ),
  );
  return { rows: sizeOf(x.shape.slice(0, batch + depth)), slice: x.shape.slice(batch + depth), at };
}

/** Slices of x by tuples of indices, the last axis of `indices` (ONNX GatherND). */
export function gatherNd(x: Tensor, indices: HostIndices, batchAxes: number): Tensor {
  return composite(() => {
    const { rows, slice, at } = rowPositions(x, indices, batchAxes);
    const picked = gather(reshape(x, [rows, sizeOf(slice)]), ints(at, x));
    return reshape(picked, [...indices.shape.slice(0, -1), ...slice]);
  });
}

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

/** x with `updates` at `[…, indices[i, j, …], …]` (ONNX ScatterElements). Repeated indices: the last one stays. */
export function scatterElements(
  x: Tensor,
  indices: HostIndices,
  updates: Tensor,
  options: { readonly axis: number; readonly reduction: ScatterReduction },
): Tensor {
  return composite(() => {
    const { host } = elementPositions(x, indices, options.axis);
    const y = scatterRows(
      reshape(x, [x.size, 1]),
      host!,
      reshape(updates, [updates.size, 1]),
      options.reduction,
    );
    return reshape(y, x.shape);
  });
}

/** x with slices replaced by `updates` (ONNX ScatterND). Repeated indices: the last one stays. */
export function scatterNd(
  x: Tensor,
  indices: HostIndices,
  updates: Tensor,
  reduction: ScatterReduction,
): Tensor {
  return composite(() => {
    const { rows, slice, at } = rowPositions(x, indices, 0);
    const width = sizeOf(slice);
    const y = scatterRows(reshape(x, [rows, width]), at, reshape(updates, [at.length, width]), reduction);
    return reshape(y, x.shape);
  });
}
