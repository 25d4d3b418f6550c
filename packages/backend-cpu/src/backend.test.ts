import {
  conv,
  freeLost,
  grad,
  maxPool,
  memory,
  neg,
  relu,
  scope,
  setDefaultBackend,
  tensor,
} from '@graftjs/core';
import { OutOfMemoryError } from '@graftjs/core/backend';
import { describe, expect, it } from 'vitest';
import { noise } from '../test/support.ts';
import { createCpuBackend } from './index.ts';

const vector = (n: number) => ({ dtype: 'float32', shape: [n] }) as const;

describe('createCpuBackend', () => {
  it('converts on upload, and reads copies', async () => {
    const cpu = await createCpuBackend();
    const buffer = cpu.upload([1.5, 2], vector(2));
    cpu.readSync!(buffer, vector(2))[0] = 7;
    expect(await cpu.read(buffer, vector(2))).toEqual(new Float32Array([1.5, 2]));
    expect(cpu.upload([2.7, -2.7, NaN], { dtype: 'int32', shape: [3] })).toEqual(new Int32Array([2, -2, 0]));
    const booleans = [true, false, 5, 0] as unknown as number[];
    expect(cpu.upload(booleans, { dtype: 'bool', shape: [4] })).toEqual(new Uint8Array([1, 0, 1, 0]));
    expect(cpu.upload(booleans, vector(4))).toEqual(new Float32Array([1, 0, 5, 0]));
  });

  it('reuses released buffers, and counts them', async () => {
    const cpu = await createCpuBackend();
    const a = cpu.upload([1, 2, 3], vector(3));
    expect(cpu.memory!()).toEqual({ inUse: 12, pooled: 0 });
    cpu.release(a);
    expect(cpu.memory!()).toEqual({ inUse: 0, pooled: 12 });
    expect(cpu.upload([4, 5, 6], vector(3))).toBe(a);
    await cpu.dispose();
    expect(cpu.memory!().pooled).toBe(0);
  });

  it('keeps no more than poolBytes', async () => {
    const cpu = await createCpuBackend({ poolBytes: 100 });
    const buffers = [5, 6, 7, 8, 9].map((n) => cpu.upload(noise(n), vector(n)));
    const huge = cpu.upload(noise(50), vector(50));
    for (const b of [...buffers, huge]) {
      cpu.release(b);
      expect(cpu.memory!().pooled).toBeLessThanOrEqual(100);
    }
  });

  it('says what did not fit', async () => {
    const cpu = await createCpuBackend();
    const x = { spec: vector(1), buffer: cpu.upload([1], vector(1)) };
    const shape = [2 ** 40];
    expect(() => cpu.run('broadcastTo', [x], { shape }, { dtype: 'float32', shape })).toThrow(
      /no room for \d+ bytes/,
    );
  });

  it('holds no more after many steps than after the first', async () => {
    const cpu = await createCpuBackend();
    setDefaultBackend(cpu);
    const x = tensor(noise(2 * 3 * 12 * 12), [2, 3, 12, 12]);
    const w = tensor(noise(8 * 3 * 9), [8, 3, 3, 3]);
    const step = (): void =>
      scope(() => {
        grad((v) => maxPool(relu(conv(x, v, { padding: 1 })), 2).sum())(w);
      });
    step();
    const first = cpu.memory!();
    for (let i = 0; i < 20; i++) step();
    expect(cpu.memory!()).toEqual(first);
    setDefaultBackend(null);
  });
});

describe('a loop that never awaits', () => {
  it('ends with an error that names scope; what it left is freed, and inside scope it runs', async () => {
    const small = await createCpuBackend({ maxBytes: 100_000 });
    const loop = (round: () => void): void => {
      for (let i = 0; i < 1000; i++) round();
    };
    const make = (): void => void neg(tensor(new Float32Array(100), [100], { backend: small }));
    expect(() => loop(make)).toThrow(OutOfMemoryError);
    expect(() => loop(make)).toThrow(/no room on 'cpu': 250 tensors hold .* await data\(\) .* scope\(\)/);
    await freeLost(small);
    expect(memory(small)).toEqual({ tensors: 0, bytes: 0 });
    expect(() => loop(() => scope(make))).not.toThrow();
    await small.dispose();
  });
  it('of tensors that are freed, nothing is released after the backend was disposed', async () => {
    const gone = await createCpuBackend();
    tensor([1], [1], { backend: gone });
    const held = tensor([1], [1], { backend: gone });
    await gone.dispose();
    await freeLost(gone);
    held.dispose();
    expect(gone.memory!()).toEqual({ inUse: 8, pooled: 0 });
  });
  it('a backend that nobody holds goes with its tensors', async () => {
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    await (async () => {
      const backend = await createCpuBackend();
      registry.register(backend, 0);
      for (let i = 0; i < 10; i++) tensor([i], [1], { backend }).keep();
    })();
    const other = await createCpuBackend();
    for (let i = 0; i < 5 && collected === 0; i++) await freeLost(other);
    expect(collected).toBe(1);
  });
});
