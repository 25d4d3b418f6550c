import { cospi, log, sinpi, sqrt } from '../math/float32.ts';
import { fnv1a64 } from './hash.ts';
import { mulHigh, philox4x32 } from './philox.ts';

const f = Math.fround;
const TWO_32 = 4294967296;
/** Words made at a time by the bulk methods; a multiple of 4. */
const CHUNK = 1024;

/**
 * A stream of random numbers, a pure function of (seed, stream name, position): the same bits on every backend, thread
 * count and platform. Philox 4×32-10 with the seed as the key and counter words (block low, block high, hash low, hash
 * high), where hash is the 64-bit FNV-1a of the stream's name in UTF-8. Philox is a bijection, so two streams of one
 * seed whose names hash differently share no block at all.
 *
 * The whole state is `seed`, `stream` and `position`, the number of 32-bit words taken so far: keep these three in a
 * checkpoint. A bulk method takes the same words, and gives the same values, as calls of its single sibling: for n numbers
 * `uint32`, `uniform` and `bernoulliArray` take n words, `normal` 2n, `normalArray` 2⌈n/2⌉, `int` one plus its rejections.
 * @example
 * const random = new Random(7, 'shuffle');
 * random.permutation(5); // → [2, 1, 4, 0, 3]
 * random.fork('worker').stream; // → 'shuffle/worker'
 * random.position; // → 4
 */
export class Random {
  readonly seed: number;
  /** Path of the stream; `fork` appends to it. */
  readonly stream: string;
  #position = 0;
  readonly #hash: readonly [low: number, high: number];
  /** The block that the last single draw came from. */
  readonly #block = new Uint32Array(4);
  #blockNumber = -1;

  /** `seed`: an integer in [0, 2⁵³). Throws RangeError otherwise. */
  constructor(seed: number, stream = '') {
    this.seed = checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
    this.stream = stream;
    this.#hash = fnv1a64(stream);
  }

  /** Words taken since the start of the stream. Settable to any integer in [0, 2⁵³). */
  get position(): number {
    return this.#position;
  }
  set position(value: number) {
    this.#position = checkInteger('position', value, 0, Number.MAX_SAFE_INTEGER);
  }

  /**
   * A child stream, which depends on this stream's seed and name but not on its position. Names form a path:
   * `fork('a').fork('b')`, `fork('a/b')` and a `Random` made with that path as its stream are the same stream.
   */
  fork(name: string): Random {
    return new Random(this.seed, this.stream === '' ? name : `${this.stream}/${name}`);
  }

  /** An integer, uniform in [0, 2³²). */
  uint32(): number {
    const at = this.#position++;
    const block = Math.floor(at / 4);
    if (block !== this.#blockNumber) {
      this.#generate(block, 1, this.#block);
      this.#blockNumber = block;
    }
    return this.#block[at % 4]!;
  }

  /** Uniform in [0, 1): a multiple of 2⁻²⁴, so exact in float32. */
  uniform(): number {
    return toUniform(this.uint32());
  }

