import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  BatchNorm2d,
  GraftError,
  manualSeed,
  memory,
  Module,
  setDefaultBackend,
  transfer,
  type Backend,
  type Preprocess,
  type Sequential,
} from '@graftjs/core';
import {
  FormatError,
  GraphModule,
  readSafetensors,
  writeSafetensors,
  type GraphDef,
  type TensorToWrite,
} from '@graftjs/formats';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashedPicture } from '../test/hashed.ts';
import { decodeModel, readModelInfo, saveModel, type ModelInfo } from './model-file.ts';
import { smallCnn } from './networks/small-cnn.ts';

let cpu: Backend;
beforeAll(async () => setDefaultBackend((cpu = await createCpuBackend())));
beforeEach(() => manualSeed(5));

const preprocess: Preprocess = {
  size: 16,
  fit: 'pad',
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.2, 0.1],
  layout: 'channels-first',
};
const info: ModelInfo = {
  classes: ['cat', 'dög', '__proto__'],
  preprocess,
  seed: 7,
  training: { epochs: 3, loss: [1, 0.5, 0.25] },
};

/** A base, cut, with a new head on it, some of it unlocked: what training leaves behind. */
function transferred(): Sequential {
  const base = smallCnn({ classes: 5, channels: [4, 6, 8] });
  const model = transfer(base, { classes: 3, cut: 'features.3', sampleShape: [3, 16, 16] });
  return model.unlock('features.2');
}
const x = (): ReturnType<typeof hashedPicture> => hashedPicture(9, [2, 3, 16, 16]);

describe('a model file', () => {
  it('brings back model and record, bit for bit', async () => {
    const model = transferred();
    const { model: again, info: back } = decodeModel(await saveModel(model, info));
    expect(back).toEqual(info);
    expect([...again.stateDict().keys()]).toEqual([...model.stateDict().keys()]);
    expect([...again.forward(x()).dataSync()]).toEqual([...model.eval().forward(x()).dataSync()]);
  });
  it('brings back what is locked, grouped and on stored statistics', async () => {
    const model = transferred();
    (model.module('features.0.1') as BatchNorm2d).statistics = 'batch';
    const { model: again } = decodeModel(await saveModel(model));
    const flags = (m: Sequential): unknown => ({
      parameters: [...m.namedParameters()].map(([n, p]) => [n, p.locked, p.group]),
      modules: [...m.namedModules()]
        .slice(1)
        .map(([n, v]) => [n, v.locked, v instanceof Module ? v.statistics : null]),
    });
    expect(flags(again as Sequential)).toEqual(flags(model));
    expect(again.module('features.0.1')).toMatchObject({ locked: true, statistics: 'batch' });
    expect(again.trainable().length).toBe(model.trainable().length);
  });
  it('brings back a graph as importers give it: constants, batch norm that trains, its role', async () => {
    const graph: GraphDef = {
      inputs: ['x'],
      outputs: ['y'],
      nodes: [
        {
          name: 'bn',
          op: 'batchNorm',
          inputs: ['x', 'w', 'b', 'm', 'v'],
          attrs: { momentum: 0.5, epsilon: 1e-3 },
        },
        { name: 'extents', op: 'shape', inputs: ['bn'], attrs: {} },
        {
          name: 'batch',
          op: 'gather',
          inputs: ['extents', { dtype: 'int32', shape: [1], values: [0] }],
          attrs: { axis: 0 },
        },
        {
          name: 'wanted',
          op: 'concat',
          inputs: ['batch', { dtype: 'int32', shape: [1], values: [-1] }],
          attrs: { axis: 0 },
        },
        { name: 'y', op: 'reshape', inputs: ['bn', 'wanted'], attrs: {} },
      ],
      tensors: Object.fromEntries(
        ['w', 'b', 'm', 'v'].map((name, i) => [name, { shape: [3], trainable: i < 2 }]),
      ),
      role: 'head',
    };
    const values = (k: number): { shape: number[]; data: Float32Array } => ({
      shape: [3],
      data: Float32Array.of(1 + k, 2, 3),
    });
    const model = new GraphModule(graph, new Map(['w', 'b', 'm', 'v'].map((name, i) => [name, values(i)])));
    model.forward(hashedPicture(9, [2, 3, 4, 4])); // moves the statistics
    const { model: again } = decodeModel(await saveModel(model));
    expect((again as GraphModule).graph).toEqual(graph);
    expect(again.isHead).toBe(true);
    const y = again.forward(x());
    expect(y.shape).toEqual([2, 768]);
    expect(y.dataSync()).toEqual(model.eval().forward(x()).dataSync());
  });
  it('has the same bytes each time', async () => {
    const model = transferred();
    const bytes = await saveModel(model, info);
    expect(await saveModel(decodeModel(bytes).model, info)).toEqual(bytes);
  });
  it('is half the size in float16, and stays as it is from then on', async () => {
    const model = smallCnn({ classes: 3, channels: [16, 32] });
    const [full, half] = [await saveModel(model), await saveModel(model, {}, { float16: true })];
    const size = (b: Uint8Array): number =>
      [...readSafetensors(b).tensors.values()].reduce(
        (n, t) => n + t.data.length * (t.dtype === 'F16' ? 2 : 4),
        0,
      );
    expect(size(half) / size(full)).toBeLessThan(0.51);
    expect(await saveModel(decodeModel(half).model, {}, { float16: true })).toEqual(half);
  });
  it('tells about itself without its weights', async () => {
    const bytes = await saveModel(transferred(), info);
    const header = new DataView(bytes.buffer).getUint32(0, true);
    expect(readModelInfo(bytes.subarray(0, 8 + header)).info).toEqual(info);
  });
  it('does not leak tensors', async () => {
    const bytes = await saveModel(transferred());
    const before = memory(cpu).tensors;
    decodeModel(bytes).model.dispose();
    expect(memory(cpu).tensors).toBe(before);
  });
});

