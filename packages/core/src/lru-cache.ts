/** What a cache may hold. */
export interface LruCacheOptions<V> {
  /** Most values. Default: any number. */
  readonly entries?: number;
  /** Most bytes, all together, and how many a value takes. Default: any number. */
  readonly bytes?: number;
  readonly bytesOf?: (value: V) => number;
  /** Called with each value that goes, to free what it holds. */
  readonly drop?: (value: V) => void;
}

/**
 * A least-recently-used cache: values by key, as many as the limits allow; the one that was not used for longest goes first.
 * The value that was set last stays, however large it is: somebody is about to use it. (`compile` keeps its few graphs in a
 * map of its own: shared with what is loaded on demand, this would be a file of its own in every page.)
 *
 * @example
 * const gone: string[] = [];
 * const cache = new LruCache<string>({ entries: 2, drop: (value) => gone.push(value) });
 * for (const key of ['a', 'b', 'a', 'c']) cache.getOrMake(key, () => `made for ${key}`);
 * gone; // → ['made for b']
 */
export class LruCache<V> {
  /** In order of last use: a Map iterates in order of insertion. */
  readonly #values = new Map<string, V>();
  readonly #options: LruCacheOptions<V>;
  #bytes = 0;

  constructor(options: LruCacheOptions<V>) {
    this.#options = options;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Of all values, as `bytesOf` counts them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The value with this key, which counts as a use of it. */
  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** Keeps a value; others go where that is too much. */
  set(key: string, value: V): void {
    const { entries = Infinity, bytes = Infinity } = this.#options;
    this.delete(key);
    this.#values.set(key, value);
    this.#bytes += this.#bytesOf(value);
    for (const oldest of this.#values.keys()) {
      if (oldest === key || (this.size <= entries && this.#bytes <= bytes)) break;
      this.delete(oldest);
    }
  }

  /** `get`, or else `set` to what `make` gives. */
  getOrMake(key: string, make: () => V): V {
    let value = this.get(key);
    if (value === undefined) this.set(key, (value = make()));
    return value;
  }

  delete(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#bytes -= this.#bytesOf(value);
    this.#options.drop?.(value);
  }

  clear(): void {
    for (const key of [...this.#values.keys()]) this.delete(key);
  }

  #bytesOf(value: V): number {
    return this.#options.bytesOf?.(value) ?? 0;
  }
}
