import {
  adam,
  ArraySource,
  BatchNorm2d,
  compile,
  Conv2d,
  crossEntropy,
  fit,
  GlobalAvgPool2d,
  Linear,
  Random,
  ReLU,
  scope,
  Sequential,
  tensor,
  valueAndGrad,
  withRandom,
  type Backend,
  type Optimizer,
  type Tensor,
} from '@graftjs/core';
import { expect, test } from 'vitest';
import { createWasmBackend } from './index.ts';

const wasm = (await createWasmBackend({ threads: 1 })) as Backend;

/** The same backend, counting its kernels by name. */
function counting(): { readonly backend: Backend; readonly calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const count = (name: string): unknown => calls.set(name, (calls.get(name) ?? 0) + 1);
  const fused = Object.entries(wasm.fused!).map(([name, kernel]) => [
    name,
    (...call: Parameters<typeof kernel>) => {
      count(name);
      return (kernel as (...args: unknown[]) => unknown)(...call);
    },
  ]);
  const run = (...call: Parameters<Backend['run']>): unknown => {
    count(call[0]);
    return wasm.run(...call);
  };
  const backend = Object.assign(Object.create(wasm) as Backend, { fused: Object.fromEntries(fused), run });
  return { backend, calls };
}

function network(backend: Backend): Sequential {
  return withRandom(
    new Random(3),
    () =>
      new Sequential({
        conv1: new Conv2d(3, 4, 3, { bias: false, backend }),
        norm1: new BatchNorm2d(4, { backend }),
        relu1: new ReLU(),
        conv2: new Conv2d(4, 6, 3, { backend }),
        relu2: new ReLU(),
        pool: new GlobalAvgPool2d(),
        head: new Linear(6, 3, { backend }),
      }),
  );
}

function trainingStep(model: Sequential, optimizer: Optimizer): (x: Tensor, labels: Tensor) => Tensor {
  const named = [...model.namedParameters()].map(([name, parameter]) => ({ name, parameter }));
  return (x, labels) => {
    const { value, grads } = valueAndGrad(
      () => crossEntropy(model.forward(x), labels),
      named.map((p) => p.parameter),
    );
    optimizer.step(named.map((p, i) => ({ ...p, grad: grads[i]! })));
    return value;
  };
}

/** Three steps: what they give, and the kernels of the last. */
function trained(compiled: boolean): { readonly numbers: number[][]; readonly calls: Map<string, number> } {
  const { backend, calls } = counting();
  const model = network(backend);
  const optimizer = adam({ lr: 0.01 });
  const x = tensor(new Random(1).normalArray(4 * 3 * 8 * 8), [4, 3, 8, 8], { backend });
  const labels = tensor([0, 2, 1, 0], [4], { dtype: 'int32', backend });
  const step = trainingStep(model, optimizer);
  const run = compiled ? compile(step) : step;
  const losses = [1, 2, 3].map(() => {
    calls.clear();
    return scope(() => run(x, labels).dataSync()[0]!);
  });
  return { numbers: [losses, ...[...model.stateDict().values()].map((t) => [...t.dataSync()])], calls };
}

const total = (calls: ReadonlyMap<string, number>): number => [...calls.values()].reduce((a, b) => a + b, 0);

test('a compiled step runs the fused kernels, gives the bits of the ops one by one, and has fewer kernels to run', () => {
  const [eager, compiled] = [trained(false), trained(true)];
  expect(compiled.numbers).toEqual(eager.numbers);
  const fused = (calls: ReadonlyMap<string, number>): Record<string, number> =>
    Object.fromEntries([...calls].filter(([name]) => Object.hasOwn(wasm.fused!, name)).sort());
  expect(fused(compiled.calls)).toEqual({
    adam: 7, // one per parameter
    batchNorm: 1,
    batchNormGrad: 1,
    convAffine: 2,
    softmaxCrossEntropy: 1,
    softmaxCrossEntropyGrad: 1,
  });
  expect(fused(eager.calls)).toEqual(fused(compiled.calls));
  expect(total(compiled.calls)).toBeLessThan(total(eager.calls));
});

test('fit compiles by itself, with the bits of the ops one by one', async () => {
  const pictures = new Random(2).normalArray(16 * 3 * 8 * 8);
  const labels = Array.from({ length: 16 }, (_, i) => i % 3);
  const train = new ArraySource(Float32Array.from(pictures), labels, [3, 8, 8], ['a', 'b', 'c'], 'noise');
  const run = async (option?: boolean): Promise<{ calls: number; numbers: unknown }> => {
    const model = network(wasm);
    let calls = 0;
    const pool = model.module('pool');
    const forward = pool.forward.bind(pool);
    pool.forward = (x) => (calls++, forward(x));
    const options = { epochs: 3, batchSize: 8, seed: 1, optimizer: adam({ lr: 0.01 }) };
    const { epochs } = await fit(
      model,
      { train },
      option === undefined ? options : { ...options, compile: option },
    );
    return { calls, numbers: [epochs, ...[...model.stateDict().values()].map((t) => [...t.dataSync()])] };
  };
  const [compiled, eager] = [await run(), await run(false)];
  expect(compiled.numbers).toEqual(eager.numbers);
  expect(compiled.calls).toBeLessThan(eager.calls);
});
