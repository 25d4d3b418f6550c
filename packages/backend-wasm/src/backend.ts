import {
  type Backend,
  convertInto,
  type FusedKernels,
  GraftError,
  type Kernels,
  relieve,
  sizeOf,
  StateError,
} from '@graftjs/core/backend';
import { Cache } from './cache.ts';
import type { Context, Task } from './context.ts';
import { convKernels, fusedConvKernels } from './conv.ts';
import { crossEntropyKernels } from './cross-entropy.ts';
import { elementwiseKernels } from './elementwise.ts';
import type { GuardedHeap } from './guard.ts';
import { processors, whyNoThreads } from './host.ts';
import { matmulKernels } from './matmul.ts';
import { BYTES, Heap, type WasmBuffer } from './memory.ts';
import { canRelax, instantiate, kernelNames, PAGE } from './module.ts';
import { movementKernels } from './movement.ts';
import { normKernels } from './norm.ts';
import { poolKernels } from './pool.ts';
import { reduceKernels } from './reduce.ts';
import { stepKernels } from './steps.ts';
import type { Threads, Tuning } from './threads.ts';

export interface WasmBackendOptions {
  /** Most bytes that the memory may grow to. Default, and most that there can be, 4 GiB. */
  readonly maxBytes?: number;
  /** Threads that work together, the calling one included. Default: one per processor. Any number gives the same bits. */
  readonly threads?: number;
  /**
   * Lets V8 join 128-bit operations into 256-bit ones: dense convolutions half as fast again in Node 24. An experimental
   * optimization of V8's, for the whole process, so it has to be asked for; it is taken only where a comparison at the
   * start (a tenth of a second or two) shows the same bits as without. Default false.
   */
  readonly revectorize?: boolean;
  /**
   * Lets products and sums of convolutions and matrix products be fused where the processor has an instruction for it
   * (Node 22 and newer, or Node 20 by an experimental flag that is set then). Results are at least as near to the exact
   * ones, but differ from other backends' and processors' in the last bits. Default false.
   */
  readonly relaxedSimd?: boolean;
}

export interface WasmBackend extends Backend<WasmBuffer> {
  readonly threads: number;
  readonly notes: readonly string[];
}

const MOST_PAGES = 65536;
/** More would only take turns, and each wants scratch room of its own. */
const MOST_THREADS = 128;

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

/** Settings that only tests change. */
export interface Tests extends Partial<Tuning> {
  /** A heap that notices writes outside of blocks: `run` throws a StateError. */
  readonly guard?: typeof GuardedHeap;
}

/** Kernels for whole composites. */
function createFused(context: Context): Partial<FusedKernels<WasmBuffer>> {
  return {
    ...fusedConvKernels(context),
    ...normKernels(context),
    ...crossEntropyKernels(context),
    ...stepKernels(context),
  };
}

/** `kernels`, or one of those that suit some hosts better: with relaxed SIMD, or for a V8 that revectorizes. */
export type KernelBuild = 'kernels' | 'kernels-relaxed' | 'kernels-paired';

/** Gives the bytes of the compiled kernels. */
export type LoadKernels = (build: KernelBuild) => Promise<Uint8Array>;

/** The backend, over kernels from wherever the entry takes them. */
export async function createBackend(
  options: WasmBackendOptions,
  load: LoadKernels,
  tuning: Tests = {},
): Promise<WasmBackend> {
  if (!options.revectorize) return createPlain(options, load, tuning);
  // Only Node can do it: a page need not download it.
  const { sameBits, turnRevectorizer, whyNotRevectorized } = await import('./revectorize.ts');
  const reason = whyNotRevectorized();
  const plain = (note: string): Promise<WasmBackend> => createPlain(options, load, tuning, [note]);
  if (reason !== null) return plain(`'wasm' runs without revectorizing: ${reason}`);
  // Fused multiply-add has other bits, so a comparison with them would say nothing: one of the two options.
  const notes = options.relaxedSimd
    ? ["'wasm' runs without relaxed SIMD: it revectorizes, and the two do not go together"]
    : [];
  const exact = { ...options, relaxedSimd: false };
  const reference = await createPlain({ ...exact, threads: 1 }, load, {});
  turnRevectorizer(true);
  const backend = await createPlain(exact, load, tuning, notes, 'kernels-paired');
  const same = sameBits(reference, backend);
  await reference.dispose();
  if (same) return backend;
  turnRevectorizer(false);
  await backend.dispose();
  return plain(
    "'wasm' runs without revectorizing: on this machine V8's revectorizer changed the bits of a result",
  );
}

