import { GraftError, nearest, setDefaultBackend, type Backend } from '@graftjs/core';
import { UsageError } from './errors.ts';

export interface BackendEntry {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot run here and what to do about it, or null if it can. */
  available(): Promise<string | null>;
  create(): Promise<OpenBackend>;
}

/** Every backend that the command knows. A new one is one more entry here. */
export const BACKENDS: readonly BackendEntry[] = [
  {
    name: 'wasm',
    summary: 'WebAssembly SIMD, one thread: the bits of cpu, ten to twenty times as fast',
    available: async () => null,
    create: async () => {
      const { createWasmBackend } = await import('@graftjs/backend-wasm');
      return { backend: await createWasmBackend(), threads: 1 };
    },
  },
  {
    name: 'cpu',
    summary: 'plain TypeScript, one thread: runs everywhere, the reference for all others',
    available: async () => null,
    create: async () => {
      const { createCpuBackend } = await import('@graftjs/backend-cpu');
      return { backend: await createCpuBackend(), threads: 1 };
    },
  },
];

/** A test holds that the model files are the same, so the faster one it is. */
export const DEFAULT_BACKEND = 'wasm';

/** @throws UsageError for an unknown name, with the nearest */
export function findBackend(name: string): BackendEntry {
  const entry = BACKENDS.find((b) => b.name === name);
  if (entry) return entry;
  const names = BACKENDS.map((b) => b.name);
  throw new UsageError(
    `unknown backend '${name}'; the nearest is '${nearest(name, names, 1)[0]}'. 'graft backends' lists them all`,
  );
}

export interface OpenBackend {
  readonly backend: Backend;
  readonly threads: number;
}

/**
 * A backend that is also the default for everything made from now on.
 * @throws GraftError for one that cannot run here
 */
export async function openBackend(name: string): Promise<OpenBackend> {
  const entry = findBackend(name);
  const reason = await entry.available();
  if (reason !== null) throw new GraftError(`the backend '${name}' cannot run here: ${reason}`);
  const opened = await entry.create();
  setDefaultBackend(opened.backend);
  return opened;
}
