import { ARRAYS, type DType } from '@graftjs/core/backend';
import type { OrtData } from './ort.ts';

/** Most bytes that wait to be used again. */
const MOST = 2 ** 29;

/**
 * Arrays that nobody reads any more, for results of the same size: fresh memory has to be fetched from the operating
 * system page by page, which for a network's weights takes longer than computing them.
 */
export class Pool {
  readonly #free = new Map<string, OrtData[]>();
  /** Arrays of each size that were taken and not given back. */
  readonly #out = new Map<string, number>();
  bytes = 0;

  take(dtype: DType, length: number): OrtData {
    const key = `${dtype} ${length}`;
    this.#out.set(key, (this.#out.get(key) ?? 0) + 1);
    const data = this.#free.get(key)?.pop();
    if (!data) return new ARRAYS[dtype](length);
    this.bytes -= data.byteLength;
    return data;
  }

  /** Keeps no more of a size than were taken: batches that are uploaded would pile up, for no result is like them. */
  give(dtype: DType, data: OrtData): void {
    const key = `${dtype} ${data.length}`;
    const out = this.#out.get(key) ?? 0;
    if (out === 0) return;
    this.#out.set(key, out - 1);
    // A view would keep a larger array alive.
    if (data.byteLength !== data.buffer.byteLength || this.bytes + data.byteLength > MOST) return;
    const list = this.#free.get(key);
    if (list) list.push(data);
    else this.#free.set(key, [data]);
    this.bytes += data.byteLength;
  }

  clear(): void {
    this.#free.clear();
    this.#out.clear();
    this.bytes = 0;
  }
}
