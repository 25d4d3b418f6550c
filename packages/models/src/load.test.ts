import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  imageNetPreprocess,
  manualSeed,
  setDefaultBackend,
  stagesOf,
  transfer,
  type Module,
} from '@graftjs/core';
import { exportOnnx, FormatError } from '@graftjs/formats';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TfGraph } from '../../formats/test/tf-graph.ts';
import { hashedPicture } from '../test/hashed.ts';
import { loadBaseFrom } from './base.ts';
import { buildModel } from './build-model.ts';
import { loadModel, saveOnnx } from './load.ts';
import { notesOf } from './loaded-model.ts';
import { encodeModel, saveModel, type ModelInfo } from './model-file.ts';
import { smallCnn } from './networks/small-cnn.ts';
import { loadBase, loadModelFile } from './node/index.ts';
import { saveWeights } from './weights-file.ts';

let folder: string;
beforeAll(async () => {
  setDefaultBackend(await createCpuBackend());
  folder = await mkdtemp(join(tmpdir(), 'graft-load-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const preprocess = imageNetPreprocess({ size: 16, fit: 'pad' });
const info: ModelInfo = {
  name: 'pets',
  classes: ['cat', 'dög', '3'],
  preprocess,
  licence: 'CC0',
  source: 'here',
};
function classifier(): Module {
  manualSeed(4);
  return smallCnn({ classes: 3, channels: [4, 6] }).eval();
}
const x = (): ReturnType<typeof hashedPicture> => hashedPicture(3, [2, 3, 16, 16]);

/** A graph-model of TensorFlow.js: the mean of each colour, times a matrix. */
function tfjs(): { readonly json: Uint8Array; readonly shard: Uint8Array } {
  const g = new TfGraph();
  const shape = { shape: { dim: [-1, 8, 8, 3].map((size) => ({ size: String(size) })) } };
  Object.assign(g.nodes[0]!, { attr: { shape } });
  const axes = g.ints('axes', 1, 2);
  const w = g.constant('w', { shape: [3, 2], data: [1, 0, 0, 1, 0, 0] });
  g.node('logits', 'MatMul', [g.node('mean', 'Mean', ['x', axes]), w]);
  const manifest = [{ paths: ['some/where/shard.bin'], weights: g.weights }];
  return {
    json: new TextEncoder().encode(JSON.stringify({ ...g.model, weightsManifest: manifest })),
    shard: Uint8Array.from(g.shards.flatMap((bytes) => [...bytes])),
  };
}

describe('loadModel', () => {
  it('reads an ONNX file of Graft with its classes, preprocessing and the rest', async () => {
    const model = classifier();
    const loaded = await loadModel(await saveOnnx(model, info));
    expect(loaded).toMatchObject({ format: 'onnx', info, inputRange: null, trunk: null, notPictures: null });
    expect(loaded.info).toEqual(info);
    expect(notesOf(loaded)).toEqual([]);
    expect(loaded.model.forward(x()).dataSync()).toEqual(model.forward(x()).dataSync());
    // With the preprocessing in the graph, bytes are its input.
    const pictures = await loadModel(await saveOnnx(model, info, { withPreprocessing: true }));
    expect(pictures.info.preprocess).toEqual({
      ...{ size: 16, fit: 'pad', layout: 'channels-last' },
      ...{ mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
    });
  });

  it('takes what an ONNX file of others does not say as usual, says so, and keeps that', async () => {
    const bytes = await exportOnnx(classifier(), { input: [3, 16, 16] });
    const loaded = await loadModel(bytes);
    expect(loaded.info).toEqual({ preprocess: imageNetPreprocess({ size: 16 }), preprocessAssumed: true });
    const note = 'does not say how pictures become its input; taken as usual for ImageNet, at 16 × 16 pixels';
    expect(notesOf(loaded)).toEqual([note]);
    const again = await loadModel(await saveModel(loaded.model, loaded.info));
    expect(notesOf(again)).toEqual([note]);
    expect(notesOf(await loadModel(await saveOnnx(loaded.model, loaded.info)))).toEqual([note]);
    expect((await loadModel(bytes, { size: 32 })).info.preprocess!.size).toBe(32);
    expect((await loadModel(await saveModel(classifier(), info), { size: 32 })).info.preprocess!.size).toBe(
      32,
    );
  });

  it('reads a graph-model of TensorFlow.js, whose shards the caller fetches', async () => {
    const { json, shard } = tfjs();
    const asked: string[] = [];
    const loaded = await loadModel(json, {
      readExternal: (name) => (asked.push(name), Promise.resolve(shard)),
    });
    expect(asked).toEqual(['shard.bin']);
    expect(loaded).toMatchObject({
      format: 'tfjs',
      info: { preprocess: { layout: 'channels-last', size: 8 } },
    });
    const y = loaded.model.forward(hashedPicture(1, [2, 8, 8, 3]));
    expect(y.shape).toEqual([2, 2]);
    await expect(loadModel(json)).rejects.toThrow(
      "its weights are in 'some/where/shard.bin' beside it: give loadModel a readExternal that reads it",
    );
    await writeFile(join(folder, 'model.json'), json);
    await writeFile(join(folder, 'shard.bin'), shard);
    const file = await loadModelFile(join(folder, 'model.json'));
    expect(file.model.forward(hashedPicture(1, [2, 8, 8, 3])).dataSync()).toEqual(y.dataSync());
  });

  it('reads a file that names a network, and says of weights alone whose they are', async () => {
    const model = buildModel({ kind: 'small_cnn', options: { classes: 2, channels: [2] } }, { fresh: true });
    const state = [...model.stateDict()].filter(([, t]) => t.dtype === 'float32');
    const tensors = new Map(
      state.map(([name, t]) => [name, { shape: t.shape, data: t.dataSync() as Float32Array }]),
    );
    const named = encodeModel({ kind: 'small_cnn', options: { classes: 2, channels: [2] } }, tensors);
    const loaded = await loadModel(named);
    expect(loaded.model.forward(x()).dataSync()).toEqual(model.eval().forward(x()).dataSync());
    await expect(loadModel(encodeModel({ kind: 'small_cnm', options: {} }, tensors))).rejects.toThrow(
      /small_cnn/,
    );
    const bare = buildModel({ kind: 'resnet18', options: {} });
    await expect(loadModel(await saveWeights(bare, { float16: true }))).rejects.toThrow(
      "they fit resnet18: loadBase('resnet18', { weights: FILE })",
    );
  });

  it('says what a file is that is no model', async () => {
    await expect(loadModel(new TextEncoder().encode('a letter'))).rejects.toThrow(
      /^this is a text file, not a model that Graft reads \(\.safetensors, \.onnx, or a graph-model/,
    );
    await expect(loadModel(new TextEncoder().encode('{"format":"graph-model"'))).rejects.toThrow(
      'its JSON is damaged',
    );
    await expect(loadModel(Uint8Array.of(8, 1, 2), { name: 'cut.onnx' })).rejects.toBeInstanceOf(FormatError);
    await expect(loadModel(await saveModel(classifier()), { output: 'y' })).rejects.toThrow('has one output');
  });
});

describe('a base', () => {
  it('can be any model that is read', async () => {
    const path = join(folder, 'base.onnx');
    await writeFile(path, await exportOnnx(classifier(), { input: [3, 16, 16] }));
    const notes: string[] = [];
    const base = await loadBase(path, { onNote: (note) => notes.push(note) });
    expect(notes).toEqual([expect.stringMatching(/base\.onnx does not say how pictures become its input/)]);
    const head = transfer(base, { classes: 2 });
    expect(stagesOf(head).at(-1)!.name).toBe('head.classifier');
    const two = await loadBaseFrom(await saveOnnx(classifier(), info));
    expect(two).toMatchObject({ name: 'pets', licence: 'CC0', preprocess });
  });
});
