import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  adamW,
  BatchNorm2d,
  Conv2d,
  evaluate,
  fit,
  Flatten,
  Linear,
  manualSeed,
  MaxPool2d,
  oneCycleLR,
  ReLU,
  Sequential,
  setDefaultBackend,
  type ArraySource,
} from '@graftjs/core';
import { expect, test } from 'vitest';
import { FASHION_MNIST, fashionMnist } from '../../src/index.ts';
import { allTargets } from '../support/targets.ts';

const load = (name: 'train' | 't10k', count: number): Promise<ArraySource> =>
  fashionMnist((file) => readFile(`${FASHION_MNIST}/${file}`), name, count);

test.skipIf(!existsSync(FASHION_MNIST) && !process.env.CI)(
  'Fashion-MNIST from scratch: two epochs on 8,000 pictures give over 85 % on the 10,000 test pictures (needs dataset-fashion-mnist)',
  async () => {
    const wasm = (await allTargets()).find(({ name }) => name === 'wasm')!; // the bits of cpu, sooner
    setDefaultBackend(await wasm.create());
    manualSeed(1);
    const model = new Sequential({
      conv1: new Conv2d(1, 16, 3, { padding: 1, bias: false }),
      norm1: new BatchNorm2d(16),
      relu1: new ReLU(),
      pool1: new MaxPool2d(2),
      conv2: new Conv2d(16, 32, 3, { padding: 1, bias: false }),
      norm2: new BatchNorm2d(32),
      relu2: new ReLU(),
      pool2: new MaxPool2d(2),
      flatten: new Flatten(),
      classifier: new Linear(32 * 7 * 7, 10),
    });
    const cycle = oneCycleLR({ totalSteps: 2 * 250 });
    await fit(
      model,
      { train: await load('train', 8_000) },
      {
        epochs: 2,
        batchSize: 32,
        optimizer: adamW({ lr: 5e-3, weightDecay: 1e-2 }),
        schedule: cycle,
        seed: 1,
      },
    );
    const result = await evaluate(model, await load('t10k', 10_000), { batchSize: 100 });
    console.log(
      `Fashion-MNIST: accuracy ${result.accuracy.toFixed(4)} on ${result.labels.length} test pictures`,
    );
    expect(result.accuracy).toBeGreaterThan(0.85);
  },
);
