import type { Backend } from '../backend.ts';
import { getDefaultBackend } from '../default-backend.ts';
import type { Random } from '../rng/index.ts';
import { Tensor, type NestedArray } from '../tensor.ts';
import { tracing } from '../tracing.ts';
import { composite } from '../op.ts';
import { DTYPES, showShape, sizeOf, type DType, type Shape } from '../types.ts';
import { ops } from './bound.ts';
import { fail, wantOneOf, wantRoom, wantShape, wantWhole } from './check.ts';

export interface CreateOptions {
  /**
   * Default: bool for booleans, int32 for typed arrays of integers, otherwise float32. Bytes that are truths, such as
   * `data()` gives of a bool tensor, need `'bool'` here.
   */
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
  if (Array.isArray(value)) return value.flatMap(flatten);
  if (typeof value !== 'number' && typeof value !== 'boolean')
    fail('tensor', `${typeof value} ${String(value)} is no number: values must be numbers or booleans`);
  return [value];
}

/** What a tensor is made from: nested arrays, or a flat typed array. */
export type TensorValues = NestedArray | ArrayBufferView;

const INTEGERS = [Int32Array, Uint8Array, Uint8ClampedArray, Int8Array, Int16Array, Uint16Array, Uint32Array];
const INT32_LIMIT = 2 ** 31;

/** A typed array's values, and the dtype that holds them. 64-bit integers become numbers where int32 holds them. */
function typedValues(values: ArrayBufferView): { flat: ArrayLike<number>; dtype: DType } {
  const kind = values.constructor.name;
  if (values instanceof DataView)
    fail('tensor', 'a DataView has no elements: wrap its buffer in a typed array');
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const outside = values.find((v) => v < -INT32_LIMIT || v >= INT32_LIMIT);
    if (outside !== undefined) fail('tensor', beyond(kind, outside));
    return { flat: Int32Array.from(values, Number), dtype: 'int32' };
  }
  return {
    flat: values as unknown as ArrayLike<number>,
    dtype: INTEGERS.some((type) => values instanceof type) ? 'int32' : 'float32',
  };
}
const beyond = (kind: string, value: number | bigint): string =>
  `${value} in a ${kind} is beyond int32 (−2³¹ to 2³¹ − 1): convert it, for instance with Float32Array.from(values, Number)`;

/**
 * A tensor from numbers: `tensor([[1, 2], [3, 4]])`, or flat values with a shape: `tensor(float32Array, [2, 2])`. Typed
 * arrays of integers (bytes of a picture too) give int32, those of floats float32; `options.dtype` overrules.
 * @param shape Default: that of the nested arrays, `[]` (a scalar) for one number, `[length]` for a typed array.
 * @throws ShapeError on ragged arrays, when the number of values is not that of the shape, and for integers that int32
 * does not hold unless `dtype` says what to make of them; StateError where there is no default backend.
 * @example
 * tensor([[1, 2, 3], [4, 5, 6]]).shape; // → [2, 3]
 * tensor(new Float32Array([1, 2, 3, 4]), [2, 2]); // → [[1, 2], [3, 4]]
 * tensor([0, 2], [2], { dtype: 'int32' }).dtype; // → 'int32'
 */
export function tensor(values: TensorValues, shape?: Shape, options: CreateOptions = {}): Tensor {
  const backend = tracing()?.backend ?? options.backend ?? getDefaultBackend();
  if (options.dtype !== undefined) wantOneOf('tensor', 'dtype', options.dtype, DTYPES);
  const typed = ArrayBuffer.isView(values) ? typedValues(values) : null;
  const flat: ArrayLike<number | boolean> = typed ? typed.flat : flatten(values as NestedArray);
  const target = shape ?? (typed ? [flat.length] : shapeOf(values as NestedArray));
  wantShape('tensor', target);
  if (sizeOf(target) !== flat.length) {
    fail(
      'tensor',
      `${flat.length} values do not fill shape ${showShape(target)} (${sizeOf(target)} elements)`,
    );
  }
  if (values instanceof Uint32Array && options.dtype === undefined) {
    const outside = values.find((v) => v >= INT32_LIMIT);
    if (outside !== undefined) fail('tensor', beyond('Uint32Array', outside));
  }
  const dtype = options.dtype ?? typed?.dtype ?? (typeof flat[0] === 'boolean' ? 'bool' : 'float32');
  const spec = { dtype, shape: [...target] };
  wantRoom('tensor', spec, backend);
  return Tensor.fromBuffer(backend, backend.upload(flat as ArrayLike<number>, spec), spec);
}

