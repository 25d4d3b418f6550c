import { add, gather, KernelError, mul, tensor, type Backend } from '@graftjs/core';
import { expect } from 'vitest';
import { expectFreed, unheldTests } from './unheld.ts';

/** What core's `backend.ts` says besides numbers. */
export const contractTests: Readonly<Record<string, (backend: Backend) => Promise<void>>> = {
  'upload and read copy': async (backend) => {
    const source = Float32Array.of(1, 2, 3);
    const t = tensor(source, [3], { backend });
    source[0] = 9;
    const first = await t.data();
    expect([...first]).toEqual([1, 2, 3]);
    first[1] = 9;
    expect([...(await t.data())]).toEqual([1, 2, 3]);
    t.dispose();
  },

  'upload converts to the dtype': async (backend) => {
    const values = [-1.75, 0, 0.5, 2];
    const read = async (dtype: 'float32' | 'int32' | 'bool'): Promise<number[]> => {
      const t = tensor(values, [4], { dtype, backend });
      const data = await t.data();
      t.dispose();
      return [...data];
    };
    expect(await read('float32')).toEqual(values);
    expect(await read('int32')).toEqual([-1, 0, 0, 2]);
    expect(await read('bool')).toEqual([1, 0, 1, 1]);
  },

  'read gives the array type of the dtype': async (backend) => {
    for (const [dtype, type] of [
      ['float32', Float32Array],
      ['int32', Int32Array],
      ['bool', Uint8Array],
    ] as const) {
      const t = tensor([1, 0], [2], { dtype, backend });
      expect(await t.data()).toBeInstanceOf(type);
      t.dispose();
    }
  },

  'a tensor may be freed while queued work still reads it': async (backend) => {
    const a = tensor(
      Float32Array.from({ length: 1000 }, (_, i) => i),
      [1000],
      { backend },
    );
    const b = mul(a, a);
    a.dispose();
    const c = add(b, b);
    b.dispose();
    const fresh = tensor(new Float32Array(1000), [1000], { backend }); // may take the freed place
    expect((await c.data())[999]).toBe(2 * 999 * 999);
    for (const t of [c, fresh]) t.dispose();
  },

  'an index outside is a KernelError that names the op': async (backend) => {
    const [x, at] = [tensor([1, 2, 3], [3], { backend }), tensor(Int32Array.of(0, 3), [2], { backend })];
    const attempt = async (): Promise<unknown> => {
      const y = gather(x, at);
      return y.data().finally(() => y.dispose());
    };
    await expect(attempt()).rejects.toThrow(KernelError);
    await expect(attempt()).rejects.toThrow(/gather/);
    await backend.flush().catch(() => {});
    for (const t of [x, at]) t.dispose();
  },

  'work goes on after a failure': async (backend) => {
    const x = tensor([1, 2], [2], { backend });
    const y = add(x, x);
    expect([...(await y.data())]).toEqual([2, 4]);
    for (const t of [x, y]) t.dispose();
    await backend.flush();
  },

  ...unheldTests,

  'nothing is left in use': async (backend) => {
    await expectFreed(backend, { tensors: 0, bytes: 0 });
    expect(backend.memory?.().inUse ?? 0).toBe(0);
  },
};
