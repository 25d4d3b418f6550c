import { type Backend, convertInto, type Kernels, relieve, sizeOf } from '@graftjs/core/backend';
import { convKernels } from './conv.ts';
import { elementwiseKernels } from './elementwise.ts';
import { matmulKernels } from './matmul.ts';
import { BufferPool, type Allocator, type CpuBuffer } from './memory.ts';
import { movementKernels } from './movement.ts';
import { poolKernels } from './pool.ts';
import { reduceKernels } from './reduce.ts';
import { Workspace } from './workspace.ts';

export interface CpuBackendOptions {
  /** Most bytes of released arrays that wait for reuse. Default 256 MiB; 0 keeps none. */
  readonly poolBytes?: number;
  /** Most bytes that tensors may hold. Default 4 GiB. */
  readonly maxBytes?: number;
}

/** One kernel for every primitive, family by family. */
function createKernels(memory: Allocator, space: Workspace): Kernels<CpuBuffer> {
  return {
    ...elementwiseKernels(memory),
    ...reduceKernels(memory),
    ...matmulKernels(memory, space),
    ...movementKernels(memory),
    ...convKernels(memory, space),
    ...poolKernels(memory, space),
  };
}

/**
 * The reference backend: plain TypeScript, one thread, nothing to load. Work is done when `run` returns, so `readSync`
 * is there. Each kernel rounds and accumulates as `primitives.ts` of core says, bit for bit.
 * @throws OutOfMemoryError, when a kernel runs, where there is no room for its result.
 * @example
 * const cpu = await createCpuBackend();
 * add(ones([2], { backend: cpu }), 1); // → [2, 2]
 */
export async function createCpuBackend(options: CpuBackendOptions = {}): Promise<Backend<CpuBuffer>> {
  const pool = new BufferPool(options.poolBytes ?? 256 * 1024 * 1024);
  const space = new Workspace();
  const kernels = createKernels(pool, space);
  let disposed = false;
  const backend: Backend<CpuBuffer> = {
    name: 'cpu',
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    upload(data, { dtype, shape }) {
      const buffer = pool.alloc(dtype, sizeOf(shape));
      convertInto(data, buffer);
      return buffer;
    },
    read: async (buffer) => buffer.slice(),
    readSync: (buffer) => buffer.slice(),
    release(buffer) {
      if (!disposed) pool.free(buffer);
    },
    flush: () => relieve(backend),
    async dispose() {
      disposed = true;
      pool.clear();
      space.clear();
    },
    run: (op, inputs, attrs, output) => kernels[op](inputs, attrs, output),
    memory: () => ({ inUse: pool.usage.inUse, pooled: pool.usage.pooled + space.bytes }),
  };
  return backend;
}
