import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createCpuBackend } from '@graftjs/backend-cpu';
import { createWasmBackend } from '@graftjs/backend-wasm';
import {
  expectSameModel,
  FASHION_MNIST,
  picturesFrom,
  roundingBound,
  trainSmallCnn,
  type Distance,
  type Pictures,
  type Trained,
} from '@graftjs/conformance';
import { beforeAll, describe, test } from 'vitest';
import { createOnnxBackend } from '../src/index.ts';

const missing = !existsSync(FASHION_MNIST) && !process.env['CI'];

describe.skipIf(missing)('one seed (needs dataset-fashion-mnist)', () => {
  let data: Pictures;
  let cpu: Trained;
  let bound: Distance;
  beforeAll(async () => {
    data = await picturesFrom((file) => readFile(`${FASHION_MNIST}/${file}`));
    cpu = await trainSmallCnn(await createCpuBackend(), data);
    bound = await roundingBound(cpu, data, () => createWasmBackend()); // the bits of cpu, sooner
    console.log(`rounding noise allows ${JSON.stringify(bound)}`);
  }, 300_000);

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
