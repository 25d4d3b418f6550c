import { sizeOf, type Backend, type Kernels } from '@graftjs/core';
import type { Context } from './context.ts';
import { convKernels } from './conv.ts';
import { convert } from './convert.ts';
import { elementwiseKernels } from './elementwise.ts';
import { matmulKernels } from './matmul.ts';
import { BYTES, Heap, type WasmBuffer } from './memory.ts';
import { instantiate, PAGE } from './module.ts';
import { movementKernels } from './movement.ts';
import { poolKernels } from './pool.ts';
import { reduceKernels } from './reduce.ts';

export interface WasmBackendOptions {
  /** Most bytes that the memory may grow to. Default, and most that there can be, 4 GiB. */
  readonly maxBytes?: number;
}

const MOST_PAGES = 65536;

/** One kernel for every primitive, family by family. */
function createKernels(context: Context): Kernels<WasmBuffer> {
  return {
    ...elementwiseKernels(context),
    ...reduceKernels(context),
    ...matmulKernels(context),
    ...movementKernels(context),
    ...convKernels(context),
    ...poolKernels(context),
  };
}

/**
 * WebAssembly SIMD on one thread, with the bits of `primitives.ts` of core. Work is done when `run` returns, so
 * `readSync` is there. Each backend has a memory of its own.
 * @throws UnsupportedError where the host has no WebAssembly with SIMD
 */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<Backend<WasmBuffer>> {
  const pages = Math.max(2, Math.min(MOST_PAGES, Math.floor((options.maxBytes ?? Infinity) / PAGE)));
  const { wasm, memory } = await instantiate(pages);
  const heap = new Heap(memory, pages * PAGE);
  const kernels = createKernels({
    wasm,
    heap,
    threads: 1,
    split: ({ kernel, args, count }) => void (count > 0 && wasm[kernel](...args, 0, count)),
  });
  return {
    name: 'wasm',
    upload(data, { dtype, shape }) {
      const n = sizeOf(shape);
      const buffer = heap.alloc(n * BYTES[dtype]);
      convert(data, heap.view(dtype, buffer.ptr, n));
      return buffer;
    },
    read: async ({ ptr }, { dtype, shape }) => heap.view(dtype, ptr, sizeOf(shape)).slice(),
    readSync: ({ ptr }, { dtype, shape }) => heap.view(dtype, ptr, sizeOf(shape)).slice(),
    release: (buffer) => heap.free(buffer),
    flush: async () => {},
    async dispose() {},
    run: (op, inputs, attrs, outputs) => kernels[op](inputs, attrs, outputs),
    memory: () => heap.usage,
  };
}
