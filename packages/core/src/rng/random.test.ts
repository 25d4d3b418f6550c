import { describe, expect, test } from 'vitest';
import { fnv1a64 } from './hash.ts';
import { mulHigh, philox4x32 } from './philox.ts';
import { Random } from './random.ts';

/** 32-bit FNV-1a over the bytes of an array: one number that stands for all its bits. */
function digest(array: ArrayBufferView): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Pearson's statistic; with d degrees of freedom it is d ± √(2d) for fair counts. */
function chiSquare(counts: readonly number[] | Float64Array, expected: number): number {
  return [...counts].reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
}

function moments(values: Float32Array): { mean: number; variance: number; skew: number; kurtosis: number } {
  const n = values.length;
  let mean = 0;
  for (const v of values) mean += v / n;
  const central = (k: number): number => values.reduce((s, v) => s + (v - mean) ** k / n, 0);
  const variance = central(2);
  return { mean, variance, skew: central(3) / variance ** 1.5, kurtosis: central(4) / variance ** 2 };
}

describe('Philox 4×32-10', () => {
  // Random123's kat_vectors: counter, key → four words.
  const known: readonly (readonly [counter: readonly number[], key: readonly number[], words: string])[] = [
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ];

  test.each(known)('counter %j, key %j', (counter, key, expected) => {
    const out = new Uint32Array(4);
    philox4x32(...(counter as [number, number, number, number]), ...(key as [number, number]), out);
    expect([...out].map((w) => w.toString(16).padStart(8, '0')).join(' ')).toBe(expected);
  });

  test('mulHigh is the high word of the product', () => {
    const words = [0, 1, 2, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xd2511f53, 0xfffffffe, 0xffffffff];
    for (const a of words) {
      for (const b of words) {
        expect(mulHigh(a, b) >>> 0).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
        expect(mulHigh(a | 0, b | 0)).toBe(mulHigh(a, b));
      }
    }
  });
});

describe('FNV-1a', () => {
  // The reference vectors of the authors' test suite, then text beyond ASCII.
  test.each([
    ['', 'cbf29ce484222325'],
    ['a', 'af63dc4c8601ec8c'],
    ['foobar', '85944171f73967e8'],
  ])('%j', (text, expected) => {
    const [low, high] = fnv1a64(text);
    expect(((BigInt(high) << 32n) | BigInt(low)).toString(16)).toBe(expected);
  });

  test('hashes the UTF-8 bytes', () => {
    const text = 'α–🙂/x';
    let hash = 0xcbf29ce484222325n;
    for (const byte of new TextEncoder().encode(text)) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
    const [low, high] = fnv1a64(text);
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(hash);
  });
});

