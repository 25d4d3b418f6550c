import { ARRAYS, broadcastStrides, collapse, type DType, type Shape, sizeOf } from '@graftjs/core/backend';
import type { DataId } from '@tensorflow/tfjs-core';
import { view, type Info, type Tfjs } from './tfjs.ts';

/*
 * tfjs's kernels as functions, with what it takes to make them mean the same for every dtype and rank. All kernels of
 * this backend are written in these.
 */

export function fill(t: Tfjs, value: number, shape: Shape, dtype: DType = 'float32'): Info {
  return t.upload(new ARRAYS[dtype](sizeOf(shape)).fill(value), shape, dtype);
}

/** tfjs's cast only copies between typed arrays: right where every value fits. */
export function convert(t: Tfjs, x: Info, dtype: DType): Info {
  return x.dtype === dtype ? x : t.run('Cast', { x }, { dtype });
}

/** XNNPACK's limit; where there are more axes, tfjs only warns. */
export const MOST_AXES = 6;

type UnaryKernel =
  | 'Abs'
  | 'Ceil'
  | 'Erf'
  | 'Exp'
  | 'Expm1'
  | 'Floor'
  | 'Log'
  | 'LogicalNot'
  | 'Neg'
  | 'Reciprocal'
  | 'Relu'
  | 'Round'
  | 'Rsqrt'
  | 'Sqrt'
  | 'Tanh';

export function unary(t: Tfjs, kernel: UnaryKernel, x: Info): Info {
  return t.run(kernel, { x });
}

type BinaryKernel =
  | 'Add'
  | 'Sub'
  | 'Multiply'
  | 'RealDiv'
  | 'Pow'
  | 'Maximum'
  | 'Minimum'
  | 'Equal'
  | 'NotEqual'
  | 'Less'
  | 'LessEqual'
  | 'Greater'
  | 'GreaterEqual'
  | 'LogicalAnd'
  | 'LogicalOr';

/** Elementwise with broadcasting, of more than `MOST_AXES` axes only with a number or alike. A number stands for a tensor of it. */
export function binary(t: Tfjs, kernel: BinaryKernel, a: Info, b: Info | number): Info {
  if (a.shape.length > MOST_AXES) {
    const flat = [sizeOf(a.shape)];
    const second = typeof b === 'number' || b.shape.length === 0 ? b : view(b, flat);
    return view(binary(t, kernel, view(a, flat), second), a.shape);
  }
  return t.run(kernel, { a, b: typeof b === 'number' ? fill(t, b, [], a.dtype) : b });
}

/** All three of one shape. */
export function choose(t: Tfjs, condition: Info, a: Info, b: Info): Info {
  // tfjs's wasm backend takes bool for four bytes here, and writes past the end.
  if (a.dtype === 'bool') {
    const [left, right] = [a, b].map((x) => convert(t, x, 'int32')) as [Info, Info];
    return convert(t, choose(t, condition, left, right), 'bool');
  }
  return t.run('Select', { condition, t: a, e: b });
}

export function isNan(t: Tfjs, x: Info): Info {
  return binary(t, 'NotEqual', x, x);
}

const finite = new WeakMap<DataId, boolean>();

/** Are all numbers finite, and far from overflow? May say no where their sum overflows. Looked at once. */
export function allFinite(t: Tfjs, x: Info): boolean {
  let known = finite.get(x.dataId);
  if (known === undefined) {
    const total = t.run('Sum', { x: view(x, [sizeOf(x.shape)]) }, { axis: [0], keepDims: false });
    finite.set(x.dataId, (known = Number.isFinite(t.read(total)[0])));
  }
  return known;
}

