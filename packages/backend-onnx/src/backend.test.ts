import { add, gather, matmul, mul, scope, tensor } from '@graftjs/core';
import { type Graph, KernelError, type PrimitiveNode, StateError } from '@graftjs/core/backend';
import * as native from 'onnxruntime-node';
import { afterEach, describe, expect, test } from 'vitest';
import { createOnnxBackend, type OnnxBackend, type OnnxBackendOptions } from './index.ts';

const open: OnnxBackend[] = [];
async function create(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  const backend = await createOnnxBackend({ ort: native, threads: 1, ...options });
  open.push(backend);
  return backend;
}
afterEach(async () => {
  for (const backend of open.splice(0)) await backend.dispose();
});

const row = (values: number[], backend: OnnxBackend) => tensor(values, [values.length], { backend });
const indices = (values: number[], backend: OnnxBackend) =>
  tensor(values, [values.length], { dtype: 'int32', backend });

describe('failures', () => {
  test('name the op, its inputs and the place where it was enqueued', async () => {
    const backend = await create();
    const y = gather(row([1, 2, 3], backend), indices([0, -1], backend));
    const failure = await y.data().then(
      () => null,
      (e: unknown) => e as KernelError,
    );
    expect(failure).toBeInstanceOf(KernelError);
    expect(failure!.message).toMatch(/gather\(float32\[3\], int32\[2\]\) failed: .*out of data bounds/);
    expect(failure!.stack).toContain('backend.test.ts');
    await expect(backend.flush()).rejects.toBe(failure);
  });

  test('poison what depends on them, and nothing else', async () => {
    const backend = await create();
    const x = row([1, 2], backend);
    const bad = gather(x, indices([5], backend));
    const worse = add(bad, bad);
    const good = mul(x, x);
    await expect(worse.data()).rejects.toThrow(/gather/);
    expect([...(await good.data())]).toEqual([1, 4]);
    await expect(backend.flush()).rejects.toThrow(/gather/);
    await backend.flush(); // told once
    expect([...(await add(x, x).data())]).toEqual([2, 4]);
  });
});

describe('sessions', () => {
  test('one for each op, attributes and shapes, however often they run', async () => {
    const backend = await create();
    scope(() => {
      let x = row([1, 1], backend);
      for (let i = 0; i < 1000; i++) x = i % 2 ? add(x, x) : mul(x, 0.5);
    });
    await backend.flush();
    expect(backend.sessions).toBe(2);
    expect(backend.memory!().inUse).toBe(0);
  });

  test('stay within their limit while work on them is queued', async () => {
    const backend = await create({ maxSessions: 3 });
    const sums = Array.from({ length: 40 }, (_, i) => {
      const n = 1 + (i % 10);
      const x = row(new Array<number>(n).fill(i), backend);
      return add(x, x);
    });
    for (const [i, sum] of sums.entries()) expect((await sum.data())[0]).toBe(2 * i);
    expect(backend.sessions).toBeLessThanOrEqual(3);
  });

  test('stay within their bytes', async () => {
    const backend = await create({ maxSessionBytes: 100_000 });
    for (let n = 1; n <= 20; n++) await add(row(new Array<number>(n).fill(1), backend), 1).data();
    expect(backend.memory!().pooled).toBeLessThanOrEqual(100_000);
    expect(backend.sessions).toBeLessThanOrEqual(4);
  });

  test('no op needs one that hands its numbers on, or makes something of nothing', async () => {
    const backend = await create();
    const x = row([1, 2, 3, 4], backend);
    const y = x.reshape([2, 1, 2]).transpose([1, 0, 2]).reshape([4]);
    expect([...(await y.data())]).toEqual([1, 2, 3, 4]);
    const nothing = tensor([], [0, 3], { backend });
    expect([...(await nothing.sum(0).data())]).toEqual([0, 0, 0]);
    expect(backend.sessions).toBe(0);
    expect(backend.memory!().inUse).toBe(28);
  });
});

describe('the end', () => {
  test('comes after all that is queued, and leaves no session', async () => {
    const backend = await create();
    const x = row([1, 2], backend);
    for (let i = 0; i < 20; i++) add(x, i);
    await backend.dispose();
    await backend.dispose(); // harmless
    expect(backend.sessions).toBe(0);
    expect(() => add(x, x)).toThrow(StateError);
    await expect(x.data()).rejects.toThrow(StateError);
    expect(() => row([1], backend)).toThrow(StateError);
  });

  test('of one backend is not the end of another', async () => {
    const [a, b] = [await create(), await create()];
    const x = row([3], b);
    await row([1], a).add(1).data();
    await a.dispose();
    expect([...(await mul(x, x).data())]).toEqual([9]);
  });
});

describe('a compiled graph', () => {
  /** (a, b) → a · b + c, and that again. */
  const graph: Graph<PrimitiveNode> = {
    specs: [
      { dtype: 'float32', shape: [2, 2] },
      { dtype: 'float32', shape: [2, 2] },
      { dtype: 'float32', shape: [2] },
      { dtype: 'float32', shape: [2, 2] },
      { dtype: 'float32', shape: [2, 2] },
    ],
    inputs: [0, 1],
    scalars: [],
    captures: [2],
    constants: new Map(),
    nodes: [
      { op: 'matmul', inputs: [0, 1], attrs: { transposeA: false, transposeB: false }, output: 3 },
      { op: 'binary', inputs: [3, 2], attrs: { kind: 'add' }, output: 4 },
    ],
    outputs: [4, 3],
  };

  test('gives what its ops give, again and again, and ends', async () => {
    const backend = await create();
    const [a, b, c] = [
      tensor([1, 2, 3, 4], [2, 2], { backend }),
      tensor([0, 1, 1, 0], [2, 2], { backend }),
      row([10, 20], backend),
    ];
    const executable = backend.compile(graph, [c.storage.buffer as never]);
    const buffers = [a, b].map((t) => t.storage.buffer as never);
    for (let i = 0; i < 3; i++) {
      const [y, product] = executable.run(buffers);
      const product2 = matmul(a, b);
      expect([...(await backend.read(product!, graph.specs[3]!))]).toEqual([...(await product2.data())]);
      expect([...(await backend.read(y!, graph.specs[4]!))]).toEqual([12, 21, 14, 23]);
    }
    expect(backend.sessions).toBe(2);
    executable.dispose();
    expect(() => executable.run(buffers)).toThrow(StateError);
    await backend.flush();
    expect(backend.sessions).toBe(1);
  });

  test('that fails leaves its inputs as they were', async () => {
    const backend = await create();
    const picks: Graph<PrimitiveNode> = {
      specs: [
        { dtype: 'float32', shape: [2] },
        { dtype: 'int32', shape: [1] },
        { dtype: 'float32', shape: [1] },
      ],
      inputs: [0, 1],
      scalars: [],
      captures: [],
      constants: new Map(),
      nodes: [{ op: 'gather', inputs: [0, 1], attrs: { axis: 0 }, output: 2 }],
      outputs: [2],
    };
    const executable = backend.compile(picks, []);
    const x = row([1, 2], backend);
    const run = (at: number) =>
      executable.run([x.storage.buffer as never, indices([at], backend).storage.buffer as never])[0]!;
    const failure = backend.read(run(2), picks.specs[2]!);
    await expect(failure).rejects.toThrow(KernelError);
    await expect(failure).rejects.toThrow(/^gather\(float32\[2\], int32\[1\]\) failed/);
    expect([...(await x.data())]).toEqual([1, 2]);
    expect([...(await backend.read(run(1), picks.specs[2]!))]).toEqual([2]);
  });
});
