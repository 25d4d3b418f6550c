import { sizeOf, type DType, type TensorSpec } from '../types.ts';

/** The array types of elements in JavaScript's memory. */
export const ARRAYS: {
  readonly float32: typeof Float32Array;
  readonly int32: typeof Int32Array;
  readonly bool: typeof Uint8Array;
} = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } satisfies Record<DType, unknown>;

/** Numbers from outside as the spec's dtype: to int32 truncated and saturated, NaN as 0; to bool `!= 0`. */
export function converted(
  data: ArrayLike<number>,
  { dtype, shape }: TensorSpec,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  const y = new ARRAYS[dtype](sizeOf(shape));
  if (dtype === 'float32' || data instanceof Int32Array) y.set(data);
  else if (dtype === 'bool') for (let i = 0; i < y.length; i++) y[i] = Number(data[i] !== 0);
  else
    for (let i = 0; i < y.length; i++)
      y[i] = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(data[i]!) || 0));
  return y;
}
