import {
  add,
  conv,
  crossEntropy,
  flatten,
  gather,
  linear,
  matmul,
  maxPool,
  memory,
  Parameter,
  Random,
  relu,
  reshape,
  scope,
  sgd,
  tensor,
  valueAndGrad,
  type Tensor,
} from '@graftjs/core';
import { type Backend, NameError, UnsupportedError } from '@graftjs/core/backend';
import '@tensorflow/tfjs-backend-cpu'; // registers itself
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { createTfjsBackend } from './index.ts';

tf.enableProdMode(); // its cpu backend would print advice on speed

const noise = (size: number, shape: number[], backend: Backend): Tensor =>
  tensor(
    new Random(1, `noise ${size}`).uniformArray(size).map((u) => u - 0.5),
    shape,
    { backend },
  );
const dataOf = (name: string): number => tf.findBackend(name).numDataIds();

describe('which tfjs backend it is', () => {
  test('wasm by default, any registered one by name', async () => {
    const [wasm, cpu] = [await createTfjsBackend(), await createTfjsBackend({ backend: 'cpu' })];
    const before = [dataOf('wasm'), dataOf('cpu')];
    const [a, b] = [tensor([1, 2], [2], { backend: wasm }), tensor([3, 4], [2], { backend: cpu })];
    expect([dataOf('wasm'), dataOf('cpu')]).toEqual(before.map((n) => n + 1));
    for (const [t, doubled] of [
      [a, [2, 4]],
      [b, [6, 8]],
    ] as const) {
      const sum = add(t, t);
      expect([...sum.dataSync()]).toEqual(doubled);
      for (const x of [t, sum]) x.dispose();
    }
    expect([dataOf('wasm'), dataOf('cpu')]).toEqual(before);
  });

  test('a name that is not registered is a NameError with those that are', async () => {
    await expect(createTfjsBackend({ backend: 'wsam' })).rejects.toThrow(NameError);
    await expect(createTfjsBackend({ backend: 'wsam' })).rejects.toThrow(/'wasm'/);
  });

  test('a kernel that it lacks is an UnsupportedError that names it', async () => {
    const Cpu = tf.findBackend('cpu').constructor as new () => tf.KernelBackend;
    tf.registerBackend('bare', () => new Cpu());
    const bare = await createTfjsBackend({ backend: 'bare' });
    const x = tensor([1, 2], [2], { backend: bare });
    expect(() => add(x, x)).toThrow(UnsupportedError);
    expect(() => add(x, x)).toThrow(/'bare' has no kernel Add/);
    expect(memory(bare).tensors).toBe(1);
    x.dispose();
    tf.removeBackend('bare');
  });

  test('a host without WebAssembly is an UnsupportedError, and no end', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    await expect(createTfjsBackend()).rejects.toThrow(UnsupportedError);
    vi.unstubAllGlobals();
    await createTfjsBackend();
  });

  test("the program's own tfjs goes on with its own backend", async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const mine = tf.tensor1d([1, 2, 3]);
    const backend = await createTfjsBackend();
    const x = tensor([1, 4, 9], [3], { backend });
    expect(tf.getBackend()).toBe('cpu');
    expect([...tf.mul(mine, 2).dataSync()]).toEqual([2, 4, 6]);
    tf.tidy(() => {
      const y = add(x, x); // nothing of ours is tidied away
      expect([...y.dataSync()]).toEqual([2, 8, 18]);
      y.dispose();
    });
    expect([...x.dataSync()]).toEqual([1, 4, 9]);
    expect(tf.getBackend()).toBe('cpu');
    tf.disposeVariables();
    mine.dispose();
    expect(tf.memory().numTensors).toBe(before + 1); // the product
    x.dispose();
    await tf.setBackend('wasm'); // and may take the same one: it is shared
    const [a, y] = [tf.tensor1d([5]), tensor([6], [1], { backend })];
    expect([a.dataSync()[0], y.dataSync()[0]]).toEqual([5, 6]);
    a.dispose();
    y.dispose();
  });
});