async function createPlain(
  options: WasmBackendOptions,
  load: LoadKernels,
  tuning: Tests,
  notes: string[] = [],
  build: KernelBuild = 'kernels',
): Promise<WasmBackend> {
  const wanted = wantedThreads(options.threads, notes);
  const pages = Math.max(2, Math.min(MOST_PAGES, Math.floor((options.maxBytes ?? Infinity) / PAGE)));
  if (options.relaxedSimd) {
    if (canRelax(await load('kernels-relaxed'))) build = 'kernels-relaxed';
    else
      notes.push(
        "'wasm' runs without relaxed SIMD, which this host does not have: Node 22 and new browsers do",
      );
  }
  const { module, memory, wasm } = await instantiate(await load(build), pages, wanted > 1);
  const guarded = tuning.guard ? new tuning.guard(memory, pages * PAGE) : null;
  const heap = guarded ?? new Heap(memory, pages * PAGE);
  let threads: Threads | null = null;
  try {
    if (wanted > 1) {
      // A page that is not cross-origin isolated need not download it.
      const { Threads } = await import('./threads.ts');
      threads = await Threads.start(module, memory, kernelNames(wasm), wanted - 1, tuning);
    }
  } catch (error) {
    notes.push(`'wasm' runs on one thread instead of ${wanted}: ${(error as Error).message}`);
  }
  const cache = new Cache(heap);
  heap.onShortage = () => cache.forgetAll();
  let disposed = false;
  const alive = (): void => {
    if (disposed)
      throw new StateError("this 'wasm' backend was disposed, and its tensors with it: make a new one");
  };
  const split = (task: Task): void => {
    alive();
    const { kernel, args, count } = task;
    if (count <= 0) return;
    const call = (begin: number, end: number): void => void wasm[kernel](...args, begin, end);
    if (!threads?.run(task, call)) call(0, count);
  };
  const context: Context = { wasm, heap, cache, threads: wanted, split };
  const kernels = createKernels(context);
  const backend: WasmBackend = {
    name: 'wasm',
    maxBytes: pages * PAGE,
    largest: pages * PAGE,
    notes,
    get threads() {
      return 1 + (threads?.count ?? 0);
    },
    upload(data, { dtype, shape }) {
      alive();
      const n = sizeOf(shape);
      const buffer = heap.alloc(n * BYTES[dtype]);
      convertInto(data, heap.view(dtype, buffer.ptr, n));
      return buffer;
    },
    async read({ ptr }, { dtype, shape }) {
      alive();
      return heap.view(dtype, ptr, sizeOf(shape)).slice();
    },
    readSync({ ptr }, { dtype, shape }) {
      alive();
      return heap.view(dtype, ptr, sizeOf(shape)).slice();
    },
    release(buffer) {
      if (disposed) return;
      cache.forget(buffer);
      heap.free(buffer);
    },
    flush: () => relieve(backend),
    async dispose() {
      disposed = true;
      await threads?.stop();
    },
    run(op, inputs, attrs, output) {
      alive();
      const made = kernels[op](inputs, attrs, output);
      guarded?.check();
      return made;
    },
    fused: createFused(context),
    memory() {
      const { inUse, pooled } = heap.usage;
      return { inUse: inUse - cache.bytes, pooled: pooled + cache.bytes };
    },
  };
  return backend;
}

/** How many threads to start; a note where that is fewer than asked for. */
function wantedThreads(asked: number | undefined, notes: string[]): number {
  const wanted = asked ?? Math.min(processors(), MOST_THREADS);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_THREADS) {
    throw new GraftError(`threads must be a whole number from 1 to ${MOST_THREADS}, not ${wanted}`);
  }
  const reason = wanted > 1 ? whyNoThreads() : null;
  if (reason === null) return wanted;
  notes.push(`'wasm' runs on one thread instead of ${wanted}: ${reason}`);
  return 1;
}
