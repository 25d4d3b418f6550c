import type { Target } from '@graftjs/conformance';
import { createBackend, type KernelBuild, type Tests } from '../src/backend.ts';
import { GuardedHeap } from '../src/guard.ts';
import { readFile } from '../src/host.ts';
import { createWasmBackend, type WasmBackend } from '../src/index.ts';

/** Shares out every task that has two parts, however small. */
const eager =
  (threads: number, tests: Tests = {}, build: KernelBuild = 'kernels') =>
  async (): Promise<WasmBackend> => {
    const load = (): Promise<Uint8Array> => readFile(new URL(`../src/${build}.wasm`, import.meta.url));
    const backend = await createBackend({ threads }, load, { worth: 1e-9, ...tests });
    if (backend.threads !== threads) throw new Error(`${backend.threads} threads: ${backend.notes.join()}`);
    return backend;
  };

export const target: Target = {
  name: 'wasm',
  create: () => createWasmBackend(),
  bitExact: true,
  errorsAreThoseOf: 'cpu',
  variants: {
    'in 64 MiB': () => createWasmBackend({ maxBytes: 64 * 1024 * 1024 }),
    'on one thread': () => createWasmBackend({ threads: 1 }),
    'on 2 threads': eager(2),
    'on 3 threads': eager(3),
    'on 7 threads': eager(7),
    'on 2 threads, with the kernels for a V8 that revectorizes': eager(2, {}, 'kernels-paired'),
    'on 2 threads, with guard bytes around every block': eager(2, { guard: GuardedHeap }),
  },
};

/** On a page that may not share memory between threads. */
export const onPlainPage: Target = {
  name: 'wasm on a page without isolation',
  create: async () => {
    const backend = await createWasmBackend({ threads: 2 });
    if (backend.threads !== 1) throw new Error(`${backend.threads} threads`);
    return backend;
  },
  bitExact: true,
  errorsAreThoseOf: 'cpu',
  notIn: { node: 'Node can always share memory between threads' },
};

/**
 * Fused multiply-add leaves out the rounding of a product. The bounds allow for it and for the sum's, so they hold for one
 * rounding as for two; only the bits are not those of the contract.
 */
export const relaxed: Target = {
  name: 'wasm with relaxed SIMD',
  create: () => createWasmBackend({ relaxedSimd: true }),
};

export const others: readonly Target[] = [onPlainPage, relaxed];
