import type { FusedAttrs, FusedInputs, FusedName, FusedOutputs } from './fused.ts';
import type { Graph } from './graph.ts';
import type { OpAttrs, OpInputs, OpName } from './primitives.ts';
import type { TensorSpec, TypedArray } from './types.ts';

/**
 * What a backend is: a place that holds buffers and runs primitives on them.
 *
 * - `run` is synchronous and means *enqueued, in order*. Output specs come from `infer`, so nobody waits for a shape.
 *   A synchronous backend (TypeScript, Wasm) has done the work when `run` returns; a queued one (WebGL) has recorded
 *   it; an asynchronous one (onnxruntime) holds a promise in its buffer and works off one serial queue.
 * - A failure of enqueued work surfaces at `read` or `flush`, as a `KernelError` that names the op and its specs.
 * - Buffers are opaque, dense and immutable once returned. `run` may return an input's buffer (`reshape`
 *   does where the layout allows): core counts references and calls `release` once, when the last tensor is gone.
 *   `release` may be called while queued work still reads the buffer: the backend defers the reuse, not the caller.
 * - A buffer belongs to its backend for life; core never hands it to another.
 * - Arguments have been checked by `infer` before `run` sees them. Extents of 0 are legal everywhere.
 * - Factories are async, return a value and touch no global: `const cpu = await createCpuBackend()`.
 *
 * `B` is the backend's own buffer type.
 */
export interface Backend<B = unknown> {
  /** Short and unique: 'cpu', 'wasm', 'onnx'. For people and reports; core never decides by it. */
  readonly name: string;

  /**
   * Most bytes of one tensor, where that is known beforehand: a memory of 32-bit addresses, the sides of a texture. Core
   * refuses a larger result with an `OutOfMemoryError` before anything is built for it.
   */
  readonly largest?: number | undefined;

  /** Copies `data` (row-major, one number per element) in, converted to the spec's dtype. */
  upload(data: ArrayLike<number>, spec: TensorSpec): B;

  /** Copies a buffer out, after all that was enqueued before it. */
  read(buffer: B, spec: TensorSpec): Promise<TypedArray>;

  /** The same at once; only backends whose work is done when `run` returns offer it. */
  readSync?(buffer: B, spec: TensorSpec): TypedArray;

  /** Gives a buffer back. After `dispose()` it does nothing: tensors that nobody holds are found later. */
  release(buffer: B): void;

  /**
   * Resolves when all enqueued work is done; rejects with the first failure since the last flush. Ends with core's
   * `relieve(backend)`.
   */
  flush(): Promise<void>;

  /** Frees everything (threads, contexts, memory). Its tensors are unusable afterwards. */
  dispose(): Promise<void>;

  /** Enqueues one primitive. */
  run<N extends OpName>(op: N, inputs: OpInputs<Operand<B>>[N], attrs: OpAttrs[N], output: TensorSpec): B;

  /**
   * Kernels for whole composites, as many as the backend likes; see `FusedAttrs`. Each gives exactly the bits that its
   * decomposition gives, where the backend claims the contract, and is as exact elsewhere. It follows the rules of `run`.
   */
  readonly fused?: Partial<FusedKernels<B>> | undefined;

  /**
   * Takes a graph whole, where that is faster than its ops one by one. Returns at once, as `run` does: what goes wrong in
   * building it surfaces where the first run's results are read. Every run gives the same results as the ops would,
   * within the backend's bounds.
   * @param graph Of primitives, and of composites that are among `fused`.
   * @param captures A buffer for each of the graph's captures. They are the caller's, and stay until `dispose()`.
   */
  compile?(graph: Graph, captures: readonly B[]): Executable<B>;

  /** Most bytes that core lets tensors hold here; default 4 GiB. */
  readonly maxBytes?: number;

  /** Threads that work now: fewer than asked for where memory cannot be shared, or after one died. Default 1. */
  readonly threads?: number;

  /** What is not as it was asked for, and why; one sentence each. */
  readonly notes?: readonly string[];

  /** Bytes that the backend itself holds, pools and caches included; for reports and leak tests. */
  memory?(): BackendMemory;
}

/** A compiled graph. */
export interface Executable<B = unknown> {
  /**
   * Enqueues one run: a buffer per input of the graph and a number per scalar, where it has some, in its order; gives a
   * fresh buffer per output.
   */
  run(inputs: readonly B[], scalars?: readonly number[]): B[];
  /** Frees it, after the runs that are still queued. */
  dispose(): void;
}

export interface Operand<B> {
  readonly buffer: B;
  readonly spec: TensorSpec;
}

export interface BackendMemory {
  /** Bytes in buffers that tensors hold. */
  readonly inUse: number;
  /** Bytes kept for reuse. */
  readonly pooled: number;
}

export type Kernel<N extends OpName, B> = (
  inputs: OpInputs<Operand<B>>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
) => B;

/** One kernel for every primitive. Total on purpose: leaving out a gradient is a compile error. */
export type Kernels<B> = { readonly [N in OpName]: Kernel<N, B> };

/**
 * As `Kernel`, but inputs may be absent, and there may be several outputs, none of them in another's buffer. (Typed as a
 * method is, so that every `Backend<B>` is a `Backend`, as `run` has it.)
 */
export type FusedKernel<N extends FusedName, B> = {
  kernel(
    inputs: FusedInputs<Operand<B>>[N],
    attrs: FusedAttrs[N],
    outputs: FusedOutputs<TensorSpec>[N],
  ): FusedOutputs<B>[N];
}['kernel'];
export type FusedKernels<B> = { readonly [N in FusedName]: FusedKernel<N, B> };
