import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  adam,
  compile,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  manualSeed,
  MaxPool2d,
  memory,
  Random,
  randomNormal,
  ReLU,
  scope,
  Sequential,
  setDefaultBackend,
  tensor,
  valueAndGrad,
  type Tensor,
} from '@graftjs/core';
import * as native from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { createOnnxBackend, type OnnxBackendOptions } from '../src/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function residentMemory(): number {
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage.rss();
}

const FLAT = 1.02;

/**
 * How resident memory changes while `work` is done: the least of up to six times, for V8 goes on for a while to make
 * faster code of onnxruntime's 28 MB of WebAssembly, and keeps it. What leaks would grow each time.
 */
async function settled(work: () => Promise<void>): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 6 && least >= FLAT; i++) {
    const before = residentMemory();
    await work();
    least = Math.min(least, residentMemory() / before);
  }
  return least;
}

const modules: Readonly<Record<string, OnnxBackendOptions>> = {
  'onnxruntime-web': {},
  'onnxruntime-node': { ort: native },
};
for (const [name, options] of Object.entries(modules)) {
  test(`${name}: 500 compiled steps, and compiling 60 times, leave resident memory flat to 2 % and no session`, async () => {
    const backend = await createOnnxBackend({ ...options, threads: 2 });
    setDefaultBackend(backend);
    manualSeed(1);
    const model = new Sequential([
      new Conv2d(1, 8, 3),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Linear(8 * 7 * 7, 10),
    ]);
    const optimizer = adam({ lr: 1e-3 });
    const named = [...model.namedParameters()].map(([key, parameter]) => ({ name: key, parameter }));
    const step = (x: Tensor, target: Tensor): Tensor => {
      const { value, grads } = valueAndGrad(
        () => crossEntropy(model.forward(x), target),
        named.map((n) => n.parameter),
      );
      optimizer.step(named.map((n, i) => ({ ...n, grad: grads[i]! })));
      return value;
    };
    const run = async (compiled: typeof step, i: number): Promise<void> => {
      const loss = scope(() =>
        compiled(
          randomNormal([16, 1, 16, 16], new Random(i, 'x')),
          tensor(Int32Array.from({ length: 16 }, (_, j) => (i + j) % 10)),
        ),
      );
      await loss.data();
      loss.dispose();
    };

    let compiled = compile(step);
    for (let i = 0; i < 300; i++) await run(compiled, i);
    const alive = memory(backend);
    const steps = await settled(async () => {
      for (let i = 0; i < 500; i++) {
        await run(compiled, i);
        expect([memory(backend), backend.sessions]).toEqual([alive, 1]);
      }
    });
    const compiles = await settled(async () => {
      for (let i = 0; i < 60; i++) {
        compiled.dispose();
        compiled = compile(step);
        await run(compiled, i);
        expect([memory(backend), backend.sessions]).toEqual([alive, 1]);
      }
    });
    console.log(
      `${name}: resident memory × ${steps.toFixed(3)} over steps, × ${compiles.toFixed(3)} over compiles`,
    );
    for (const ratio of [steps, compiles]) expect(ratio).toBeLessThan(FLAT);
    await backend.dispose();
    expect(backend.sessions).toBe(0);
  });
}
