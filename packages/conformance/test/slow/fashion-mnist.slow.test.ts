import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adamW,
  ArraySource,
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
} from '@graftjs/core';
import { expect, test } from 'vitest';

// Debian's package dataset-fashion-mnist (MIT): Xiao, Rasul, Vollgraf (2017), arXiv:1708.07747.
const folder = '/usr/share/datasets/fashion-mnist';
const present = existsSync(folder);
const CLASSES = [
  'T-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];

/** IDX: big-endian magic and extents, then bytes. Pixels as (v / 255 − 0.286) / 0.353, the training set's mean and sd. */
function load(name: 'train' | 't10k', count: number): ArraySource {
  const images = gunzipSync(readFileSync(join(folder, `${name}-images-idx3-ubyte.gz`))).subarray(16);
  const labels = gunzipSync(readFileSync(join(folder, `${name}-labels-idx1-ubyte.gz`))).subarray(8);
  const values = Float32Array.from(images.subarray(0, count * 784), (v) => (v / 255 - 0.286) / 0.353);
  return new ArraySource(
    values,
    labels.subarray(0, count),
    [1, 28, 28],
    CLASSES,
    `fashion-mnist-${name}-${count}`,
  );
}

test.skipIf(!present && !process.env.CI)(
  'Fashion-MNIST from scratch: two epochs on 8,000 pictures give over 85 % on the 10,000 test pictures (needs dataset-fashion-mnist)',
  async () => {
    setDefaultBackend(await createCpuBackend());
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
      { train: load('train', 8_000) },
      {
        epochs: 2,
        batchSize: 32,
        optimizer: adamW({ lr: 5e-3, weightDecay: 1e-2 }),
        schedule: cycle,
        seed: 1,
      },
    );
    const result = await evaluate(model, load('t10k', 10_000), { batchSize: 100 });
    console.log(
      `Fashion-MNIST: accuracy ${result.accuracy.toFixed(4)} on ${result.labels.length} test pictures`,
    );
    expect(result.accuracy).toBeGreaterThan(0.85);
  },
);