describe('Random', () => {
  test('is Philox keyed by the seed, with block number and hashed name as counter', () => {
    const seed = 0x12_9abcdef0;
    const [hashLow, hashHigh] = fnv1a64('weights');
    const out = new Uint32Array(4);
    philox4x32(3, 5, hashLow, hashHigh, 0x9abcdef0, 0x12, out);
    const random = new Random(seed, 'weights');
    random.position = 4 * (5 * 2 ** 32 + 3);
    expect([random.uint32(), random.uint32(), random.uint32(), random.uint32()]).toEqual([...out]);
  });

  test('its bits are pinned: a change here changes every seeded run', () => {
    const stream = (name: string): Random => new Random(2026, name);
    const first = stream('pinned');
    expect([first.uint32(), first.uint32(), first.uint32()]).toEqual([3674887441, 403355135, 603651031]);
    expect(digest(stream('uniform').uniformArray(10_001))).toBe('44b47f9a');
    expect(digest(stream('normal').normalArray(10_001))).toBe('fd46da35');
    expect(digest(stream('bernoulli').bernoulliArray(10_001, 0.3))).toBe('e17f55a5');
    expect(digest(stream('permutation').permutation(1000))).toBe('fbd66285');
  });

  test('bulk methods give what single draws give, from any position', () => {
    for (const position of [0, 1, 2, 3, 1022, 4095]) {
      for (const n of [0, 1, 2, 5, 1024, 1025, 3000]) {
        const bulk = new Random(7, 'x');
        const single = new Random(7, 'x');
        bulk.position = single.position = position;
        expect(bulk.uniformArray(n)).toEqual(Float32Array.from({ length: n }, () => single.uniform()));
        expect(bulk.position).toBe(position + n);
        expect(single.position).toBe(position + n);
        expect(bulk.bernoulliArray(n, 0.4)).toEqual(
          Float32Array.from({ length: n }, () => (single.uint32() < 0.4 * 2 ** 32 ? 1 : 0)),
        );
        const pairs = bulk.normalArray(n);
        const cosines = Float32Array.from({ length: Math.ceil(n / 2) }, () => single.normal());
        expect(pairs.filter((_, i) => i % 2 === 0)).toEqual(cosines);
        expect(bulk.position).toBe(single.position);
      }
    }
  });

  test('resumes at a position, whatever was drawn', () => {
    const whole = new Random(11, 'resume');
    whole.uniformArray(37);
    whole.permutation(100);
    whole.normal();
    const { seed, stream, position } = whole;
    const rest = [whole.uint32(), whole.int(10), whole.normal(), ...whole.normalArray(9)];
    const resumed = new Random(seed, stream);
    resumed.position = position;
    expect([resumed.uint32(), resumed.int(10), resumed.normal(), ...resumed.normalArray(9)]).toEqual(rest);
    // Back to a place in the block at hand, too.
    resumed.position = position;
    expect(resumed.uint32()).toBe(rest[0]);
  });

  test('streams, seeds and forks differ; equal paths are equal streams', () => {
    const heads = [
      new Random(0),
      new Random(1),
      new Random(2 ** 32),
      new Random(2 ** 53 - 1),
      new Random(0, 'a'),
      new Random(0, 'b'),
      new Random(0, 'ab'),
      new Random(0, 'a').fork('b'),
      new Random(0, 'b').fork('a'),
      new Random(0, 'a').fork('c'),
    ].map((r) => digest(r.uniformArray(64)));
    expect(new Set(heads).size).toBe(heads.length);

    const parent = new Random(5, 'model');
    const early = parent.fork('layer1').fork('dropout');
    parent.uint32();
    const late = parent.fork('layer1').fork('dropout');
    expect(late.stream).toBe('model/layer1/dropout');
    const expected = new Random(5, 'model/layer1/dropout').uniformArray(100);
    expect(early.uniformArray(100)).toEqual(expected);
    expect(late.uniformArray(100)).toEqual(expected);
    expect(new Random(5).fork('model').stream).toBe('model');
  });

  test('uniform: multiples of 2⁻²⁴ in [0, 1), flat', () => {
    const values = new Random(1, 'flat').uniformArray(100_000);
    const counts = new Float64Array(100);
    for (const v of values) {
      if (!(v >= 0 && v < 1 && Number.isInteger(v * 2 ** 24))) expect.fail(`${v}`);
      counts[Math.floor(v * 100)]!++;
    }
    const { mean, variance } = moments(values);
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(chiSquare(counts, 1000)).toBeLessThan(99 + 4 * Math.sqrt(2 * 99));
  });

  test('consecutive words and neighbouring streams do not correlate', () => {
    const n = 100_000;
    const correlation = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, v, i) => sum + 12 * (v - 0.5) * (b[i]! - 0.5), 0) / n;
    const a = new Random(1, 'sample/1').uniformArray(n + 1);
    const b = new Random(1, 'sample/2').uniformArray(n);
    const c = new Random(2, 'sample/1').uniformArray(n);
    const limit = 4 / Math.sqrt(n);
    expect(Math.abs(correlation(a.subarray(0, n), a.subarray(1)))).toBeLessThan(limit);
    expect(Math.abs(correlation(a.subarray(0, n), b))).toBeLessThan(limit);
    expect(Math.abs(correlation(a.subarray(0, n), c))).toBeLessThan(limit);
  });

  test('normal: moments, tails, and its halves independent', () => {
    const n = 200_000;
    const values = new Random(3, 'normal').normalArray(n);
    const { mean, variance, skew, kurtosis } = moments(values);
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(skew)).toBeLessThan(4 * Math.sqrt(6 / n));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(4 * Math.sqrt(24 / n));
    // Shares of the normal distribution beyond 0, 1, 2, 3 standard deviations, each side.
    for (const [z, share] of [
      [0, 0.5],
      [1, 0.158655],
      [2, 0.02275],
      [3, 0.00135],
    ] as const) {
      const limit = 4 * Math.sqrt(share * (1 - share) * n);
      expect(Math.abs(values.filter((v) => v > z).length - share * n)).toBeLessThan(limit);
      expect(Math.abs(values.filter((v) => v < -z).length - share * n)).toBeLessThan(limit);
    }
    let product = 0;
    for (let i = 0; i < n; i += 2) product += values[i]! * values[i + 1]!;
    expect(Math.abs(product)).toBeLessThan(4 * Math.sqrt(n / 2));
  });

  test('int: in range, flat, unbiased where a remainder would not be', () => {
    const random = new Random(4, 'int');
    const dice = new Float64Array(6);
    for (let i = 0; i < 60_000; i++) dice[random.int(6)]!++;
    expect(chiSquare(dice, 10_000)).toBeLessThan(5 + 4 * Math.sqrt(10));

    // 3·2³⁰: a remainder, or a product without rejection, would hit one third of the range twice as often.
    const thirds = new Float64Array(3);
    const before = random.position;
    for (let i = 0; i < 30_000; i++) thirds[Math.floor(random.int(3 * 2 ** 30) / 2 ** 30)]!++;
    expect(chiSquare(thirds, 10_000)).toBeLessThan(2 + 4 * Math.sqrt(4));
    const residues = new Float64Array(3);
    for (let i = 0; i < 30_000; i++) residues[random.int(3 * 2 ** 30) % 3]!++;
    expect(chiSquare(residues, 10_000)).toBeLessThan(2 + 4 * Math.sqrt(4));
    expect((random.position - before) / 60_000).toBeCloseTo(4 / 3, 1);

    for (const below of [1, 2, 3, 2 ** 31, 2 ** 32 - 1, 2 ** 32]) {
      const value = random.int(below);
      expect(Number.isInteger(value) && value >= 0 && value < below).toBe(true);
    }
    expect(random.int(1)).toBe(0);
  });

  test('permutation and shuffle: every element once, every order as likely', () => {
    const random = new Random(6, 'shuffle');
    const p = random.permutation(1000);
    expect([...p].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(random.permutation(0)).toEqual(new Int32Array(0));
    expect(random.permutation(1)).toEqual(new Int32Array(1));

    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = random.shuffle('abcd').join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()], 1000)).toBeLessThan(23 + 4 * Math.sqrt(46));

    const items = Object.freeze(['x', 'y', 'z', 'w', 'v']);
    const shuffled = new Random(8).shuffle(items);
    expect(shuffled).toEqual(Array.from(new Random(8).permutation(5), (i) => items[i]));
  });

  test('bernoulliArray: 0 and 1 in the asked share', () => {
    const n = 100_000;
    for (const p of [0.1, 0.5, 0.9]) {
      const ones = new Random(9, `p${p}`).bernoulliArray(n, p).reduce((a, b) => a + b, 0);
      expect(Math.abs(ones - n * p)).toBeLessThan(4 * Math.sqrt(n * p * (1 - p)));
    }
    expect(new Random(9).bernoulliArray(1000, 0).every((v) => v === 0)).toBe(true);
    expect(new Random(9).bernoulliArray(1000, 1).every((v) => v === 1)).toBe(true);
  });

  test('refuses arguments out of range', () => {
    for (const seed of [-1, 0.5, 2 ** 53, NaN]) expect(() => new Random(seed)).toThrow(RangeError);
    const random = new Random(0);
    for (const below of [0, -1, 1.5, 2 ** 32 + 1, NaN]) expect(() => random.int(below)).toThrow(RangeError);
    for (const p of [-0.1, 1.1, NaN]) expect(() => random.bernoulliArray(1, p)).toThrow(RangeError);
    for (const n of [-1, 0.5, NaN]) {
      expect(() => random.uniformArray(n)).toThrow(RangeError);
      expect(() => random.permutation(n)).toThrow(RangeError);
      expect(() => (random.position = n)).toThrow(RangeError);
    }
    expect(random.position).toBe(0);
  });
});
