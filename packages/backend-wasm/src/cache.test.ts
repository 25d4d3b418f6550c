import { expect, test } from 'vitest';
import { Cache } from './cache.ts';
import { Heap } from './memory.ts';
import { PAGE } from './module.ts';

function create(): { heap: Heap; cache: Cache } {
  const memory = { buffer: new ArrayBuffer(1024 * PAGE), grow: () => 0 };
  const heap = new Heap(memory, 1024 * PAGE);
  return { heap, cache: new Cache(heap) };
}

test('another form of a buffer is made once and goes with the buffer', () => {
  const { heap, cache } = create();
  const owner = heap.alloc(64);
  const before = heap.usage.inUse;
  let fills = 0;
  const get = (key: string): number => cache.derived(owner, key, 1000, () => fills++);
  expect(get('a')).toBe(get('a'));
  expect(get('b')).not.toBe(get('a'));
  expect(fills).toBe(2);
  expect(cache.bytes).toBe(heap.usage.inUse - before);
  cache.forget(owner);
  expect([cache.bytes, heap.usage.inUse]).toEqual([0, before]);
});

test('plans that were not used for long make room', () => {
  const { heap, cache } = create();
  const made: string[] = [];
  const get = (key: string): void => {
    cache.plan(key, () => {
      made.push(key);
      return { tables: [heap.alloc(6_000_000)] };
    });
  };
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) get(key);
  expect(made).toEqual(['a', 'b', 'c', 'b']);
  expect(cache.bytes).toBe(heap.usage.inUse);
});
