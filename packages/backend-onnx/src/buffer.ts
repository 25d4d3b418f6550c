import { sizeOf, type DType, type KernelError, type TensorSpec } from '@graftjs/core';
import type { OrtData } from './ort.ts';

export const ARRAYS: {
  readonly float32: typeof Float32Array;
  readonly int32: typeof Int32Array;
  readonly bool: typeof Uint8Array;
} = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/**
 * A tensor's numbers, or the promise of them: what is enqueued fills them in, or says why it could not. They live in
 * JavaScript's memory, where onnxruntime takes them from.
 */
export class OnnxBuffer {
  readonly dtype: DType;
  readonly bytes: number;
  data: OrtData | null;
  failure: KernelError | null = null;
  /** Enqueued work that reads or writes it. */
  pending = 0;
  released = false;

  constructor({ dtype, shape }: TensorSpec, data: OrtData | null = null) {
    this.dtype = dtype;
    this.bytes = sizeOf(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT;
    this.data = data;
  }
}

/** Numbers from outside as the spec's dtype: to int32 truncated and saturated, NaN as 0; to bool `!= 0`. */
export function converted(data: ArrayLike<number>, { dtype, shape }: TensorSpec): OrtData {
  const y = new ARRAYS[dtype](sizeOf(shape));
  if (dtype === 'float32' || data instanceof Int32Array) y.set(data);
  else if (dtype === 'bool') for (let i = 0; i < y.length; i++) y[i] = Number(data[i] !== 0);
  else
    for (let i = 0; i < y.length; i++)
      y[i] = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(data[i]!) || 0));
  return y;
}