describe('a file that is no model', () => {
  /** The model's file with its header changed. */
  async function changed(
    change: (header: Record<string, unknown>, tensors: Map<string, TensorToWrite>) => void,
  ): Promise<Uint8Array> {
    const { tensors, metadata } = readSafetensors(await saveModel(transferred(), info));
    const header = JSON.parse(metadata['graft']!) as Record<string, unknown>;
    const list = new Map<string, TensorToWrite>(tensors);
    change(header, list);
    return writeSafetensors(list, { graft: JSON.stringify(header) });
  }
  const cases: [string, Parameters<typeof changed>[0], RegExp][] = [
    [
      'of a newer version',
      (h) => (h['formatVersion'] = 99),
      /written by a newer Graft \(model format 99, this one reads up to 1\).*update/,
    ],
    [
      'of a newer version that says what it needs',
      (h) => Object.assign(h, { formatVersion: 2, needs: '0.3.0' }),
      /newer Graft \(model format 2, .* up to 1\): update Graft to version 0\.3\.0 or newer$/,
    ],
    ['of no version', (h) => delete h['formatVersion'], /does not describe a model/],
    ['without a model', (h) => (h['model'] = null), /does not describe a model/],
    ['without flags', (h) => delete h['flags'], /malformed/],
    ['with odd flags', (h) => (h['flags'] = { locked: [1], stored: [], groups: {} }), /malformed/],
    [
      'with an absurd picture size',
      (h) => (h['info'] = { preprocess: { ...preprocess, size: 1e9 } }),
      /malformed/,
    ],
    ['with classes that are no names', (h) => (h['info'] = { classes: [1] }), /malformed/],
    [
      'with another architecture',
      (h) => (h['model'] = { kind: 'Linear', options: { inFeatures: 2, outFeatures: 2, bias: true } }),
      /does not fit this model; missing: weight, bias; unexpected: \d+, from features\.0\.0\.weight, \S+, \S+ on$/,
    ],
    ['with a weight too few', (_, t) => t.delete('features.0.0.weight'), /missing: features.0.0.weight/],
    [
      'with a weight of another shape',
      (_, t) => t.set('features.0.0.weight', { shape: [1], data: Float32Array.of(1) }),
      /wrong shape: features.0.0.weight/,
    ],
  ];
  it.each(cases)('%s, is refused', async (_, change, message) => {
    const bytes = await changed(change);
    expect(() => decodeModel(bytes)).toThrow(GraftError);
    expect(() => decodeModel(bytes)).toThrow(message);
  });
  it('but only weights, says how to use them', () => {
    const bytes = writeSafetensors(new Map([['w', { shape: [1], data: [1] }]]), { format: 'pt' });
    expect(() => decodeModel(bytes)).toThrow(/no 'graft' entry.*loadWeights/);
    expect(() => decodeModel(writeSafetensors(new Map(), { graft: '{' }))).toThrow(/not JSON/);
    const checkpoint = writeSafetensors(new Map(), { format: 'graft-checkpoint/1' });
    expect(() => decodeModel(checkpoint)).toThrow(
      /the checkpoint of a training run .*: graft train … --resume/,
    );
  });
  it('but has a tensor of a dtype that is not read, names it', async () => {
    const bytes = await saveModel(smallCnn({ classes: 2, channels: [2] }), info);
    const text = new TextDecoder('latin1').decode(bytes).replace('"dtype":"F32"', '"dtype":"C64"');
    const changed = Uint8Array.from(text, (c) => c.charCodeAt(0));
    expect(() => decodeModel(changed)).toThrow(
      /the tensor '\S+' is stored as C64, which is not read: save it as F32/,
    );
  });
  it('mutated at random, loads or is a GraftError', async () => {
    const bytes = await saveModel(smallCnn({ classes: 2, channels: [2] }), info);
    const header = 8 + new DataView(bytes.buffer).getUint32(0, true);
    const before = memory(cpu).tensors;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(header - 1), fc.integer({ min: 32, max: 126 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (mutations) => {
          const mutated = bytes.slice();
          for (const [at, value] of mutations) mutated[at] = value;
          try {
            decodeModel(mutated).model.dispose();
          } catch (error) {
            if (!(error instanceof GraftError)) throw error;
          }
        },
      ),
      { numRuns: 1000, seed: 6 },
    );
    expect(memory(cpu).tensors).toBe(before);
  });
  it('cut anywhere, is a FormatError', async () => {
    const bytes = await saveModel(smallCnn({ classes: 2, channels: [2] }));
    for (let end = 0; end < bytes.length; end += 7)
      expect(() => decodeModel(bytes.subarray(0, end))).toThrow(FormatError);
  });
});
