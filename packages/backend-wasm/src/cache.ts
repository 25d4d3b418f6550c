import { LruCache } from '@graftjs/core/backend';
import type { Heap, WasmBuffer } from './memory.ts';

/** Bytes of plans that are kept; the ones used least recently go first. */
const MOST_PLAN_BYTES = 16 * 1024 * 1024;

/** What a kernel knows about a problem from shapes and attributes alone; `tables` are its blocks of Wasm memory. */
export interface Plan {
  readonly tables: readonly WasmBuffer[];
}

/**
 * What kernels keep between calls: plans, and other forms of a tensor's data (packed weights), which are right for as
 * long as the tensor's buffer lives, for buffers never change. No tensor owns these blocks, so they count as pooled.
 */
export class Cache {
  readonly #heap: Heap;
  readonly #plans: LruCache<Plan>;
  readonly #derived = new Map<WasmBuffer, Map<string, WasmBuffer>>();
  #derivedBytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#plans = new LruCache({
      bytes: MOST_PLAN_BYTES,
      bytesOf: ({ tables }) => tables.reduce((sum, { bytes }) => sum + bytes, 0),
      drop: ({ tables }) => tables.forEach((block) => heap.free(block)),
    });
  }

  get bytes(): number {
    return this.#plans.bytes + this.#derivedBytes;
  }

  /** The plan with this key, which says everything that `make` depends on. */
  plan<P extends Plan>(key: string, make: () => P): P {
    return this.#plans.getOrMake(key, make) as P;
  }

  /**
   * Pointer to another form of a buffer's data, `bytes` long, which `fill` writes the first time. The next allocation
   * may take it away: allocate everything else before.
   */
  derived(owner: WasmBuffer, key: string, bytes: number, fill: (to: number) => void): number {
    const known = this.#derived.get(owner)?.get(key);
    if (known) return known.ptr;
    const block = this.#heap.alloc(bytes);
    fill(block.ptr);
    const forms = this.#derived.get(owner) ?? new Map<string, WasmBuffer>();
    this.#derived.set(owner, forms.set(key, block));
    this.#derivedBytes += block.bytes;
    return block.ptr;
  }

  /** Frees what was derived from a buffer that goes. */
  forget(owner: WasmBuffer): void {
    const forms = this.#derived.get(owner);
    if (!forms) return;
    this.#derived.delete(owner);
    for (const block of forms.values()) {
      this.#derivedBytes -= block.bytes;
      this.#heap.free(block);
    }
  }

  /** Frees everything that was derived: when memory is short, it is made anew in every call. */
  forgetAll(): void {
    for (const owner of [...this.#derived.keys()]) this.forget(owner);
  }
}
