import { createCpuBackend } from '@graftjs/backend-cpu';
import { memory, setDefaultBackend, tensor, type Backend } from '@graftjs/core';
import { FormatError } from '@graftjs/formats';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { loadBaseFrom } from './base.ts';
import { saveModel } from './model-file.ts';
import { smallCnn } from './networks/small-cnn.ts';
import { loadBase } from './node/index.ts';

const bytes = new Uint8Array(
  readFileSync(new URL(import.meta.resolve('@graftjs/models/coco-mobilenet-v3.safetensors'))),
);
let backend: Backend;
beforeAll(async () => setDefaultBackend((backend = await createCpuBackend())));

it('makes of the bytes what loadBase makes of the name', async () => {
  const { model, ...facts } = await loadBaseFrom(bytes, { size: 32 });
  const { model: named, ...same } = await loadBase('coco-mobilenet-v3', { size: 32 });
  expect(facts).toEqual(same);
  expect(facts).toMatchObject({ name: 'coco-mobilenet-v3', defaultCut: 'block10', preprocess: { size: 32 } });
  const x = tensor(
    Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => i % 256),
    [1, 32, 32, 3],
  );
  expect(model.forward(x).dataSync()).toEqual(named.forward(x).dataSync());
});

it('says what is not a base, and keeps nothing of it', async () => {
  const file = await saveModel(smallCnn({ classes: 2, channels: [2] }));
  const before = memory(backend).tensors;
  await expect(loadBaseFrom(file)).rejects.toThrow(
    'does not say how pictures become its input, so it cannot be a base',
  );
  await expect(loadBaseFrom(bytes.slice(0, 1000))).rejects.toThrow(FormatError);
  expect(memory(backend).tensors).toBe(before);
});
