import type { DType } from '@graftjs/core';
import { ARRAYS } from './buffer.ts';
import type { OrtData } from './ort.ts';

/** Most bytes that wait to be used again. */
const MOST = 2 ** 29;

/**
 * Arrays that nobody reads any more, for results of the same size: fresh memory has to be fetched from the operating
 * system page by page, which for a network's weights takes longer than computing them.
 */
export class Pool {
  readonly #free = new Map<string, OrtData[]>();
  bytes = 0;

  take(dtype: DType, length: number): OrtData {
    const data = this.#free.get(`${dtype} ${length}`)?.pop();
    if (!data) return new ARRAYS[dtype](length);
    this.bytes -= data.byteLength;
    return data;
  }

  give(dtype: DType, data: OrtData): void {
    // A view would keep a larger array alive.
    if (data.byteLength !== data.buffer.byteLength || this.bytes + data.byteLength > MOST) return;
    const key = `${dtype} ${data.length}`;
    const list = this.#free.get(key);
    if (list) list.push(data);
    else this.#free.set(key, [data]);
    this.bytes += data.byteLength;
  }

  clear(): void {
    this.#free.clear();
    this.bytes = 0;
  }
}
