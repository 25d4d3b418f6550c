import { sizeOf, type TensorSpec } from '@graftjs/core';
import { ARRAYS } from './tfjs.ts';

/** Numbers from outside as the spec's dtype: to int32 truncated and saturated, NaN as 0; to bool `!= 0`. */
export function converted(
  data: ArrayLike<number>,
  { dtype, shape }: TensorSpec,
): Float32Array | Int32Array | Uint8Array {
  const y = new ARRAYS[dtype](sizeOf(shape));
  if (dtype === 'float32' || data instanceof Int32Array) y.set(data);
  else if (dtype === 'bool') for (let i = 0; i < y.length; i++) y[i] = Number(data[i] !== 0);
  else
    for (let i = 0; i < y.length; i++)
      y[i] = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(data[i]!) || 0));
  return y;
}
