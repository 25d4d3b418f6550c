import { createBackend, type WasmBackend, type WasmBackendOptions } from './backend.ts';
import { readFile } from './host.ts';

export type { WasmBackend, WasmBackendOptions } from './backend.ts';

// Each written out, for bundlers look for exactly this.
const FILES = {
  kernels: new URL('./kernels.wasm', import.meta.url),
  'kernels-relaxed': new URL('./kernels-relaxed.wasm', import.meta.url),
  'kernels-paired': new URL('./kernels-paired.wasm', import.meta.url),
} as const;

/**
 * WebAssembly SIMD with the bits of `primitives.ts` of core, on as many threads as there are processors. Work is done
 * when `run` returns, so `readSync` is there. Each backend has a memory and threads of its own, which do not keep a
 * process alive. The kernels are a file beside this one, `kernels.wasm`, which bundlers find; `@graftjs/backend-wasm/inline`
 * carries them in the script.
 * @throws UnsupportedError where the host has no WebAssembly with SIMD
 * @example
 * const wasm = await createWasmBackend({ threads: 1 });
 * add(ones([2], { backend: wasm }), 1); // → [2, 2]
 * await wasm.dispose();
 */
export function createWasmBackend(options: WasmBackendOptions = {}): Promise<WasmBackend> {
  return createBackend(options, (build) => readFile(FILES[build]));
}
