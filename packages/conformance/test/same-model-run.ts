/*
 * Writes fixtures/same-model.json: trains the network of src/same-model.ts on cpu, and four times with rounding noise.
 * Needs dataset-fashion-mnist.
 */
import { readFile, writeFile } from 'node:fs/promises';
import {
  digestOf,
  FASHION_MNIST,
  noisyDistance,
  picturesFrom,
  trainSmallCnn,
  type Distance,
  type SameModelFile,
} from '../src/index.ts';
import { allTargets } from './support/targets.ts';
import { target as cpu } from './target.ts';

const wasm = (await allTargets()).find(({ name }) => name === 'wasm')!; // the bits of cpu, sooner
const data = await picturesFrom((file) => readFile(`${FASHION_MNIST}/${file}`));
const reference = await trainSmallCnn(await cpu.create(), data);
const noise: Distance[] = [];
for (let seed = 0; seed < 4; seed++)
  noise.push(await noisyDistance(await wasm.create(), seed, reference, data));
const file: SameModelFile = { reference: await digestOf(reference), noise };
await writeFile(
  new URL('../fixtures/same-model.json', import.meta.url),
  `${JSON.stringify(file, null, 2)}\n`,
);
process.exit(); // targets may have threads
