import { type BackendMemory, type DType, OutOfMemoryError } from '@graftjs/core/backend';
import type { WasmMemory } from './host.ts';
import { PAGE } from './module.ts';

/** A block of Wasm memory. A tensor's elements lie from `ptr` on, dense and row-major; bool is one byte, 0 or 1. */
export interface WasmBuffer {
  readonly ptr: number;
  /** Of the whole block: the size class, not the elements. */
  readonly bytes: number;
}

export const BYTES: Readonly<Record<DType, number>> = { float32: 4, int32: 4, bool: 1 };

/** Kernels read and write whole vectors: what is behind the last element is theirs, up to this many bytes. */
export const SLACK = 16;
/** Masked loads touch a few elements outside of a block; so nothing lies at the very ends of the memory. */
const MARGIN = 1024;

/**
 * Blocks in size classes, four per power of two, so at most a fifth of a block is unused. A training step asks for the
 * same sizes again and again: after the first, every request is met from the list of its class. Blocks are never split
 * or joined; when the memory cannot grow any more, the smallest larger free block serves.
 */
export class Heap {
  readonly #memory: WasmMemory;
  readonly #limit: number;
  /** Free blocks by class. */
  readonly #free = new Map<number, number[]>();
  /** Called when the memory cannot grow any more: frees what is not needed. */
  onShortage: () => void = () => {};
  #top = PAGE;
  #inUse = 0;
  #pooled = 0;
  #f32: Float32Array = new Float32Array();
  #i32: Int32Array = new Int32Array();
  #u8: Uint8Array = new Uint8Array();

  constructor(memory: WasmMemory, limit: number) {
    this.#memory = memory;
    this.#limit = limit;
  }

  alloc(size: number): WasmBuffer {
    const bytes = sizeClass(size + SLACK);
    const ptr = this.#free.get(bytes)?.pop();
    if (ptr !== undefined) {
      this.#pooled -= bytes;
      this.#inUse += bytes;
      return { ptr, bytes };
    }
    if (this.#reserve(this.#top + bytes + MARGIN)) {
      const block = { ptr: this.#top, bytes };
      this.#top += bytes;
      this.#inUse += bytes;
      return block;
    }
    const block = this.#largerBlock(bytes);
    if (block) return block;
    this.onShortage();
    const freed = this.#largerBlock(bytes);
    if (freed) return freed;
    throw new OutOfMemoryError(
      `no room for ${size} bytes on 'wasm': ${this.#inUse} are in use and ${this.#pooled} kept for reuse, of at most ${this.#limit}: use smaller batches or pictures, or dispose tensors sooner (scope)`,
    );
  }

  free({ ptr, bytes }: WasmBuffer): void {
    this.#inUse -= bytes;
    this.#pooled += bytes;
    const list = this.#free.get(bytes);
    if (list) list.push(ptr);
    else this.#free.set(bytes, [ptr]);
  }

  // A view dies when the memory grows: take it anew after every `alloc`.

  float32(ptr: number, n: number): Float32Array {
    this.#refresh();
    return this.#f32.subarray(ptr / 4, ptr / 4 + n);
  }

  int32(ptr: number, n: number): Int32Array {
    this.#refresh();
    return this.#i32.subarray(ptr / 4, ptr / 4 + n);
  }

  uint8(ptr: number, n: number): Uint8Array {
    this.#refresh();
    return this.#u8.subarray(ptr, ptr + n);
  }

  view(dtype: DType, ptr: number, n: number): Float32Array | Int32Array | Uint8Array {
    return dtype === 'float32'
      ? this.float32(ptr, n)
      : dtype === 'int32'
        ? this.int32(ptr, n)
        : this.uint8(ptr, n);
  }

  get usage(): BackendMemory {
    return { inUse: this.#inUse, pooled: this.#pooled };
  }

  #refresh(): void {
    const { buffer } = this.#memory;
    if (this.#u8.buffer === buffer) return;
    this.#f32 = new Float32Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u8 = new Uint8Array(buffer);
  }

  /** Grows until `end` bytes are there; by an eighth at least, for growing may copy. */
  #reserve(end: number): boolean {
    const size = this.#memory.buffer.byteLength;
    if (end <= size) return true;
    if (end > this.#limit) return false;
    for (const wanted of [Math.min(Math.max(end, size * 1.125), this.#limit), end]) {
      try {
        this.#memory.grow(Math.ceil((wanted - size) / PAGE));
        return true;
      } catch {
        // The host has no more: perhaps it has for the smaller wish.
      }
    }
    return false;
  }

  #largerBlock(bytes: number): WasmBuffer | undefined {
    let best = Infinity;
    for (const [size, list] of this.#free) if (list.length && size >= bytes && size < best) best = size;
    const ptr = this.#free.get(best)?.pop();
    if (ptr === undefined) return undefined;
    this.#pooled -= best;
    this.#inUse += best;
    return { ptr, bytes: best };
  }
}

/** Multiples of 64 up to 1 KiB, then four sizes per power of two; always a multiple of 64. */
function sizeClass(bytes: number): number {
  const step = bytes <= 1024 ? 64 : 2 ** (Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** Room that a kernel needs while it runs; `free` gives all of it back. */
export class Scratch {
  readonly #heap: Heap;
  readonly #blocks: WasmBuffer[] = [];

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Pointer to room for n four-byte elements, with old values in it. */
  words(n: number): number {
    const block = this.#heap.alloc(4 * n);
    this.#blocks.push(block);
    return block.ptr;
  }

  ints(values: ArrayLike<number>): number {
    const ptr = this.words(values.length);
    this.#heap.int32(ptr, values.length).set(values);
    return ptr;
  }

  floats(values: ArrayLike<number>): number {
    const ptr = this.words(values.length);
    this.#heap.float32(ptr, values.length).set(values);
    return ptr;
  }

  free(): void {
    for (const block of this.#blocks) this.#heap.free(block);
    this.#blocks.length = 0;
  }
}
