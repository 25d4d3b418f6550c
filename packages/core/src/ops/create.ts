import type { Backend } from '../backend.ts';
import { getDefaultBackend } from '../default-backend.ts';
import type { Random } from '../rng/index.ts';
import { isTensor, Tensor, type NestedArray, type TensorLike } from '../tensor.ts';
import { tracing } from '../tracing.ts';
import { showShape, sizeOf, type DType, type Shape, type TypedArray } from '../types.ts';
import { fail } from './check.ts';

export interface CreateOptions {
  /** Default: float32, or bool for booleans, int32 for an Int32Array, bool for a Uint8Array. */
  readonly dtype?: DType;
  /** Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
}

function shapeOf(value: NestedArray): number[] {
  if (!Array.isArray(value)) return [];
  if (value.length === 0) return [0];
  const inner = shapeOf(value[0]!);
  value.forEach((v, i) => {
    const s = shapeOf(v);
    if (s.join() !== inner.join()) {
      fail('tensor', `ragged array: element 0 has shape ${showShape(inner)}, element ${i} ${showShape(s)}`);
    }
  });
  return [value.length, ...inner];
}

function flatten(value: NestedArray): (number | boolean)[] {
  return Array.isArray(value) ? value.flatMap(flatten) : [value];
}

/**
 * A tensor from numbers: `tensor([[1, 2], [3, 4]])`, or flat values with a shape: `tensor(float32Array, [2, 2])`.
 * @throws ShapeError on ragged arrays, or when the number of values is not that of the shape.
 */
export function tensor(values: NestedArray | TypedArray, shape?: Shape, options: CreateOptions = {}): Tensor {
  const backend = tracing()?.backend ?? options.backend ?? getDefaultBackend();
  const typed = ArrayBuffer.isView(values);
  const flat: ArrayLike<number | boolean> = typed ? values : flatten(values);
  const target = shape ?? (typed ? [values.length] : shapeOf(values));
  if (sizeOf(target) !== flat.length) {
    fail(
      'tensor',
      `${flat.length} values do not fill shape ${showShape(target)} (${sizeOf(target)} elements)`,
    );
  }
  for (const d of target)
    if (!Number.isInteger(d) || d < 0) fail('tensor', `${showShape(target)} is not a shape`);
  const dtype =
    options.dtype ??
    (values instanceof Int32Array
      ? 'int32'
      : values instanceof Uint8Array || typeof flat[0] === 'boolean'
        ? 'bool'
        : 'float32');
  const spec = { dtype, shape: [...target] };
  return Tensor.fromBuffer(backend, backend.upload(flat as ArrayLike<number>, spec), spec);
}

/**
 * A float32 tensor whose values the host draws or computes. Where a function is being compiled, `make` is asked anew at
 * each of its calls, so that the values are not those of the first.
 */
export function hostTensor(shape: Shape, make: () => ArrayLike<number>, backend?: Backend): Tensor {
  const spec = { dtype: 'float32', shape: [...shape] } as const;
  const trace = tracing();
  if (trace) return trace.host(spec, make);
  const at = backend ?? getDefaultBackend();
  return Tensor.fromBuffer(at, at.upload(make(), spec), spec);
}

/** A tensor whose every element is `value`. */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  return tensor(new Float64Array(sizeOf(shape)).fill(value), shape, { dtype: 'float32', ...options });
}
export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 0, options);
}
export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 1, options);
}
/** 0, 1, …, n − 1 as int32 (or `options.dtype`). */
export function arange(n: number, options: CreateOptions = {}): Tensor {
  return tensor(
    Float64Array.from({ length: n }, (_, i) => i),
    [n],
    { dtype: 'int32', ...options },
  );
}
/** Uniform in [0, 1), from a counter-based stream: the same on every backend. */
export function randomUniform(shape: Shape, random: Random, options: CreateOptions = {}): Tensor {
  return tensor(random.uniformArray(sizeOf(shape)), shape, options);
}
/** Standard normal, from a counter-based stream: the same on every backend. */
export function randomNormal(shape: Shape, random: Random, options: CreateOptions = {}): Tensor {
  return tensor(random.normalArray(sizeOf(shape)), shape, options);
}

/** A number as a scalar beside `like`; a tensor as it is. */
export function lift(value: TensorLike, like: Tensor): Tensor {
  return isTensor(value) ? value : tensor(value, [], { dtype: like.dtype, backend: like.backend });
}
