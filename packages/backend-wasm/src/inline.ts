import { createBackend, type WasmBackend, type WasmBackendOptions } from './backend.ts';
import { inflate } from './host.ts';
import { KERNELS } from './kernels.generated.ts';

export type { WasmBackend, WasmBackendOptions } from './backend.ts';

/**
 * The same as `createWasmBackend` of `@graftjs/backend-wasm`, with the kernels inside the script: nothing has to be found
 * or fetched.
 * @throws UnsupportedError where the host has no WebAssembly with SIMD
 * @example
 * import { createWasmBackend } from '@graftjs/backend-wasm/inline';
 * const wasm = await createWasmBackend({ threads: 1 });
 * add(ones([2], { backend: wasm }), 1); // → [2, 2]
 * await wasm.dispose();
 */
export function createWasmBackend(options: WasmBackendOptions = {}): Promise<WasmBackend> {
  return createBackend(options, async (build) => {
    const kernels =
      build === 'kernels'
        ? KERNELS
        : build === 'kernels-relaxed'
          ? (await import('./kernels-relaxed.generated.ts')).KERNELS
          : (await import('./kernels-paired.generated.ts')).KERNELS;
    return inflate(Uint8Array.from(atob(kernels), (c) => c.charCodeAt(0)));
  });
}