/** Over leading axes it is a product with ones: several times as fast as tfjs's sum, which transposes first. */
export function sum(t: Tfjs, x: Info, axes: readonly number[]): Info {
  const kept = x.shape.filter((_, i) => !axes.includes(i));
  const n = sizeOf(axes.map((i) => x.shape[i]!));
  if (x.dtype === 'float32' && n > 1 && axes.every((axis, i) => axis === i))
    return view(product(t, fill(t, 1, [1, n]), view(x, [n, sizeOf(kept)])), kept);
  return t.run('Sum', { x }, { axis: [...axes], keepDims: false });
}

export function transpose(t: Tfjs, x: Info, perm: readonly number[]): Info {
  if (perm.every((p, i) => p === i)) return x;
  const moved = perm.filter((p) => x.shape[p] !== 1);
  if (moved.every((p, i) => i === 0 || p > moved[i - 1]!))
    return view(
      x,
      perm.map((p) => x.shape[p]!),
    );
  return t.run('Transpose', { x }, { perm: [...perm] });
}

/** Elements `start + j · step` of each axis. */
export function slice(
  t: Tfjs,
  x: Info,
  start: readonly number[],
  size: readonly number[],
  step: readonly number[] = size.map(() => 1),
): Info {
  // Of a strided axis, whole strides are taken first; the last may have to be filled up.
  const steps = size.map((n, i) => (n > 1 ? step[i]! : 1));
  const wanted = size.map((n, i) => n * steps[i]!);
  const missing = wanted.map((n, i) => Math.max(0, start[i]! + n - x.shape[i]!));
  const none = size.map(() => 0);
  let y = block(t, pad(t, x, none, missing), start, wanted);
  steps.forEach((s, axis) => {
    if (s === 1) return;
    const inner = sizeOf(y.shape.slice(axis + 1));
    const rows = view(y, [sizeOf(y.shape) / (s * inner), s * inner]);
    y = view(block(t, rows, [0, 0], [rows.shape[0]!, inner]), y.shape.with(axis, size[axis]!));
  });
  return y;
}

/** `size` elements of each axis from `start` on. Axes that are taken whole merge into the one before: tfjs is slow above four. */
function block(t: Tfjs, x: Info, start: readonly number[], size: readonly number[]): Info {
  if (size.every((n, i) => n === x.shape[i])) return x;
  const cut = size.flatMap((n, axis) => (axis === 0 || n !== x.shape[axis] ? [axis] : []));
  const inner = cut.map((axis, i) => sizeOf(x.shape.slice(axis + 1, cut[i + 1])));
  const y = t.run(
    'Slice',
    {
      x: view(
        x,
        cut.map((axis, i) => x.shape[axis]! * inner[i]!),
      ),
    },
    {
      begin: cut.map((axis, i) => start[axis]! * inner[i]!),
      size: cut.map((axis, i) => size[axis]! * inner[i]!),
    },
  );
  return view(y, size);
}

/** `before` and `after` each axis, and `interior` between neighbours. */
export function pad(
  t: Tfjs,
  x: Info,
  before: readonly number[],
  after: readonly number[],
  { interior = [], value = 0 }: { interior?: readonly number[]; value?: number } = {},
): Info {
  // tfjs pads bool with garbage.
  if (x.dtype === 'bool') {
    const options = { interior, value: Number(value !== 0) };
    return convert(t, pad(t, convert(t, x, 'int32'), before, after, options), 'bool');
  }
  const apart = interior.some((n, i) => n > 0 && x.shape[i]! > 1) ? spread(t, x, interior, value) : x;
  return padOutside(
    t,
    apart,
    before.map((n, i) => [n, after[i]!]),
    value,
  );
}

