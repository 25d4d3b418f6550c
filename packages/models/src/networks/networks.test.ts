import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  setDefaultBackend,
  stagesOf,
  sum,
  transfer,
  transpose,
  valueAndGrad,
  zerosInit,
  type Module,
} from '@graftjs/core';
import { stageRange } from '@graftjs/core/extend';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { fillHashed, hashedPicture } from '../../test/hashed.ts';
import { buildModel } from '../build-model.ts';
import { loadModel, saveOnnx } from '../load.ts';
import { saveModel } from '../model-file.ts';
import { networks } from '../networks.ts';
import { loadBase } from '../node/index.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { resnet18 } from './resnet.ts';
import { smallCnn } from './small-cnn.ts';

const zeros = { init: zerosInit, biasInit: zerosInit };

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

interface Fixture {
  readonly size: number;
  readonly state: [string, number[]][];
  readonly output: number[];
}
/** Written by test/make-fixtures.py with PyTorch in float64. */
const fixtures = JSON.parse(
  readFileSync(new URL('../../test/fixtures/torchvision.json', import.meta.url), 'utf8'),
) as {
  models: Record<string, Fixture>;
  addresses: Record<string, string>;
};

describe.each(Object.entries(fixtures.models))('%s, beside torchvision', (key, { size, state, output }) => {
  const [name = '', width] = key.split(' width ');
  const config = { classes: 10, ...(width !== undefined && { width: Number(width) }) };
  // Zeros at first: drawing 20 million random numbers takes longer than all the rest.
  const build = (layout: 'channels-first' | 'channels-last'): Module =>
    buildModel({ kind: name, options: { ...config, layout } });

  it('has the same parameters, of the same shapes', () => {
    const ours = [...build('channels-first').stateDict()].map(([n, t]) => [n, [...t.shape]] as const);
    const sorted = (list: (readonly [string, readonly number[]])[]): unknown =>
      [...list].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    expect(sorted(ours)).toEqual(sorted(state));
  });
  // The larger ResNet is the smaller one with more blocks.
  if (name === 'resnet34') return;
  it('computes the same, in both layouts', () => {
    const names = state.map(([n]) => n);
    const first = build('channels-first').eval();
    fillHashed(first, names);
    for (const layout of ['channels-first', 'channels-last'] as const) {
      const model = build(layout).eval();
      model.loadStateDict(first.stateDict()); // weights do not know the layout
      const x = hashedPicture(1000, [1, 3, size, size]);
      const y = model.forward(layout === 'channels-first' ? x : transpose(x, [0, 2, 3, 1])).dataSync();
      const scale = Math.max(...output.map(Math.abs));
      output.forEach((v, i) =>
        expect(Math.abs(y[i]! - v) / scale, `${layout}, output ${i}`).toBeLessThan(1e-5),
      );
    }
  });
});

/** Small ones: with zeros for weights there is nothing to be seen in a large one that is not in these. */
const small = Object.entries(fixtures.models).filter(([key]) => !key.startsWith('resnet'));

describe.each(small)('%s', (key, { size }) => {
  const [name = '', width] = key.split(' width ');
  const { defaultCut, preprocess: usual } = networks.get(name)!;
  const preprocess = { ...usual, size };
  const build = (): Module => {
    const options = { classes: 3, ...(width !== undefined && { width: Number(width) }) };
    const model = buildModel({ kind: name, options }).eval();
    fillHashed(model, [...model.stateDict().keys()]);
    return model;
  };

  it('goes through a model file and through ONNX', async () => {
    const model = build();
    const x = hashedPicture(1000, [1, 3, size, size]);
    const want = model.forward(x).dataSync();
    const own = await loadModel(await saveModel(model));
    expect(own.model.forward(x).dataSync()).toEqual(want);
    const onnx = await loadModel(await saveOnnx(model, { preprocess }));
    expect(onnx.model.forward(x).dataSync()).toEqual(want);
  });
  it('is cut before its classifier, with and without its record', () => {
    const model = build();
    const withRecord = transfer({ name, model, preprocess, defaultCut: defaultCut! }, { classes: 2 });
    const kept = stageRange(model, { to: defaultCut! }).map((s) => s.name);
    const ofHead = (names: readonly string[]): string[] => names.filter((n) => !n.startsWith('head.'));
    expect(ofHead(stagesOf(withRecord).map((s) => s.name))).toEqual(kept);
    const bare = transfer(model, { classes: 2, sampleShape: [3, size, size] });
    expect(ofHead(stagesOf(bare).map((s) => s.name))).toEqual(kept);
    expect(bare.eval().forward(hashedPicture(1, [2, 3, size, size])).shape).toEqual([2, 2]);
  });
});

