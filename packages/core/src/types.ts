/** Element types. Backends store bool as one byte (0 or 1); float64 exists only inside test oracles. */
export type DType = 'float32' | 'int32' | 'bool';

/** Row-major extents, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** What is known about a tensor without looking at its values. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** What `read` gives back: float32 → Float32Array (a float64 oracle: Float64Array), int32 → Int32Array, bool → Uint8Array. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * Where the channel axis of an activation is. With two spatial axes: channels-first is NCHW, channels-last NHWC.
 * Weights do not follow it: they are always `[outChannels, inChannels / groups, ...kernel]`.
 */
export type Layout = 'channels-first' | 'channels-last';

/**
 * Number of elements of a shape.
 * @example
 * sizeOf([2, 3, 4]); // → 24
 * sizeOf([]); // → 1
 */
export function sizeOf(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

const bytesPerElement: Readonly<Record<DType, number>> = { float32: 4, int32: 4, bool: 1 };
export const DTYPES: readonly DType[] = ['float32', 'int32', 'bool'];

/**
 * Bytes of a tensor's elements.
 * @example
 * bytesOf({ dtype: 'float32', shape: [2, 3] }); // → 24
 */
export function bytesOf({ dtype, shape }: TensorSpec): number {
  return sizeOf(shape) * bytesPerElement[dtype];
}

/**
 * Row-major strides, in elements.
 * @example
 * stridesOf([2, 3, 4]); // → [12, 4, 1]
 */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/**
 * Do two shapes have the same extents?
 * @example
 * sameShape([2, 3], [3, 2]); // → false
 */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** `[2, 3, 8]` → `"[2, 3, 8]"`, for messages. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
