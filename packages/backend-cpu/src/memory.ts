import { ARRAYS, type BackendMemory, type DType, OutOfMemoryError } from '@graftjs/core/backend';

/** A tensor's elements, dense and row-major. bool is one byte, 0 or 1. */
export type CpuBuffer = Float32Array | Int32Array | Uint8Array;

export interface ArrayOf {
  float32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
}

/** The same bytes as integers. */
export function bitsOf(x: Float32Array | Int32Array): Int32Array {
  return new Int32Array(x.buffer, x.byteOffset, x.length);
}

/** Where kernels get their outputs and their scratch space. */
export interface Allocator {
  /** An array with *old values in it*: write every element, or call `zeros`. */
  alloc<D extends DType>(dtype: D, size: number): ArrayOf[D];
  /** The same, filled with 0. */
  zeros<D extends DType>(dtype: D, size: number): ArrayOf[D];
  /** Gives an array back for reuse. */
  free(buffer: CpuBuffer): void;
}

/**
 * Keeps released arrays by type and size. A training step asks for the same sizes again and again, so after the first
 * one nothing is allocated any more: the garbage collector rests and the process stays as large as it is. When more
 * than `limit` bytes wait for reuse, those kept longest are dropped.
 */
export class BufferPool implements Allocator {
  #inUse = 0;
  #pooled = 0;
  readonly #limit: number;
  /** In order of release: a Map iterates in order of insertion. */
  readonly #free = new Map<string, CpuBuffer[]>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  alloc<D extends DType>(dtype: D, size: number): ArrayOf[D] {
    const Ctor = ARRAYS[dtype];
    const key = Ctor.name + size;
    const list = this.#free.get(key);
    const reused = list?.pop();
    if (list?.length === 0) this.#free.delete(key);
    if (reused) this.#pooled -= reused.byteLength;
    const buffer = reused ?? this.#allocate(Ctor, size);
    this.#inUse += buffer.byteLength;
    return buffer as ArrayOf[D];
  }

  zeros<D extends DType>(dtype: D, size: number): ArrayOf[D] {
    const buffer = this.alloc(dtype, size);
    buffer.fill(0);
    return buffer;
  }

  free(buffer: CpuBuffer): void {
    const bytes = buffer.byteLength;
    this.#inUse -= bytes;
    if (bytes === 0 || bytes > this.#limit) return;
    const key = buffer.constructor.name + buffer.length;
    const list = this.#free.get(key);
    if (list) list.push(buffer);
    else this.#free.set(key, [buffer]);
    this.#pooled += bytes;
    if (this.#pooled > this.#limit) this.#drop();
  }

  clear(): void {
    this.#free.clear();
    this.#pooled = 0;
  }

  get usage(): BackendMemory {
    return { inUse: this.#inUse, pooled: this.#pooled };
  }

  /** Drops the sizes that were first seen longest ago until half of the limit is free again. */
  #drop(): void {
    for (const [key, list] of this.#free) {
      if (this.#pooled <= this.#limit / 2) return;
      for (const buffer of list) this.#pooled -= buffer.byteLength;
      this.#free.delete(key);
    }
  }

  #allocate(Ctor: (typeof ARRAYS)[DType], size: number): CpuBuffer {
    try {
      return new Ctor(size);
    } catch {
      this.clear(); // room that a second attempt may get
    }
    try {
      return new Ctor(size);
    } catch (cause) {
      const error = new OutOfMemoryError(
        `no room for ${size * Ctor.BYTES_PER_ELEMENT} bytes on 'cpu', ${this.#inUse} are in use: use smaller batches, or dispose tensors sooner (scope)`,
      );
      error.cause = cause;
      throw error;
    }
  }
}