/** An axis without padding merges into the one before it, so only the padded ones count; those beyond the limit come next. */
function padOutside(t: Tfjs, x: Info, paddings: readonly (readonly [number, number])[], value: number): Info {
  const padded = paddings.flatMap(([lo, hi], axis) => (lo > 0 || hi > 0 ? [axis] : []));
  if (padded.length === 0) return x;
  const now = padded.slice(0, MOST_AXES - 1);
  const starts = now[0] === 0 ? now : [0, ...now];
  const blocks = starts.map((axis, i) => {
    const inner = sizeOf(x.shape.slice(axis + 1, starts[i + 1]));
    const [lo, hi] = now.includes(axis) ? paddings[axis]! : [0, 0];
    return { extent: x.shape[axis]! * inner, padding: [lo * inner, hi * inner] };
  });
  const y = t.run(
    'PadV2',
    {
      x: view(
        x,
        blocks.map((b) => b.extent),
      ),
    },
    { paddings: blocks.map((b) => b.padding), constantValue: value },
  );
  const shape = x.shape.map(
    (n, axis) => n + (now.includes(axis) ? paddings[axis]![0] + paddings[axis]![1] : 0),
  );
  const rest = paddings.map((p, axis) => (now.includes(axis) ? ([0, 0] as const) : p));
  return padOutside(t, view(y, shape), rest, value);
}

/** `value`, `interior` times between neighbours: each element gets its own axis to be padded on, then the rest is cut off. */
function spread(t: Tfjs, x: Info, interior: readonly number[], value: number): Info {
  const shape = x.shape.flatMap((n, i) => (interior[i]! > 0 ? [n, 1] : [n]));
  const paddings = interior.flatMap((n): [number, number][] =>
    n > 0
      ? [
          [0, 0],
          [0, n],
        ]
      : [[0, 0]],
  );
  const wide = padOutside(t, view(x, shape), paddings, value);
  const joined = view(
    wide,
    x.shape.map((n, i) => n * (interior[i]! + 1)),
  );
  const size = joined.shape.map((n, i) => n - interior[i]!);
  return slice(
    t,
    joined,
    size.map(() => 0),
    size,
  );
}

export function concat(t: Tfjs, inputs: readonly Info[], axis: number): Info {
  return inputs.length === 1 ? inputs[0]! : t.run('Concat', inputs as never, { axis });
}

/** Indices are within the axis. */
export function gather(t: Tfjs, x: Info, indices: Info, axis: number): Info {
  return t.run('GatherV2', { x, indices }, { axis, batchDims: 0 });
}

/** numpy's rule. A product with ones, which XNNPACK broadcasts; tfjs's Tile takes a hundred times as long. */
export function broadcast(t: Tfjs, x: Info, shape: Shape): Info {
  if (sizeOf(x.shape) === sizeOf(shape)) return view(x, shape);
  if (x.dtype === 'bool') return convert(t, broadcast(t, convert(t, x, 'float32'), shape), 'bool');
  const walk = collapse({ shape, strides: [broadcastStrides(x.shape, shape.length)] });
  const from = walk.shape.map((n, i) => (walk.strides[0]![i] === 0 ? 1 : n));
  if (from.length > MOST_AXES) return t.run('Tile', { x: whole(x, shape) }, { reps: repetitions(x, shape) });
  return view(binary(t, 'Multiply', fill(t, 1, walk.shape, x.dtype), view(x, from)), shape);
}

/** With extents of 1 in front, so that there are as many axes. */
const whole = (x: Info, shape: Shape): Info =>
  view(x, [...new Array<number>(shape.length - x.shape.length).fill(1), ...x.shape]);
const repetitions = (x: Info, shape: Shape): number[] =>
  whole(x, shape).shape.map((n, i) => (n === 1 ? shape[i]! : 1));

/** `[m, k] × [k, n]`. */
export function product(t: Tfjs, a: Info, b: Info): Info {
  const [m, k] = a.shape as [number, number];
  const n = b.shape[1]!;
  // As a convolution with one tap. tfjs's matrix product keeps what it has prepared of `b` for the next call, and knows
  // it by its data alone: under another shape (ours share the data) it would multiply by the wrong matrix.
  const y = t.run(
    'Conv2D',
    { x: view(a, [1, m, 1, k]), filter: view(b, [1, 1, k, n]) },
    { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dilations: [1, 1] },
  );
  return view(y, [m, n]);
}
