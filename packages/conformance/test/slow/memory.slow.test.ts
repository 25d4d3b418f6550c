import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Flatten,
  freeLost,
  Linear,
  manualSeed,
  memory,
  Random,
  randomNormal,
  ReLU,
  scope,
  Sequential,
  setDefaultBackend,
  tensor,
  valueAndGrad,
  type Backend,
} from '@graftjs/core';
import { expect, test } from 'vitest';

const backend = await createCpuBackend();
setDefaultBackend(backend);

// Resident memory without what the next collection would free anyway.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function residentMemory(): number {
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage.rss();
}

test('500 training steps: no tensor more than before each step, resident memory flat to 5 %', () => {
  manualSeed(1);
  const model = new Sequential([
    new Conv2d(3, 16, 3, { padding: 1 }),
    new BatchNorm2d(16),
    new ReLU(),
    new AvgPool2d(2),
    new Conv2d(16, 16, 3, { padding: 1 }),
    new ReLU(),
    new Flatten(),
    new Linear(16 * 64, 10),
  ]);
  const optimizer = adam({ lr: 1e-3 });
  const named = [...model.namedParameters()].map(([name, parameter]) => ({ name, parameter }));
  const step = (i: number): void => {
    scope(() => {
      const x = randomNormal([8, 3, 16, 16], new Random(i, 'x'));
      const target = tensor(Int32Array.from({ length: 8 }, (_, j) => (i + j) % 10));
      const { grads } = valueAndGrad(
        () => crossEntropy(model.forward(x), target),
        named.map((n) => n.parameter),
      );
      optimizer.step(named.map((n, j) => ({ ...n, grad: grads[j]! })));
    });
  };
  // Enough for the pool, the optimizer's state, the compiler and V8's young generation to settle.
  for (let i = 0; i < 300; i++) step(i);
  const alive = memory(backend);
  const resident = residentMemory();
  for (let i = 0; i < 500; i++) {
    step(i);
    expect(memory(backend)).toEqual(alive);
  }
  const ratio = residentMemory() / resident;
  console.log(`resident memory after 500 more steps: ${ratio.toFixed(3)} of that before`);
  expect(ratio).toBeGreaterThan(0.95);
  expect(ratio).toBeLessThan(1.05);
});

test('what is lost is told of after a backend was dropped, too', async () => {
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
  const lose = (on: Backend): void => void tensor([1], [1], { backend: on });
  const held: { backend: Backend | null } = { backend: await createCpuBackend() };
  lose(held.backend!);
  await turn(); // registered
  // Found lost, and before that can be told the backend goes, with all that is reachable from it alone.
  collect();
  held.backend = null;
  collect();
  await turn();
  const other = await createCpuBackend();
  lose(other);
  await freeLost(other);
  expect(memory(other).tensors).toBe(0);
});
