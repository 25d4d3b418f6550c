import {
  adam,
  Conv2d,
  evaluate,
  fit,
  Flatten,
  Linear,
  manualSeed,
  MaxPool2d,
  ReLU,
  Sequential,
  setDefaultBackend,
  type Backend,
  type DataSource,
} from '@graftjs/core';
import { expect } from 'vitest';
import file from '../fixtures/same-model.json' with { type: 'json' };
import { fashionMnist } from './fashion-mnist.ts';
import { withRoundingNoise } from './rounding-noise.ts';
import type { Distance, SameModelFile } from './same-model-file.ts';

/*
 * The same model on every backend: a small convolutional network is trained on one seed, and its loss curve and predictions
 * are compared with those of `cpu`, within what rounding alone may do.
 */

const BATCH = 8;
const STEPS = 50;
const PICTURES = 500;

export interface Pictures {
  readonly train: DataSource;
  readonly test: DataSource;
}

/** Fashion-MNIST for `trainSmallCnn`; `read` gives the bytes of one of its files. */
export async function picturesFrom(read: (file: string) => Promise<Uint8Array>): Promise<Pictures> {
  return {
    train: await fashionMnist(read, 'train', BATCH * STEPS),
    test: await fashionMnist(read, 't10k', PICTURES),
  };
}

export interface Trained {
  /** Of each step. */
  readonly losses: readonly number[];
  /** Of each test picture. */
  readonly predictions: readonly number[];
  /** `[500, 10]`. */
  readonly probabilities: readonly number[];
}

/** 32C3-64C3-pool-128-10, trained for 50 steps on 400 pictures with one seed and tried on 500 others; disposes of the backend. */
export async function trainSmallCnn(backend: Backend, data: Pictures, compile = true): Promise<Trained> {
  setDefaultBackend(backend);
  manualSeed(7);
  const model = new Sequential([
    new Conv2d(1, 32, 3),
    new ReLU(),
    new Conv2d(32, 64, 3),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(12 * 12 * 64, 128),
    new ReLU(),
    new Linear(128, 10),
  ]);
  const losses: number[] = [];
  await fit(
    model,
    { train: data.train },
    {
      epochs: 1,
      batchSize: BATCH,
      optimizer: adam({ lr: 1e-3 }),
      seed: 1,
      compile,
      onStep: (_, loss) => losses.push(loss),
    },
  );
  const { predictions, probabilities } = await evaluate(model, data.test, { batchSize: 100, compile });
  await backend.dispose();
  expect([losses.length, predictions.length]).toEqual([STEPS, PICTURES]);
  return { losses, predictions: [...predictions], probabilities: [...probabilities] };
}

const largest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);

const distance = (a: Trained, b: Trained): Distance => ({
  loss: largest(a.losses, b.losses),
  probability: largest(a.probabilities, b.probabilities),
});

/** SHA-256 of a run: of its every bit. */
export async function digestOf({ losses, predictions, probabilities }: Trained): Promise<string> {
  const numbers = Float64Array.from([...losses, ...predictions, ...probabilities]);
  const hash = await crypto.subtle.digest('SHA-256', numbers);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A run with rounding noise: how far from the reference it ends. `backend` is synchronous, with the reference's bits. */
export async function noisyDistance(
  backend: Backend,
  seed: number,
  reference: Trained,
  data: Pictures,
): Promise<Distance> {
  return distance(await trainSmallCnn(withRoundingNoise(backend, seed), data), reference);
}

export const sameModel: SameModelFile = file;

/** Says what to do when a run no longer gives what is written down. */
export const WRITE_SAME_MODEL =
  'the contract has other bits than when fixtures/same-model.json was written: pnpm --filter @graftjs/conformance same-model';

/**
 * How far rounding alone may carry the training away from the reference: four runs with rounding noise see about 1.7
 * standard deviations at most; we allow four times that.
 */
export function roundingBound({ noise }: SameModelFile): Distance {
  const bound = {
    loss: 4 * Math.max(...noise.map((d) => d.loss)),
    probability: 4 * Math.max(...noise.map((d) => d.probability)),
  };
  expect(bound.loss).toBeLessThan(0.05); // it does tell something
  return bound;
}

/** Difference of the two largest of ten probabilities. */
function margin(row: readonly number[]): number {
  const [first, second] = row.toSorted((a, b) => b - a);
  return first - second;
}

/** The loss curve of the reference within the bound, and its predictions. Gives a sentence with how far off they are. */
export function expectSameModel(result: Trained, reference: Trained, bound: Distance): string {
  const off = distance(result, reference);
  expect(off.loss).toBeLessThanOrEqual(bound.loss);
  expect(off.probability).toBeLessThanOrEqual(bound.probability);
  // What is closer than the bound may be decided by rounding.
  const decided = reference.predictions.flatMap((_, i) =>
    margin(reference.probabilities.slice(10 * i, 10 * i + 10)) > 2 * bound.probability ? [i] : [],
  );
  expect(decided.length).toBeGreaterThan(0.9 * PICTURES);
  expect(decided.map((i) => result.predictions[i])).toEqual(decided.map((i) => reference.predictions[i]));
  const others = result.predictions.filter((p, i) => p !== reference.predictions[i]).length;
  const share = (of: keyof Distance): string =>
    `${off[of].toExponential(1)} (${(off[of] / bound[of]).toFixed(2)})`;
  return `off (share of the bound) in loss ${share('loss')}, in probability ${share('probability')}; ${others} other predictions`;
}
