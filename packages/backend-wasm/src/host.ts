import { GraftError } from '@graftjs/core/backend';

/*
 * What the host lends: WebAssembly, files; threads are in host-threads.ts. Neither the library of ES2023 nor one host's
 * types declare all of it, so the part that is used is declared here, and looked for when it is needed.
 */

/** A memory whose `buffer` is a SharedArrayBuffer if it was asked for, and changes when the memory grows. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** A compiled module: opaque, and may be sent to another thread. */
export type WasmModule = object;

export interface WasmHost {
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<WasmModule>;
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
  Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: unknown };
}

interface Globals {
  readonly WebAssembly?: WasmHost;
  readonly SharedArrayBuffer?: unknown;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly process?: {
    readonly versions?: { readonly node?: string };
    getBuiltinModule?(name: string): unknown;
  };
  readonly fetch?: (
    url: string,
  ) => Promise<{ readonly ok: boolean; readonly status: number; arrayBuffer(): Promise<ArrayBuffer> }>;
  readonly Worker?: unknown;
  readonly Blob?: new (parts: readonly Uint8Array[]) => {
    stream(): { pipeThrough(through: object): object };
  };
  readonly DecompressionStream?: new (format: string) => object;
  readonly Response?: new (body: object) => { arrayBuffer(): Promise<ArrayBuffer> };
}

const host = globalThis as unknown as Globals;

/** Of `node:v8`. */
export interface V8 {
  setFlagsFromString(flag: string): void;
}

/** One of Node's own modules; undefined elsewhere. */
export function builtin<T>(name: string): T | undefined {
  return host.process?.versions?.node ? (host.process.getBuiltinModule?.(name) as T | undefined) : undefined;
}

export function webAssembly(): WasmHost | undefined {
  return host.WebAssembly;
}

/**
 * The bytes of a file that came with the package, from the disk or over the network.
 * @throws GraftError if it cannot be read
 */
export async function readFile(url: URL): Promise<Uint8Array> {
  const files = builtin<{ readFile(url: URL): Promise<Uint8Array> }>('node:fs/promises');
  try {
    if (files && url.protocol === 'file:') return new Uint8Array(await files.readFile(url));
    const response = await host.fetch!(url.href);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new GraftError(
      `cannot read ${url.href} (${error instanceof Error ? error.message : String(error)}): let it be served beside the script, or import '@graftjs/backend-wasm/inline', which carries it`,
      { cause: error },
    );
  }
}

/** Undoes the compression of RFC 1951. */
export async function inflate(deflated: Uint8Array): Promise<Uint8Array> {
  const stream = new host.Blob!([deflated]).stream();
  const bytes = stream.pipeThrough(new host.DecompressionStream!('deflate-raw'));
  return new Uint8Array(await new host.Response!(bytes).arrayBuffer());
}

/** Why this host cannot share memory between threads, or null if it can. */
export function whyNoThreads(): string | null {
  if (host.SharedArrayBuffer === undefined || host.crossOriginIsolated === false) {
    return 'SharedArrayBuffer is not to be had here: a page must be cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)';
  }
  if (!builtin('node:worker_threads') && !host.Worker) return 'this host has no worker threads';
  return null;
}

/** Processors that this process may use; 1 if the host does not tell. */
export function processors(): number {
  const os = builtin<{ availableParallelism(): number }>('node:os');
  return os?.availableParallelism() ?? host.navigator?.hardwareConcurrency ?? 1;
}
