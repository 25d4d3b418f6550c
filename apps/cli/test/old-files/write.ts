/**
 * Writes files of every kind that Graft keeps, as the version at hand writes them, and what is to come out of them: bits of
 * output on the backend 'cpu'. A later version must open them (`src/old-files.test.ts`).
 *
 *   node --conditions=@graftjs/source --import tsx test/old-files/write.ts FOLDER
 *
 * Whoever changes a format runs it at the commit before and at the one after, each into a folder that is named after the
 * commit, and commits what is new. `ddcad87` was written so by that commit's own code (its stores of checkpoints take an
 * option more, `urgent`). Folders that are there are never written again.
 */
import { createCpuBackend } from '@graftjs/backend-cpu';
import { Sequential, setDefaultBackend, type Module } from '@graftjs/core';
import { exportOnnx, importOnnx, writeSafetensors } from '@graftjs/formats';
import { loadModel, saveModel } from '@graftjs/models';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { examples } from '../../../../packages/models/test/examples.ts';
import { PictureCache } from '../../../../packages/vision/src/node/picture-cache.ts';
import { CheckpointFile } from '../../src/checkpoint-file.ts';
import { FolderFeatureStore } from '../../src/feature-store.ts';
import {
  classes,
  classifier,
  features,
  fill,
  info,
  INPUT,
  outputOf,
  picture,
  preprocess,
  training,
} from './subject.ts';

const folder = process.argv[2]!;
await mkdir(folder, { recursive: true });
setDefaultBackend(await createCpuBackend());
const put = (name: string, bytes: Uint8Array): Promise<void> => writeFile(join(folder, name), bytes);

const layers = fill(new Sequential(Object.fromEntries(examples.map(([name, make]) => [name, make()]))));
await put('layers.safetensors', await saveModel(layers));
const kinds: Record<string, string> = {};
for (const [name, , input] of examples)
  kinds[name] = await outputOf([...layers.members()].find(([n]) => n === name)![1] as Module, input);

const model = fill(classifier());
const output = await outputOf(model, INPUT);
await put('classifier.safetensors', await saveModel(model, info));
const half = await saveModel(model, info, { float16: true });
await put('half.safetensors', half);
const ofHalf = await outputOf((await loadModel(half)).model, INPUT);
const state = [...model.stateDict()].filter(([, t]) => t.dtype === 'float32');
const weights = state.map(
  ([name, t]) => [name, { shape: t.shape, data: t.dataSync() as Float32Array }] as const,
);
await put('weights.safetensors', writeSafetensors(new Map(weights), { format: 'pt' }));

const options = { input: [3, 8, 8], classes, preprocess };
const onnx = await exportOnnx(model, options);
await put('classifier.onnx', onnx);
const imported = (await importOnnx(onnx)).model;
await put('graph.safetensors', await saveModel(imported, info));
const pictures = await exportOnnx(model, { ...options, withPreprocessing: true });
await put('pictures.onnx', pictures);
const ofPictures = await outputOf((await importOnnx(pictures)).model, [2, 8, 8, 3], true);

// A run that is stopped in its third epoch, and the same one to its end.
const store = { settings: { '--seed': 3 }, seconds: 0, urgent: (): boolean => true };
const stopped = new AbortController();
const onEpoch = ({ epoch }: { readonly epoch: number }): void => {
  if (epoch === 2) stopped.abort();
};
const checkpoint = new CheckpointFile(join(folder, 'checkpoint.safetensors'), store);
await training(classifier(), { checkpoint, signal: stopped.signal, onEpoch });
const whole = classifier();
await training(whole);

await new FolderFeatureStore(folder).write('block', features);
await new PictureCache(0, folder).put('picture', picture);
const ofGraph = await outputOf(imported, INPUT);
const expected = { kinds, output, ofHalf, ofGraph, ofPictures, trained: await outputOf(whole, INPUT) };
await put('expected.json', Buffer.from(`${JSON.stringify(expected, null, 1)}\n`));
setDefaultBackend(null);
