import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  BatchNorm1d,
  Linear,
  Module,
  Sequential,
  setDefaultBackend,
  tensor,
  type Tensor,
} from '@graftjs/core';
import { FormatError } from '@graftjs/formats';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadModelFile, loadWeightsFile, saveModelFile, saveWeightsFile } from './files.ts';

let folder: string;
beforeAll(async () => setDefaultBackend(await createCpuBackend()));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-files-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const model = (): Sequential => new Sequential({ classifier: new Linear(3, 2) });

/** A class of one's own, which no file can describe. */
class Net extends Module {
  readonly first: Linear;
  readonly norm: BatchNorm1d = new BatchNorm1d(4);
  readonly blocks: Linear[] = [new Linear(4, 4), new Linear(4, 2)];
  constructor(inputs = 3) {
    super();
    this.first = new Linear(inputs, 4);
  }
  forward(x: Tensor): Tensor {
    return this.blocks.reduce((y, block) => block.forward(y), this.norm.forward(this.first.forward(x)));
  }
}

describe('weights of a class of your own', () => {
  const x = (): Tensor => tensor([1, 2, 3, 4, 5, 7], [2, 3]);
  it('are saved in one call and loaded in one, statistics included', async () => {
    const path = join(folder, 'net.safetensors');
    const net = new Net();
    net.train().forward(x()); // moves the statistics
    await saveWeightsFile(path, net);
    const again = await loadWeightsFile(path, new Net());
    expect(again.eval().forward(x()).dataSync()).toEqual(net.eval().forward(x()).dataSync());
    expect(again.norm.stateDict().get('num_batches_tracked')!.dtype).toBe('int32');
    await saveWeightsFile(join(folder, 'twice.safetensors'), again);
    expect(await readFile(join(folder, 'twice.safetensors'))).toEqual(await readFile(path));
  });

  it('fit by name and shape, or nothing changes', async () => {
    const path = join(folder, 'net.safetensors');
    await saveWeightsFile(path, new Net());
    const other = new Net(5);
    const before = other.norm.stateDict().get('running_mean')!.dataSync();
    await expect(loadWeightsFile(path, other)).rejects.toThrow(
      `${path}: the state does not fit this model; wrong shape: first.weight (given [4, 3], wanted [4, 5])`,
    );
    await expect(loadWeightsFile(path, model())).rejects.toThrow(
      /missing: classifier.weight.*unexpected: 11, from blocks.0.bias/,
    );
    expect(other.norm.stateDict().get('running_mean')!.dataSync()).toEqual(before);
    await expect(
      loadWeightsFile(path, new Sequential({ first: new Linear(3, 4) }), { strict: false }),
    ).resolves.toBeDefined();
    await expect(saveModelFile(path, new Net())).rejects.toThrow(/this is a Net.*saveWeightsFile\(\)/);
    await expect(loadModelFile(path)).rejects.toThrow(/loadWeights\(bytes, network\)/);
  });
});

describe('model files', () => {
  it('come back', async () => {
    const path = join(folder, 'new', 'folder', 'm.safetensors');
    const made = model();
    await saveModelFile(path, made, { classes: ['a', 'b'] });
    const { model: again, info } = await loadModelFile(path);
    expect(info.classes).toEqual(['a', 'b']);
    expect([...again.stateDict().get('classifier.weight')!.dataSync()]).toEqual([
      ...made.stateDict().get('classifier.weight')!.dataSync(),
    ]);
    expect(await readdir(join(folder, 'new', 'folder'))).toEqual(['m.safetensors']);
  });
  it('that are wrong are named, with what is wrong', async () => {
    const path = join(folder, 'm.safetensors');
    await expect(loadModelFile(path)).rejects.toThrow(`${path} does not exist`);
    await expect(loadModelFile(folder)).rejects.toThrow(/is a folder, not a file/);
    await writeFile(path, 'hello, world');
    await expect(loadModelFile(path)).rejects.toThrow(
      /m\.safetensors: this is a text file, not a model that Graft reads/,
    );
    await expect(loadModelFile(path)).rejects.toBeInstanceOf(FormatError);
    await saveModelFile(path, model());
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 1));
    await expect(loadModelFile(path)).rejects.toThrow(/truncated/);
    await writeFile(path, Buffer.concat([Buffer.from([1, 1, 1, 1, 1, 1, 1, 1]), bytes.subarray(8)]));
    await expect(loadModelFile(path)).rejects.toThrow(/the limit is 100 MB/);
  });
});