/** From so many elements on, a constant is one number that the backend repeats: the host need not hold it, too. */
const REPEATED = 2 ** 16;

/**
 * A tensor of `[...shape]` whose every element is `value`.
 * @throws ShapeError where the shape is none, StateError where there is no default backend, OutOfMemoryError where there can be
 * no room.
 * @example
 * full([2, 2], 7); // → [[7, 7], [7, 7]]
 */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  return filled('full', shape, value, options);
}
function filled(op: string, shape: Shape, value: number, options: CreateOptions): Tensor {
  const { dtype = 'float32' } = options;
  const size = room(op, shape, options, dtype);
  const given = { ...options, dtype };
  // What is traced stays one constant.
  if (size < REPEATED || tracing())
    return tensor(new (dtype === 'float32' ? Float32Array : Float64Array)(size).fill(value), shape, given);
  return composite(() => ops.broadcastTo(tensor(value, [], given), shape));
}
/** Checks a shape from a caller; gives its number of elements. */
function room(op: string, shape: Shape, { backend }: CreateOptions, dtype: DType): number {
  wantShape(op, shape);
  wantRoom(op, { dtype, shape }, tracing()?.backend ?? backend ?? getDefaultBackend());
  return sizeOf(shape);
}

/**
 * A tensor of `[...shape]` full of 0.
 * @throws ShapeError where the shape is none, StateError where there is no default backend, OutOfMemoryError where there can be
 * no room.
 * @example
 * zeros([2, 3]); // → [[0, 0, 0], [0, 0, 0]]
 */
export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return filled('zeros', shape, 0, options);
}

/**
 * A tensor of `[...shape]` full of 1.
 * @throws ShapeError where the shape is none, StateError where there is no default backend, OutOfMemoryError where there can be
 * no room.
 * @example
 * ones([3], { dtype: 'int32' }); // → [1, 1, 1]
 */
export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return filled('ones', shape, 1, options);
}

/**
 * 0, 1, …, n − 1 as int32 (or `options.dtype`).
 * @returns `[n]`.
 * @throws ShapeError where n is not a whole number, 0 or more; StateError where there is no default backend.
 * @example
 * arange(4); // → [0, 1, 2, 3]
 */
export function arange(n: number, options: CreateOptions = {}): Tensor {
  const { dtype = 'int32' } = options;
  wantWhole('arange', 'n', n);
  room('arange', [n], options, dtype);
  const values = new Int32Array(n);
  for (let i = 0; i < n; i++) values[i] = i;
  return tensor(values, [n], { ...options, dtype });
}

/**
 * Uniform in [0, 1), from a counter-based stream: the same numbers on every backend.
 * @returns float32 `[...shape]`.
 * @throws ShapeError where the shape is none, StateError where there is no default backend.
 * @example
 * const random = new Random(7);
 * randomUniform([2, 3], random).shape; // → [2, 3]
 */
export function randomUniform(shape: Shape, random: Random, options: CreateOptions = {}): Tensor {
  return tensor(random.uniformArray(room('randomUniform', shape, options, 'float32')), shape, options);
}

/**
 * Standard normal (mean 0, deviation 1), from a counter-based stream: the same numbers on every backend.
 * @returns float32 `[...shape]`.
 * @throws ShapeError where the shape is none, StateError where there is no default backend.
 * @example
 * const x = randomNormal([1000], new Random(7));
 * mean(x); // → 0.0
 * variance(x); // → 1.0
 */
export function randomNormal(shape: Shape, random: Random, options: CreateOptions = {}): Tensor {
  return tensor(random.normalArray(room('randomNormal', shape, options, 'float32')), shape, options);
}
