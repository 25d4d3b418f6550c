import { describe, expect, test } from 'vitest';
import {
  averageDivisors,
  convertInto,
  DeferredFailures,
  fillOfEmptyInputs,
  KernelError,
  LruCache,
  offsetsOf,
  reducePlan,
  vectorWalk,
  windowGeometry,
} from '../backend-kit.ts';

const f32 = (...shape: number[]): { readonly dtype: 'float32'; readonly shape: number[] } => ({
  dtype: 'float32',
  shape,
});

describe('LruCache', () => {
  test('lets go what was not used for longest, and says so', () => {
    const gone: string[] = [];
    const cache = new LruCache<string>({ entries: 2, drop: (v) => gone.push(v) });
    cache.set('a', 'A');
    cache.set('b', 'B');
    expect(cache.get('a')).toBe('A');
    expect(cache.getOrMake('c', () => 'C')).toBe('C');
    expect([cache.get('b'), gone]).toEqual([undefined, ['B']]);
    cache.clear();
    expect([cache.size, gone]).toEqual([0, ['B', 'A', 'C']]);
  });

  test('counts bytes, and keeps the newest value however large it is', () => {
    const cache = new LruCache<number>({ bytes: 10, bytesOf: (v) => v });
    cache.set('a', 4);
    cache.set('b', 5);
    cache.set('b', 6);
    expect([cache.bytes, cache.size]).toEqual([10, 2]);
    cache.set('large', 100);
    expect([cache.bytes, cache.size]).toEqual([100, 1]);
  });
});

test('numbers from outside are converted as cast has it', () => {
  const ints = new Int32Array(5);
  convertInto([1.9, -1.9, NaN, 1e10, -Infinity], ints);
  expect([...ints]).toEqual([1, -1, 0, 2 ** 31 - 1, -(2 ** 31)]);
  const bools = new Uint8Array(4);
  convertInto([false, true, -0, NaN] as number[], bools);
  expect([...bools]).toEqual([0, 1, 0, 1]);
});

test('a reduction of the middle axis finds every element once', () => {
  const { lanes, kept, runs, length, step } = reducePlan([2, 3, 4], [1]);
  const starts = [...offsetsOf(kept.shape, kept.strides)];
  expect({ lanes, starts, runs: [...runs], length, step }).toEqual({
    lanes: 4,
    starts: [0, 12],
    runs: [0],
    length: 3,
    step: 4,
  });
});

test('averages are divided by the taps that count, and never by 0', () => {
  const w = windowGeometry([3], { stride: [2], padding: [[1, 1]], dilation: [1] });
  expect([...averageDivisors([1, 1, 5], [1, 1, 3], w, false)]).toEqual([2, 3, 2]);
  expect([...averageDivisors([1, 1, 5], [1, 1, 3], w, true)]).toEqual([3, 3, 3]);
  expect([...averageDivisors([1, 1, 0], [1, 1, 1], w, false)]).toEqual([1]);
});

test('what comes of empty inputs is a number, unless it has to be computed', () => {
  const padding = { before: [1], after: [0], interior: [0], value: 7 };
  expect(fillOfEmptyInputs('pad', [f32(0)], padding, f32(1))).toBe(7);
  expect(fillOfEmptyInputs('concat', [f32(0), f32(2)], { axis: 0 }, f32(2))).toBeUndefined();
  const product = { transposeA: false, transposeB: false };
  expect(fillOfEmptyInputs('matmul', [f32(2, 0), f32(0, 3)], product, f32(2, 3))).toBe(0);
  expect(fillOfEmptyInputs('matmul', [f32(2, 1), f32(1, 3)], product, f32(2, 3))).toBeUndefined();
});

test('a walk in vectors is as cheap as its strides allow', () => {
  const accesses = (shape: number[], ...strides: number[][]): string[] =>
    vectorWalk(
      shape,
      strides.map((s) => ({ strides: s })),
    ).operands.map(({ access }) => access);
  expect(accesses([6, 8], [8, 1], [0, 0])).toEqual(['same', 'constant']);
  expect(accesses([6, 8], [8, 1], [0, 1], [1, 0], [1, 6])).toEqual([
    'vector',
    'vector',
    'repeated',
    'strided',
  ]);
  expect(accesses([6, 3], [3, 1], [1, 6])).toEqual(['scattered', 'scattered']);
  expect(accesses([], [])).toEqual(['constant']);
});

test('flush tells the first failure, once', () => {
  const failures = new DeferredFailures();
  const first = new KernelError('gather', [f32(2)], 'an index is outside');
  failures.add(first);
  failures.add(new KernelError('matmul', [], 'no'));
  expect(() => failures.throwFirst()).toThrow(first);
  failures.throwFirst();
});
