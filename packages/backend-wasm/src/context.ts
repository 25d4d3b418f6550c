import { sizeOf, type TensorSpec } from '@graftjs/core';
import { BYTES, Scratch, type Heap, type WasmBuffer } from './memory.ts';
import type { Wasm } from './module.ts';

/** What kernels work with: the compiled functions and the memory. */
export interface Context {
  readonly wasm: Wasm;
  readonly heap: Heap;
}

/** Room for a tensor, with old values in it. */
export function allocate({ heap }: Context, { dtype, shape }: TensorSpec): WasmBuffer {
  return heap.alloc(sizeOf(shape) * BYTES[dtype]);
}

/** Runs a kernel with an output and scratch room; gives back all of it on failure, the scratch always. */
export function produce(
  context: Context,
  output: TensorSpec,
  fill: (y: number, scratch: Scratch) => void,
): WasmBuffer[] {
  const y = allocate(context, output);
  const scratch = new Scratch(context.heap);
  try {
    fill(y.ptr, scratch);
    return [y];
  } catch (error) {
    context.heap.free(y);
    throw error;
  } finally {
    scratch.free();
  }
}
