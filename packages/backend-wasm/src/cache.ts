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
  readonly #plans = new Map<string, Plan>();
  readonly #derived = new Map<WasmBuffer, Map<string, WasmBuffer>>();
  #planBytes = 0;
  #derivedBytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  get bytes(): number {
    return this.#planBytes + this.#derivedBytes;
  }

  /** The plan with this key, which says everything that `make` depends on. */
  plan<P extends Plan>(key: string, make: () => P): P {
    const known = this.#plans.get(key) as P | undefined;
    if (known) {
      // The order of the map is that of last use.
      this.#plans.delete(key);
      this.#plans.set(key, known);
      return known;
    }
    const plan = make();
    this.#plans.set(key, plan);
    this.#planBytes += sizeOf(plan);
    for (const [old, each] of this.#plans) {
      if (this.#planBytes <= MOST_PLAN_BYTES || each === plan) break;
      this.#plans.delete(old);
      this.#planBytes -= sizeOf(each);
      for (const block of each.tables) this.#heap.free(block);
    }
    return plan;
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

function sizeOf({ tables }: Plan): number {
  return tables.reduce((sum, { bytes }) => sum + bytes, 0);
}
