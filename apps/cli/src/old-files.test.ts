import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, type Module } from '@graftjs/core';
import { importOnnx } from '@graftjs/formats';
import { loadModel, loadWeights } from '@graftjs/models';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { examples } from '../../../packages/models/test/examples.ts';
import { PictureCache } from '../../../packages/vision/src/node/picture-cache.ts';
import { classifier, features, info, INPUT, outputOf, picture, training } from '../test/old-files/subject.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { FolderFeatureStore } from './feature-store.ts';

/**
 * Files of every format that a Graft of before wrote open in this one, with the same bits of output. A folder has the files
 * that the commit in its name wrote, by `test/old-files/write.ts`, where it says how to add one. A change of a format adds
 * the folders of the commits before and after it; none is ever taken away or written anew.
 */
const root = fileURLToPath(new URL('../test/old-files/', import.meta.url));
const folders = (await readdir(root, { withFileTypes: true }))
  .filter((f) => f.isDirectory())
  .map((f) => f.name);

/** Checkpoints that a run cannot go on from any more, as the way in which it trains has changed: what is said of them. */
const REFUSED: Readonly<Record<string, string>> = {
  ddcad87:
    'it is written in another format ("graft-checkpoint/1", not graft-checkpoint/2), by an earlier version of Graft',
};

interface Expected {
  readonly kinds: Readonly<Record<string, string>>;
  readonly output: string;
  readonly ofHalf: string;
  readonly ofGraph: string;
  readonly ofPictures: string;
  readonly trained: string;
}

let temporary: string;
beforeAll(async () => setDefaultBackend(await createCpuBackend()));
afterAll(() => setDefaultBackend(null));
beforeEach(async () => void (temporary = await mkdtemp(join(tmpdir(), 'graft-old-'))));
afterEach(() => rm(temporary, { recursive: true, force: true }));

describe.each(folders)('files that %s wrote', (commit) => {
  const read = (name: string): Promise<Buffer> => readFile(join(root, commit, name));
  let expected: Expected;
  beforeAll(async () => {
    expected = JSON.parse(await read('expected.json').then(String)) as Expected;
  });

  it('layers of every kind', async () => {
    const { model } = await loadModel(await read('layers.safetensors'));
    const layers = new Map([...model.members()] as [string, Module][]);
    const found: Record<string, string> = {};
    for (const [name, , shape] of examples)
      if (layers.has(name)) found[name] = await outputOf(layers.get(name)!, shape);
    expect(found).toEqual(expected.kinds);
    expect([...layers.keys()].sort()).toEqual(Object.keys(expected.kinds).sort());
  });

  it.each([
    ['classifier.safetensors', 'output'],
    ['half.safetensors', 'ofHalf'],
    ['graph.safetensors', 'ofGraph'],
  ] as const)('%s, with its classes and preprocessing', async (name, output) => {
    const { model, info: saved } = await loadModel(await read(name));
    expect(saved).toEqual(info);
    expect(await outputOf(model, INPUT)).toBe(expected[output]);
    expect(model.trainable().length).toBe(name.startsWith('graph') ? model.parameters().length : 5);
  });

  it('weights alone', async () => {
    const model = loadWeights(await read('weights.safetensors'), classifier(), { strict: false });
    expect(await outputOf(model, INPUT)).toBe(expected.output);
  });

  it('ONNX, that takes numbers and that takes pictures', async () => {
    const { model, metadata } = await importOnnx(await read('classifier.onnx'));
    expect(await outputOf(model, INPUT)).toBe(expected.ofGraph);
    expect(JSON.parse(metadata.get('graft.classes')!)).toEqual(info.classes);
    expect(JSON.parse(metadata.get('graft.preprocess')!)).toEqual(info.preprocess);
    const pictures = await importOnnx(await read('pictures.onnx'));
    expect(await outputOf(pictures.model, [2, 8, 8, 3], true)).toBe(expected.ofPictures);
  });

  it('a checkpoint', async () => {
    const path = join(temporary, 'checkpoint.safetensors');
    await copyFile(join(root, commit, 'checkpoint.safetensors'), path);
    const checkpoint = new CheckpointFile(path, { settings: { '--seed': 3 }, seconds: 0 });
    const model = classifier();
    const refused = REFUSED[commit];
    if (refused !== undefined) {
      await expect(training(model, { checkpoint, resume: true })).rejects.toThrow(
        `the checkpoint ${path} cannot be used: ${refused}. Start afresh with --force instead of --resume`,
      );
      return;
    }
    const { epochs } = await training(model, { checkpoint, resume: true });
    expect(epochs).toHaveLength(6);
    expect(await outputOf(model, INPUT)).toBe(expected.trained);
  });

  it('features and pictures that were kept', async () => {
    const kept = await new FolderFeatureStore(join(root, commit)).read('block');
    expect(new Uint8Array(kept!.buffer)).toEqual(new Uint8Array(features.buffer));
    expect(await new PictureCache(0, join(root, commit)).get('picture')).toEqual(picture);
  });
});
