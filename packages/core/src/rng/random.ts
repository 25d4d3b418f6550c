import { cospi, log, sinpi } from '../math/float32.ts';
import { philox } from './philox.ts';

const f = Math.fround;

/** A random stream named by a seed and a string; `position` counts the 32-bit words drawn. */
export class Random {
  position = 0;
  readonly #k0: number;
  readonly #k1: number;
  readonly #c2: number;
  readonly #c3: number;
  readonly #block = new Uint32Array(4);
  #blockAt = -1;

  constructor(
    readonly seed: number,
    readonly stream: string = '',
  ) {
    this.#k0 = seed >>> 0;
    this.#k1 = Math.floor(seed / 2 ** 32) >>> 0;
    let a = 0x811c9dc5;
    let b = 0x01000193;
    for (let i = 0; i < stream.length; i++) {
      a = Math.imul(a ^ stream.charCodeAt(i), 0x01000193);
      b = Math.imul(b ^ stream.charCodeAt(i), 0x85ebca6b) ^ (a >>> 15);
    }
    this.#c2 = a >>> 0;
    this.#c3 = b >>> 0;
  }

  fork(name: string): Random {
    return new Random(this.seed, `${this.stream}/${name}`);
  }

  uint32(): number {
    const block = Math.floor(this.position / 4);
    if (block !== this.#blockAt) {
      philox(block >>> 0, Math.floor(block / 2 ** 32) >>> 0, this.#c2, this.#c3, this.#k0, this.#k1, this.#block);
      this.#blockAt = block;
    }
    return this.#block[this.position++ & 3]!;
  }
  uniform(): number {
    return (this.uint32() >>> 8) / 2 ** 24;
  }
  uniformArray(n: number): Float32Array {
    return Float32Array.from({ length: n }, () => this.uniform());
  }
  normal(): number {
    const u = (1 + (this.uint32() >>> 8)) / 2 ** 24;
    const v = this.uniform();
    return f(f(Math.sqrt(f(-2 * log(u)))) * cospi(f(2 * v)));
  }
  normalArray(n: number): Float32Array {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const r = f(Math.sqrt(f(-2 * log((1 + (this.uint32() >>> 8)) / 2 ** 24))));
      const v = f(2 * this.uniform());
      out[i] = f(r * cospi(v));
      if (i + 1 < n) out[i + 1] = f(r * sinpi(v));
    }
    return out;
  }
  int(below: number): number {
    const limit = 2 ** 32 - (2 ** 32 % below);
    for (;;) {
      const v = this.uint32();
      if (v < limit) return v % below;
    }
  }
  permutation(n: number): Int32Array {
    const out = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
  shuffle<T>(items: readonly T[]): T[] {
    return [...this.permutation(items.length)].map((i) => items[i]!);
  }
  bernoulliArray(n: number, p: number): Float32Array {
    return Float32Array.from({ length: n }, () => (this.uniform() < p ? 1 : 0));
  }
}
