import { UnsupportedError } from '@graftjs/core/backend';
import type { OrtModule, OrtSessionOptions } from './ort.ts';

/** Where onnxruntime comes from, and how much of the machine it gets. */
export interface RuntimeOptions {
  /**
   * onnxruntime's module: `await import('onnxruntime-node')` for the native one, which is several times faster. Default:
   * onnxruntime-web, in WebAssembly.
   */
  readonly ort?: unknown;
  /**
   * Threads that work together. Default: one per processor. onnxruntime-web has one pool of threads for the whole
   * program: the first one to start it decides.
   */
  readonly threads?: number;
  /** Where onnxruntime-web's .wasm and .mjs files are, as its `env.wasm.wasmPaths`; looked at once, when it starts. */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
}

export interface Runtime {
  readonly ort: OrtModule;
  readonly threads: number;
  readonly notes: readonly string[];
  /** Does it run outside of WebAssembly, on JavaScript's own memory? */
  readonly native: boolean;
  /** Options of every session; `threads` that one gets at most. */
  readonly session: (threads: number) => OrtSessionOptions;
}

/** The program's onnxruntime-web, and the threads that it was started with. */
const started = new WeakMap<object, number>();

/** @throws UnsupportedError where there is neither a module nor WebAssembly */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const ort = (options.ort ?? (await importWeb())) as OrtModule;
  if (typeof ort.InferenceSession?.create !== 'function')
    throw new UnsupportedError(
      "'onnx' needs onnxruntime's module: { ort: await import('onnxruntime-node') }",
    );
  const wanted = Math.max(1, Math.floor(options.threads ?? processors()));
  const shared = { logSeverityLevel: 3, interOpNumThreads: 1 } as const;
  // Threads that wait by spinning take the processor from whoever works between two runs.
  const extra = { session: { intra_op: { allow_spinning: '0' } } };
  if (ort.listSupportedBackends) {
    const session = (threads: number): OrtSessionOptions => ({
      ...shared,
      executionProviders: ['cpu'],
      intraOpNumThreads: Math.min(threads, wanted),
      extra,
    });
    return { ort, threads: wanted, notes: [], native: true, session };
  }
  const { wasm } = ort.env;
  const before = started.get(wasm);
  // A page that is not cross-origin isolated has none.
  const canShare = (globalThis as { SharedArrayBuffer?: unknown }).SharedArrayBuffer !== undefined;
  const possible = canShare ? wanted : 1;
  if (before === undefined) {
    wasm.numThreads = possible;
    if (options.wasmPaths !== undefined) wasm.wasmPaths = options.wasmPaths;
    started.set(wasm, possible);
  }
  const threads = before ?? possible;
  const notes =
    threads === wanted || options.threads === undefined
      ? []
      : [
          `'onnx' runs on ${threads} thread${threads > 1 ? 's' : ''} instead of ${wanted}: ` +
            (canShare
              ? 'onnxruntime-web was started so before'
              : 'this page cannot share memory between threads'),
        ];
  const session = (): OrtSessionOptions => ({ ...shared, executionProviders: ['wasm'], extra });
  return { ort, threads, notes, native: false, session };
}

async function importWeb(): Promise<unknown> {
  if ((globalThis as { WebAssembly?: unknown }).WebAssembly === undefined)
    throw new UnsupportedError(
      "'onnx' needs a host with WebAssembly, or onnxruntime-node handed in as `ort`",
    );
  return import('onnxruntime-web');
}

function processors(): number {
  return (
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ??
    nodeProcessors()
  );
}

/** Node 20 has no `navigator`. */
function nodeProcessors(): number {
  interface NodeModules {
    getBuiltinModule?(name: 'node:os'): { availableParallelism(): number };
  }
  const host = (globalThis as { process?: NodeModules }).process;
  return host?.getBuiltinModule?.('node:os').availableParallelism() ?? 1;
}
