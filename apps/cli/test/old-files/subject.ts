import {
  adam,
  ArraySource,
  fit,
  manualSeed,
  tensor,
  transfer,
  type FitOptions,
  type History,
  type Module,
  type Preprocess,
  type Sequential,
} from '@graftjs/core';
import { smallCnn, type ModelInfo } from '@graftjs/models';
import { createPicture, type Picture } from '@graftjs/vision';

/** What the files of `write.ts` hold. */

/** A number in [−1, 1) for each place, the same on every machine: a multiplicative hash. */
export function hashed(n: number, seed = 0): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => {
    let h = Math.imul(i + seed * 7919 + 1, 2654435761) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 2246822519) >>> 0;
    h ^= h >>> 13;
    return (h >>> 0) / 2 ** 31 - 1;
  });
}
const sizeOf = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);

/** What a module gives for hashed numbers, or for bytes. */
export async function outputOf(model: Module, shape: readonly number[], bytes = false): Promise<string> {
  const x = hashed(sizeOf(shape)).map((v) => (bytes ? Math.floor((v + 1) * 128) : v));
  const { buffer, byteOffset, byteLength } = await model.eval().forward(tensor(x, shape)).data();
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** Weights and statistics that are no defaults. */
export function fill<M extends Module>(model: M): M {
  const state = [...model.stateDict()].filter(([, t]) => t.dtype === 'float32');
  const values = state.map(([name, { shape, size }], i) => {
    const middle = name.endsWith('running_var') ? 1 : 0;
    return [name, { shape, data: hashed(size, i + 1).map((v) => middle + v / 2) }] as const;
  });
  model.loadStateDict(new Map(values), { strict: false });
  return model;
}

export const preprocess: Preprocess = {
  size: 8,
  fit: 'crop',
  mean: [0.5, 0.25, 0.125],
  std: [0.25, 0.5, 0.5],
  layout: 'channels-first',
};
export const classes: string[] = ['cat', 'dög', '__proto__'];
export const info: ModelInfo = {
  name: 'small',
  classes,
  preprocess,
  seed: 7,
  training: { epochs: 3 },
  licence: 'CC0',
};
export const INPUT: number[] = [2, 3, 8, 8];

/** A base that is cut, with a new head, some of it unlocked. */
export function classifier(): Sequential {
  manualSeed(5);
  const base = fill(smallCnn({ classes: 2, channels: [3, 4, 5] }));
  return transfer(base, { classes, cut: 'features.3', sampleShape: [3, 8, 8] }).unlock('features.2');
}

/** The run that a checkpoint is of: 12 samples, 6 epochs, Adam on the head and a block of the base. */
export function training(model: Module, options: Partial<FitOptions> = {}): Promise<History> {
  const labels = Array.from({ length: 12 }, (_, i) => i % 3);
  const train = new ArraySource(hashed(12 * 192), labels, [3, 8, 8], classes, 'hashed');
  return fit(
    model,
    { train },
    { epochs: 6, batchSize: 4, seed: 3, optimizer: adam({ lr: 0.01 }), ...options },
  );
}

export const features: Float32Array = Float32Array.of(1.5, -0, Infinity, 1e-42);
export const picture: Picture = createPicture(
  3,
  2,
  Uint8Array.from({ length: 18 }, (_, i) => i * 14),
);
