import { ARRAYS, type DType, type KernelError, sizeOf, type TensorSpec } from '@graftjs/core/backend';
import type { OrtData } from './ort.ts';

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