  /** `n` numbers as from `uniform`. */
  uniformArray(n: number): Float32Array<ArrayBuffer> {
    const out = new Float32Array(checkLength(n));
    this.#eachChunk(n, (words, count, start) => {
      for (let i = 0; i < count; i++) out[start + i] = toUniform(words[i]!);
    });
    return out;
  }

  /**
   * Standard normal in float32, |z| ≤ 6.77: Box and Muller 1958, √(−2 ln u)·cos 2πv and √(−2 ln u)·sin 2πv, by core's own
   * float32 functions. u in (0, 1] is made of a whole word, so that the tails reach far; v has 24 bits. This gives the
   * cosine of a pair, the first of `normalArray`'s.
   */
  normal(): number {
    const r = radius(this.uint32());
    return f(r * cospi(turn(this.uint32())));
  }

  /** `n` standard normal numbers, two from every pair of words: cosine, sine. */
  normalArray(n: number): Float32Array<ArrayBuffer> {
    const out = new Float32Array(checkLength(n));
    this.#eachChunk(n + (n % 2), (words, count, start) => {
      for (let i = 0; i < count; i += 2) {
        const r = radius(words[i]!);
        const v = turn(words[i + 1]!);
        out[start + i] = f(r * cospi(v));
        // Beyond the end of an odd-length array: a typed array ignores it.
        out[start + i + 1] = f(r * sinpi(v));
      }
    });
    return out;
  }

  /**
   * An integer, uniform in [0, below), 1 ≤ below ≤ 2³². Unbiased: the high word of word · below, rejecting the few low
   * words that would favour some results (D. Lemire 2019, "Fast random integer generation in an interval").
   */
  int(below: number): number {
    checkInteger('below', below, 1, TWO_32);
    if (below === TWO_32) return this.uint32();
    const rejected = (TWO_32 - below) % below;
    for (;;) {
      const word = this.uint32();
      if (Math.imul(word, below) >>> 0 >= rejected) return mulHigh(word, below) >>> 0;
    }
  }

  /** The integers 0 … n − 1 in random order (Fisher and Yates, from the end). */
  permutation(n: number): Int32Array<ArrayBuffer> {
    checkInteger('n', n, 0, 2 ** 31);
    const out = new Int32Array(n);
    for (let i = 0; i < n; i++) out[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const kept = out[i]!;
      out[i] = out[j]!;
      out[j] = kept;
    }
    return out;
  }

  /** A shuffled copy: element i is `items[p[i]]`, p being what `permutation(items.length)` would give here. */
  shuffle<T>(items: ArrayLike<T>): T[] {
    return Array.from(this.permutation(items.length), (i) => items[i]!);
  }

  /** `n` numbers, each 1 with probability `p` and else 0. */
  bernoulliArray(n: number, p: number): Float32Array<ArrayBuffer> {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`p must be a probability in [0, 1], got ${p}`);
    const out = new Float32Array(checkLength(n));
    const threshold = p * TWO_32;
    this.#eachChunk(n, (words, count, start) => {
      for (let i = 0; i < count; i++) out[start + i] = words[i]! < threshold ? 1 : 0;
    });
    return out;
  }

  /** Writes `count` blocks of four words, from number `first` on. */
  #generate(first: number, count: number, out: Uint32Array): void {
    const [hashLow, hashHigh] = this.#hash;
    const seedHigh = this.seed / TWO_32;
    for (let i = 0; i < count; i++) {
      const block = first + i;
      philox4x32(block, block / TWO_32, hashLow, hashHigh, this.seed, seedHigh, out, 4 * i);
    }
  }

  /** Takes `n` words and hands them on in pieces of even length (but for the last). `words` is reused. */
  #eachChunk(n: number, use: (words: Uint32Array, count: number, start: number) => void): void {
    const buffer = new Uint32Array(Math.min(CHUNK, n) + 8);
    for (let start = 0; start < n; start += CHUNK) {
      const count = Math.min(CHUNK, n - start);
      const skip = this.#position % 4;
      const block = (this.#position - skip) / 4;
      this.#generate(block, Math.ceil((skip + count) / 4), buffer);
      use(buffer.subarray(skip, skip + count), count, start);
      this.#position += count;
    }
  }
}

/** 24 bits as a fraction in [0, 1). */
function toUniform(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** √(−2 ln u), u = (word + ½)·2⁻³² in (0, 1], each step rounded to float32. */
function radius(word: number): number {
  const u = f(f(f(word) * 2 ** -32) + 2 ** -33);
  return sqrt(f(-2 * log(u)));
}

/** 2v, the angle 2πv in half turns. */
function turn(word: number): number {
  return (word >>> 8) * 2 ** -23;
}

function checkInteger(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer in [${min}, ${max}], got ${value}`);
  }
  return value;
}

function checkLength(n: number): number {
  return checkInteger('n', n, 0, Number.MAX_SAFE_INTEGER);
}
