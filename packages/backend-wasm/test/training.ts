import { adam, ArraySource, fit, Random, sgd, withRandom, type Backend, type Module } from '@graftjs/core';
import { createCpuBackend } from '@graftjs/backend-cpu';
import { mobilenetV2, saveModel, smallCnn } from '@graftjs/models';
import { createBackend } from '../src/backend.ts';
import { readFile } from '../src/host.ts';

const KERNELS = new URL('../src/kernels.wasm', import.meta.url);
const SAMPLES = 13;
const SIZE = 33;
const CLASSES = ['a', 'b', 'c'];

/** Every task that has parts is shared out, however small, or other threads would have nothing to do here. */
async function open(setting: string): Promise<{ backend: Backend; notes: readonly string[] }> {
  if (setting === 'cpu') return { backend: await createCpuBackend(), notes: [] };
  const options = { threads: Number.parseInt(setting), revectorize: setting.endsWith('r') };
  const backend = await createBackend(options, () => readFile(KERNELS), { worth: 1e-9 });
  if (backend.threads !== options.threads) throw new Error(`${backend.threads} threads: ${setting}`);
  return { backend, notes: backend.notes };
}

async function train(
  model: Module,
  sampleShape: number[],
  optimizer: ReturnType<typeof adam>,
): Promise<string> {
  const values = new Random(5).normalArray(SAMPLES * SIZE * SIZE * 3);
  const labels = Int32Array.from({ length: SAMPLES }, (_, i) => i % CLASSES.length);
  const data = { train: new ArraySource(values, labels, sampleShape, CLASSES) };
  await fit(model, data, { epochs: 2, batchSize: 5, optimizer, seed: 3, mixup: 0.2, labelSmoothing: 0.1 });
  optimizer.dispose();
  const hash = await crypto.subtle.digest('SHA-256', await saveModel(model));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The SHA-256 of the trained models' files, and the backend's notes, for each setting. */
export type Results = Record<string, { sha: string[]; notes: readonly string[] }>;

/**
 * Trains two small models on each of the backends that are named, with the same seed, in Node or in a page. A setting is
 * `cpu`, or a number of threads, or that with `r` behind it: revectorized.
 */
export async function trainOn(settings: readonly string[]): Promise<Results> {
  const results: Results = {};
  for (const setting of settings) {
    const { backend, notes } = await open(setting);
    const [first, last] = withRandom(new Random(1), () => [
      mobilenetV2({ classes: 3, width: 0.35 }, { backend }),
      smallCnn({ classes: 3, channels: [9, 20], layout: 'channels-last' }, { backend }),
    ]);
    const sha = [
      await train(first!, [3, SIZE, SIZE], adam({ lr: 1e-2 })),
      await train(last!, [SIZE, SIZE, 3], sgd({ lr: 1e-2, momentum: 0.9, weightDecay: 1e-3 })),
    ];
    results[setting] = { sha, notes };
    await backend.dispose();
  }
  return results;
}
