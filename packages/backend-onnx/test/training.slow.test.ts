import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createWasmBackend } from '@graftjs/backend-wasm';
import {
  digestOf,
  expectSameModel,
  FASHION_MNIST,
  noisyDistance,
  picturesFrom,
  roundingBound,
  sameModel,
  trainSmallCnn,
  WRITE_SAME_MODEL,
  type Pictures,
  type Trained,
} from '@graftjs/conformance';
import { beforeAll, describe, expect, test } from 'vitest';
import { createOnnxBackend } from '../src/index.ts';

const missing = !existsSync(FASHION_MNIST) && !process.env['CI'];

describe.skipIf(missing)('one seed (needs dataset-fashion-mnist)', () => {
  let data: Pictures;
  let cpu: Trained;
  const bound = roundingBound(sameModel);
  beforeAll(async () => {
    data = await picturesFrom((file) => readFile(`${FASHION_MNIST}/${file}`));
    cpu = await trainSmallCnn(await createWasmBackend(), data); // the bits of cpu, sooner
    expect(await digestOf(cpu), WRITE_SAME_MODEL).toBe(sameModel.reference);
  }, 300_000);

  test('a run with rounding noise has the losses that are written down', async () => {
    const { loss } = await noisyDistance(await createWasmBackend(), 0, cpu, data);
    // The probabilities are those of an evaluation: in how many pieces it runs, and so which noise each gets, depends on room.
    expect(loss, WRITE_SAME_MODEL).toBe(sameModel.noise[0]!.loss);
  });

  const settings: Record<string, () => Promise<Trained>> = {
    'onnxruntime-web, op by op': async () => trainSmallCnn(await createOnnxBackend(), data, false),
    'onnxruntime-web, compiled': async () => trainSmallCnn(await createOnnxBackend(), data),
    'onnxruntime-node, op by op': async () =>
      trainSmallCnn(await createOnnxBackend({ ort: await import('onnxruntime-node') }), data, false),
    'onnxruntime-node, compiled': async () =>
      trainSmallCnn(await createOnnxBackend({ ort: await import('onnxruntime-node') }), data),
  };
  for (const [name, run] of Object.entries(settings)) {
    test(`trained on ${name}: the loss curve of cpu within its rounding noise, and its predictions`, async () => {
      console.log(`${name}: ${expectSameModel(await run(), cpu, bound)}`);
    });
  }
});
