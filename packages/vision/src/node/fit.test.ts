import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  Conv2d,
  fit,
  GlobalAvgPool2d,
  Linear,
  manualSeed,
  ReLU,
  Sequential,
  setDefaultBackend,
  imageNetPreprocess,
} from '@graftjs/core';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { augmentations } from '../augment.ts';
import { noise } from '../testing.ts';
import { encodePng } from './encode.ts';
import { imageFolder } from './image-folder.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'graft-fit-test-'));
  // Noise in which one channel is missing.
  for (const [channel, name] of ['cyan', 'magenta', 'yellow'].entries()) {
    await mkdir(join(root, name));
    for (let i = 0; i < 10; i++) {
      const picture = noise(30, 20, channel * 100 + i);
      for (let k = channel; k < picture.data.length; k += 3) picture.data[k] = 0;
      await writeFile(join(root, name, `${i}.png`), await encodePng(picture));
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

it('feeds fit: a small network learns a folder of colours from augmented views', async () => {
  setDefaultBackend(await createCpuBackend());
  manualSeed(1);
  const preprocess = imageNetPreprocess({ size: 12 });
  const data = await imageFolder(root, { preprocess, seed: 1, augment: augmentations.standard });
  const model = new Sequential([
    new Conv2d(3, 6, 3),
    new ReLU(),
    new GlobalAvgPool2d(),
    new Linear(6, data.classes.length),
  ]);
  const history = await fit(model, data, {
    epochs: 12,
    batchSize: 8,
    optimizer: adam({ lr: 0.03 }),
    views: 'fresh',
    seed: 1,
  });
  expect(history.epochs.at(-1)!.validationAccuracy).toBe(1);
  await data.dispose();
});
