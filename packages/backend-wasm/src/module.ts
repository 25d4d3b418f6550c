import { GraftError, UnsupportedError } from '@graftjs/core/backend';
import { builtin, webAssembly, type V8, type WasmMemory, type WasmModule } from './host.ts';
import type { KernelName } from './kernel-names.generated.ts';

/** All arguments are pointers or 32-bit integers. */
type Fn = (...args: number[]) => number;

/** What the files in `assembly/` export; what each does is said there. */
export type Wasm = Readonly<Record<KernelName, Fn>>;

export const PAGE = 65536;

export interface Instance {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly wasm: Wasm;
}

/** What the instance exports that workers may be asked for, in an order that all threads share. */
export function kernelNames(wasm: Wasm): string[] {
  return Object.keys(wasm).sort();
}

/**
 * Compiles the kernels over a new memory that may grow to `maximum` pages.
 * @throws UnsupportedError where the host has no WebAssembly, or none with SIMD
 */
export async function instantiate(kernels: Uint8Array, maximum: number, shared: boolean): Promise<Instance> {
  const host = webAssembly();
  if (!host)
    throw new UnsupportedError("'wasm' needs a host with WebAssembly; the backend 'cpu' runs everywhere");
  const bytes = shared ? kernels : unshared(kernels);
  if (!host.validate(bytes)) {
    throw new UnsupportedError(
      "'wasm' needs WebAssembly with 128-bit SIMD (Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or newer); the backend 'cpu' runs everywhere",
    );
  }
  const module = await host.compile(bytes).catch((error: unknown) => {
    const { message } = error as Error;
    if (!/unsafe-eval|CSP|Content.Security.Policy/i.test(message)) throw error;
    throw new UnsupportedError(
      "'wasm' may not compile WebAssembly here: the Content-Security-Policy of the page or worker must have " +
        "'wasm-unsafe-eval' in script-src; the backend 'cpu' runs everywhere",
      { cause: error },
    );
  });
  const memory = new host.Memory({ initial: 2, maximum, shared });
  const { exports } = new host.Instance(module, { env: { memory } });
  return { module, memory, wasm: exports as Wasm };
}

/** Whether the host takes the build with relaxed SIMD; Node 20 does after it is told to. */
export function canRelax(kernels: Uint8Array): boolean {
  const host = webAssembly();
  if (host?.validate(kernels)) return true;
  builtin<V8>('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return host?.validate(kernels) ?? false;
}

/**
 * The same kernels for a memory of one thread. The kernels use no atomic instructions; all that makes them want a shared
 * memory is one byte, the limits' flag of the import `env.memory` (3: shared, with a maximum; 1: with a maximum).
 * https://webassembly.github.io/threads/core/binary/types.html#limits
 */
function unshared(kernels: Uint8Array): Uint8Array {
  const bytes = kernels.slice();
  const name = [6, ...Array.from('memory', (c) => c.charCodeAt(0)), 2];
  const at = bytes.findIndex((_, i) => name.every((b, k) => bytes[i + k] === b)) + name.length;
  if (bytes[at] !== 3) throw new GraftError('the kernels do not import a shared memory: build them again');
  bytes[at] = 1;
  return bytes;
}