describe('as chains', () => {
  it('MobileNetV2 can be cut at any block', () => {
    const names = stagesOf(mobilenetV2({}, zeros)).map((s) => s.name);
    expect(names).toEqual([
      ...Array.from({ length: 19 }, (_, i) => `features.${i}`),
      'pool',
      'classifier.0',
      'classifier.1',
    ]);
  });
  it('so can ResNet', () => {
    const names = stagesOf(resnet18({}, zeros)).map((s) => s.name);
    expect(names).toEqual([
      ...['conv1', 'bn1', 'relu', 'maxpool'],
      ...[1, 2, 3, 4].flatMap((l) => [`layer${l}.0`, `layer${l}.1`]),
      ...['avgpool', 'fc'],
    ]);
  });
});

describe('smallCnn', () => {
  it('trains: every parameter gets a gradient', () => {
    const model = smallCnn({ classes: 3, channels: [4, 8], depth: 2 });
    const x = hashedPicture(1, [2, 3, 16, 16]);
    const { value, grads } = valueAndGrad(
      () => sum(model.forward(x).mul(hashedPicture(2, [2, 3]))),
      model.parameters(),
    );
    expect(value.shape).toEqual([]);
    for (const g of grads)
      expect(g.dataSync().every(Number.isFinite) && g.dataSync().some((v) => v !== 0)).toBe(true);
  });
  it('refuses absurd depths', () => {
    expect(() => smallCnn({ classes: 2, depth: 1e12, channels: [0] })).toThrow(/not 1 to 100 convolutions/);
  });
});

describe('the records of networks', () => {
  it('name what is there', async () => {
    const own = ['coco-mobilenet-v3', 'small_cnn'];
    expect([...networks.keys()].sort()).toEqual([...own, ...Object.keys(fixtures.addresses)].sort());
    for (const { name, build, firstConv, classifier, defaultCut, weights } of networks.values()) {
      const model = build
        ? buildModel({ kind: name, options: { classes: 7 } })
        : (await loadBase(name)).model;
      const state = model.stateDict();
      expect(state.get(`${firstConv}.weight`)?.shape, name).toHaveLength(4);
      if (classifier) expect(state.get(`${classifier}.weight`)?.shape[0], name).toBe(7);
      if (defaultCut) expect(stageRange(model, { to: defaultCut }), name).not.toEqual([]);
      if (weights) expect(weights.sha256, name).toMatch(/^[0-9a-f]{8,64}$/);
    }
  });
  it('have the address of the weights that torchvision gives', () => {
    const published = [...networks.values()]
      .filter((n) => n.takesWeights)
      .map((n) => [n.name, n.weights!.address]);
    expect(Object.fromEntries(published)).toEqual(fixtures.addresses);
  });
  it('have size and checksum of the file in the package', () => {
    const { address, mebibytes, sha256 } = networks.get('coco-mobilenet-v3')!.weights!;
    const bytes = readFileSync(new URL(import.meta.resolve(address)));
    expect([(bytes.length / 2 ** 20).toFixed(3), createHash('sha256').update(bytes).digest('hex')]).toEqual([
      ...[String(mebibytes), sha256],
    ]);
  });
});
