import { sizeOf, type TensorSpec } from '@graftjs/core/backend';
import type { Cache } from './cache.ts';
import { BYTES, Scratch, type Heap, type WasmBuffer } from './memory.ts';
import type { KernelName } from './kernel-names.generated.ts';
import type { Wasm } from './module.ts';

/** What kernels work with: the compiled functions, the memory and the threads. */
export interface Context {
  /** Calls a function on this thread, at once. */
  readonly wasm: Wasm;
  readonly heap: Heap;
  /** What is kept between calls. */
  readonly cache: Cache;
  /** How many threads may run a task, this one included. Scratch room is wanted for each (`own` in assembly/thread.ts). */
  readonly threads: number;
  /** Carries out a task on as many threads as it is worth; returns when it is done. */
  split(task: Task): void;
}

/**
 * Work that falls into `count` parts, which any thread may do in any order: `kernel(...args, begin, end)` does those from
 * `begin` to `end`. No bit of the result may depend on how they are shared out, and no part may write where another one
 * writes, not even past its last element: parts that vectors fill have a `grain` of whole vectors.
 */
export interface Task {
  readonly kernel: KernelName;
  /** Integers and pointers, at most 28. */
  readonly args: readonly number[];
  readonly count: number;
  /** Boundaries between threads are multiples of this. Default 1. */
  readonly grain?: number;
  /** Estimated nanoseconds of the whole on one thread; little work stays on the calling one. */
  readonly cost: number;
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
): WasmBuffer {
  return produceAll(context, [output] as const, ([y], scratch) => fill(y, scratch))[0];
}

/** `T` for each of several outputs. */
type Each<O, T> = { readonly [K in keyof O]: T };

/** The same with several outputs. */
export function produceAll<O extends readonly TensorSpec[]>(
  context: Context,
  outputs: O,
  fill: (outputs: Each<O, number>, scratch: Scratch) => void,
): Each<O, WasmBuffer> {
  const made: WasmBuffer[] = [];
  const scratch = new Scratch(context.heap);
  try {
    for (const output of outputs) made.push(allocate(context, output));
    fill(made.map(({ ptr }) => ptr) as unknown as Each<O, number>, scratch);
    return made as unknown as Each<O, WasmBuffer>;
  } catch (error) {
    for (const buffer of made) context.heap.free(buffer);
    throw error;
  } finally {
    scratch.free();
  }
}
