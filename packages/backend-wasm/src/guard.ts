import { StateError } from '@graftjs/core/backend';
import { Heap, SLACK, type WasmBuffer } from './memory.ts';

/** Bytes before and after the usable part of a block; blocks stay multiples of 64. */
const EDGE = 64;
const PATTERN = 0xa5;

/** For tests: a heap that notices writes outside of blocks (the slack behind the last element is inside). */
export class GuardedHeap extends Heap {
  /** Asked-for size by pointer. */
  readonly #live = new Map<number, number>();

  override alloc(size: number): WasmBuffer {
    const block = super.alloc(size + 2 * EDGE);
    const ptr = block.ptr + EDGE;
    this.#live.set(ptr, size);
    for (const edge of this.#edges(ptr, size)) edge.fill(PATTERN);
    return { ptr, bytes: block.bytes };
  }

  override free({ ptr, bytes }: WasmBuffer): void {
    try {
      this.#verify(ptr);
    } finally {
      this.#live.delete(ptr);
      super.free({ ptr: ptr - EDGE, bytes });
    }
  }

  /** @throws StateError that names a block beside which something was written */
  check(): void {
    for (const ptr of this.#live.keys()) this.#verify(ptr);
  }

  #edges(ptr: number, size: number): [Uint8Array, Uint8Array] {
    return [this.uint8(ptr - EDGE, EDGE), this.uint8(ptr + size + SLACK, EDGE)];
  }

  #verify(ptr: number): void {
    const size = this.#live.get(ptr);
    if (size === undefined) throw new StateError(`no block of 'wasm' begins at ${ptr}`);
    for (const edge of this.#edges(ptr, size)) {
      let at = 0; // a loop: every edge is looked at after every operation
      while (at < EDGE && edge[at] === PATTERN) at++;
      if (at === EDGE) continue;
      const distance = edge.byteOffset + at - ptr;
      throw new StateError(
        `byte ${distance} of a block of ${size} bytes at ${ptr} of 'wasm' was overwritten`,
      );
    }
  }
}
