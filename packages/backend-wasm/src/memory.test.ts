import { OutOfMemoryError, StateError } from '@graftjs/core/backend';
import { expect, test } from 'vitest';
import { GuardedHeap } from './guard.ts';
import { createWasmBackend } from './index.ts';
import { SLACK } from './memory.ts';

const MiB = 1024 * 1024;
const floats = (n: number) => ({ dtype: 'float32', shape: [n] }) as const;

test('a released block is used again: the same steps take no more memory', async () => {
  const backend = await createWasmBackend();
  const spec = floats(1000);
  const step = (): void => {
    const x = backend.upload(new Float32Array(1000).fill(2), spec);
    const y = backend.run('unary', [{ buffer: x, spec }], { kind: 'exp' }, spec);
    backend.release(x);
    backend.release(y);
  };
  step();
  const first = backend.memory!();
  for (let i = 0; i < 10_000; i++) step();
  expect(backend.memory!()).toEqual(first);
  expect(first.inUse).toBe(0);
});

test('out of memory: says what was asked for and is in use, harms nothing, and what is freed can be had', async () => {
  const backend = await createWasmBackend({ maxBytes: 8 * MiB });
  const small = backend.upload([1, 2, 3], floats(3));
  const large = backend.upload(new Float32Array(MiB).fill(7), floats(MiB));
  const tooMuch = (): unknown => backend.upload(new Float32Array(MiB), floats(MiB));
  expect(tooMuch).toThrow(OutOfMemoryError);
  expect(tooMuch).toThrow(
    /no room for 4194304 bytes on 'wasm': \d+ are in use .* at most 8388608: use smaller/,
  );
  expect([...backend.readSync!(small, floats(3))]).toEqual([1, 2, 3]);
  expect(backend.readSync!(large, floats(MiB)).every((v) => v === 7)).toBe(true);
  backend.release(large);
  // No block of this class is free; a larger one is, and serves.
  const other = backend.upload(new Float32Array(MiB / 1.5).fill(5), floats(Math.floor(MiB / 1.5)));
  expect(backend.readSync!(other, floats(Math.floor(MiB / 1.5)))[99]).toBe(5);
});

test('a kernel that finds no room gives back what it had', async () => {
  const backend = await createWasmBackend({ maxBytes: 8 * MiB });
  const spec = floats(MiB);
  const buffer = backend.upload(new Float32Array(MiB), spec);
  const before = backend.memory!();
  expect(() => backend.run('unary', [{ buffer, spec }], { kind: 'exp' }, spec)).toThrow(OutOfMemoryError);
  expect(backend.memory!()).toEqual(before);
});

test('growing keeps what is there', async () => {
  const backend = await createWasmBackend();
  const spec = floats(70_000);
  const data = Float32Array.from({ length: 70_000 }, (_, i) => i);
  const buffers = Array.from({ length: 40 }, () => backend.upload(data, spec));
  // Not toEqual: it takes a second for each of these.
  for (const b of buffers) expect(backend.readSync!(b, spec).every((v, i) => v === i)).toBe(true);
});

test('two backends share nothing', async () => {
  const [a, b] = [await createWasmBackend(), await createWasmBackend()];
  const x = a.upload([1, 2], floats(2));
  b.upload([3, 4], floats(2));
  expect([...a.readSync!(x, floats(2))]).toEqual([1, 2]);
});

test('a guarded heap notices what is written beside a block, and leaves the slack to the kernels', () => {
  const heap = new GuardedHeap({ buffer: new ArrayBuffer(4 * 65536), grow: () => 0 }, 4 * 65536);
  const block = heap.alloc(10);
  heap.alloc(10);
  heap.uint8(block.ptr, 10 + SLACK).fill(1);
  heap.check();
  const [before, after] = [heap.uint8(block.ptr - 1, 1), heap.uint8(block.ptr + 10 + SLACK, 1)];
  const pattern = before[0]!;
  before[0] = 0;
  expect(() => heap.check()).toThrow(StateError);
  expect(() => heap.check()).toThrow(
    `byte -1 of a block of 10 bytes at ${block.ptr} of 'wasm' was overwritten`,
  );
  before[0] = pattern;
  after[0] = 0;
  expect(() => heap.check()).toThrow(`byte ${10 + SLACK} of a block of 10 bytes`);
  expect(() => heap.free(block)).toThrow(StateError);
  // It is free all the same.
  heap.check();
  expect(() => heap.free(block)).toThrow(/no block of 'wasm' begins at/);
});

test('long rows of a depthwise convolution are not copied once for each thread', async () => {
  const backend = await createWasmBackend({ threads: 4 });
  const [n, taps] = [2 ** 20, 3];
  const [row, kernel] = [
    { dtype: 'float32', shape: [1, 1, n] },
    { dtype: 'float32', shape: [1, 1, taps] },
  ] as const;
  const attrs = {
    stride: [1],
    padding: [[1, 1]],
    dilation: [1],
    groups: 1,
    layout: 'channels-first',
  } as const;
  const x = { buffer: backend.upload(new Float32Array(n).fill(2), row), spec: row };
  const w = { buffer: backend.upload([1, 1, 1], kernel), spec: kernel };
  const y = backend.run('conv', [x, w], attrs, row);
  backend.run('convInputGrad', [x, w], { ...attrs, inputSize: [n] }, row);
  expect([...backend.readSync!(y, row).subarray(0, 2)]).toEqual([4, 6]);
  // Input, two outputs and a padded copy, 4 MiB each; with copies 80 bytes wide for each thread it would be 320 MiB more.
  const { inUse, pooled } = backend.memory!();
  expect(inUse + pooled).toBeLessThan(32 * MiB);
  await backend.dispose();
});