describe('memory', () => {
  test('a training step leaves nothing behind', async () => {
    const backend = await createTfjsBackend();
    const parameters = [
      [4, 3, 3, 3],
      [4, 1, 3, 3],
      [3, 36],
    ].map(
      (shape) =>
        new Parameter(
          noise(
            shape.reduce((a, b) => a * b),
            shape,
            backend,
          ),
        ),
    );
    const [w1, w2, w3] = parameters as [Parameter, Parameter, Parameter];
    const x = noise(2 * 3 * 36, [2, 3, 6, 6], backend);
    const labels = tensor([0, 2], [2], { dtype: 'int32', backend });
    const optimizer = sgd({ lr: 0.1 });
    const step = (): void =>
      scope(() => {
        const { grads } = valueAndGrad(() => {
          const y = maxPool(relu(conv(x, w1.value, { padding: 1 })), 2);
          const z = conv(y, w2.value, { padding: 1, groups: 4 });
          return crossEntropy(linear(flatten(z), w3.value), labels);
        }, parameters);
        optimizer.step(parameters.map((parameter, i) => ({ name: `${i}`, parameter, grad: grads[i]! })));
      });
    step();
    const counts = (): unknown => [
      dataOf('wasm'),
      tf.memory().numTensors,
      memory(backend),
      backend.memory!(),
    ];
    const before = counts();
    step();
    step();
    expect(counts()).toEqual(before);
    for (const p of parameters) p.dispose();
    optimizer.dispose();
    for (const t of [x, labels]) t.dispose();
    expect(backend.memory!()).toEqual({ inUse: 0, pooled: 0 });
  });

  test('a failure leaves nothing behind', async () => {
    const backend = await createTfjsBackend();
    const x = tensor([1, 2, 3], [3], { backend });
    const before = dataOf('wasm');
    expect(() => scope(() => gather(x, [7]))).toThrow(/outside/);
    expect(dataOf('wasm')).toBe(before);
    x.dispose();
  });

  test("disposing of one frees its tensors and no one else's", async () => {
    const [one, two] = [await createTfjsBackend(), await createTfjsBackend()];
    const kept = tensor([1, 2], [2], { backend: two });
    const before = dataOf('wasm');
    tensor([1, 2, 3], [3], { backend: one });
    conv(noise(16, [1, 1, 4, 4], one), noise(9, [1, 1, 3, 3], one));
    expect(dataOf('wasm')).toBeGreaterThan(before);
    await one.dispose();
    expect(dataOf('wasm')).toBe(before);
    expect([...kept.dataSync()]).toEqual([1, 2]);
    kept.dispose();
  });
});

// tfjs keeps XNNPACK's operators, with the weights in its own order, by the data of the weights.
describe('what is prepared of weights', () => {
  test('is not taken for the same data in another shape', async () => {
    const backend = await createTfjsBackend();
    const b = tensor([1, 2, 3, 4, 5, 6], [2, 3], { backend });
    const first = matmul(tensor([1, 1], [1, 2], { backend }), b);
    const second = matmul(tensor([1, 1, 1], [1, 3], { backend }), reshape(b, [3, 2]));
    expect([...first.dataSync()]).toEqual([5, 7, 9]);
    expect([...second.dataSync()]).toEqual([9, 12]);
    const x = tensor([1, 2, 3, 4], [1, 1, 2, 2], { backend });
    const one = conv(x, reshape(b, [6, 1, 1, 1]));
    const two = conv(x, reshape(b, [3, 1, 2, 1]));
    expect([...one.dataSync()].slice(4, 8)).toEqual([2, 4, 6, 8]);
    expect([...two.dataSync()]).toEqual([7, 10, 15, 22, 23, 34]);
    await backend.dispose();
  });

  test('goes with the weights', async () => {
    const backend = await createTfjsBackend();
    const x = tensor([1, 2, 3, 4], [1, 1, 2, 2], { backend });
    for (const factor of [1, 2, 3]) {
      const w = tensor([factor, 0, 0, factor], [1, 1, 2, 2], { backend });
      const [y, again] = [conv(x, w), conv(x, w)];
      expect([y.dataSync()[0], again.dataSync()[0]]).toEqual([5 * factor, 5 * factor]);
      for (const t of [w, y, again]) t.dispose();
      expect(backend.memory!().pooled).toBe(0);
    }
    await backend.dispose();
  });
});
