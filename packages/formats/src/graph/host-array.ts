import {
  getDefaultBackend,
  isTensor,
  ShapeError,
  sizeOf,
  tensor,
  type DType,
  type Shape,
  type Tensor,
} from '@graftjs/core';

/**
 * A small array outside any backend: shapes, axes and indices that a graph computes while it runs, and constants while a
 * file is read. Integers of 64 bits are held exactly up to 2^53.
 */
export interface HostArray {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Row-major: Float32Array for float32, Uint8Array for bool; for int32 Float64Array, or Int32Array as a file stores it. */
  readonly values: HostValues;
}
export type HostValues = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What a value in a graph is when it runs; a number is a scalar of whatever type it meets. */
export type GraphValue = Tensor | HostArray | number;

/** Elements that an operation may give; what would be larger comes from a broken file. 2^27 float32 are 512 MiB. */
const MAX_ELEMENTS = 2 ** 27;
/** The same for host arrays that are not copies of a stored one. */
const MAX_HOST_ELEMENTS = 2 ** 22;

/**
 * Checks an extent that a file, not a tensor, has made large, before anything is allocated.
 * @throws ShapeError
 */
export function boundedShape(shape: Shape, limit: number = MAX_ELEMENTS): Shape {
  if (!shape.every((d) => Number.isSafeInteger(d) && d >= 0)) {
    throw new ShapeError(`[${shape.join(', ')}] is not a shape`);
  }
  // An empty result is made by lists as long as its other axes.
  if (!(sizeOf(shape.map((d) => Math.max(d, 1))) <= limit)) {
    throw new ShapeError(`a result of shape [${shape.join(', ')}] is larger than ${limit} elements`);
  }
  return shape;
}

/** Extent of an axis that is worked out element by element, on the host. */
const MAX_LISTED = 2 ** 20;
/** Checks extents along which every element gets a list of its own. @throws ShapeError */
export function boundedLists(extents: Shape): void {
  for (const d of extents) boundedShape([d], MAX_LISTED);
}

/** Zeros. `atLeast`: the size of the largest input, which is allowed whatever it is. */
export function newHostArray(dtype: DType, shape: Shape, atLeast = 0): HostArray {
  const size = sizeOf(boundedShape(shape, Math.max(MAX_HOST_ELEMENTS, atLeast)));
  const values =
    dtype === 'float32'
      ? new Float32Array(size)
      : dtype === 'bool'
        ? new Uint8Array(size)
        : new Float64Array(size);
  return { dtype, shape, values };
}

export function hostArray(dtype: DType, shape: Shape, from: ArrayLike<number>): HostArray {
  const out = newHostArray(dtype, shape, from.length);
  if (from.length !== out.values.length)
    throw new ShapeError(`${from.length} values do not fill the shape [${shape.join(', ')}]`);
  out.values.set(from);
  return out;
}

export function isHostArray(v: GraphValue): v is HostArray {
  return typeof v !== 'number' && !isTensor(v);
}

const INT32_LIMIT = 2 ** 31;

/**
 * The same values as a tensor beside `like`, or on the default backend.
 * @throws ShapeError for integers that int32 does not hold.
 */
export function toTensor(array: HostArray, like?: Tensor): Tensor {
  const { dtype, shape, values } = array;
  if (dtype === 'int32' && values.some((v) => !(v >= -INT32_LIMIT && v < INT32_LIMIT))) {
    throw new ShapeError('an integer beyond ±2^31 cannot be stored in a tensor: Graft computes in int32');
  }
  return tensor(values, shape, { dtype, backend: like?.backend ?? getDefaultBackend() });
}
