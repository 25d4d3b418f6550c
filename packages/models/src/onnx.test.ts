import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  ArraySource,
  fit,
  manualSeed,
  setDefaultBackend,
  stagesOf,
  transfer,
  type Module,
} from '@graftjs/core';
import { exportOnnx, importOnnx } from '@graftjs/formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { hashedPicture } from '../test/hashed.ts';
import { decodeModel, saveModel } from './model-file.ts';
import { smallCnn } from './networks/small-cnn.ts';
import { loadBase } from './node/index.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

/** Dropout does nothing in evaluation, so it is not in an exported file: without it both train alike. */
function network(): Module {
  manualSeed(5);
  return smallCnn({ classes: 3, channels: [4, 6, 8], dropout: 0 });
}
/** What the file holds: the count of batches is nobody's input. */
const names = (m: Module): string[] =>
  [...m.stateDict().keys()].filter((name) => !name.endsWith('num_batches_tracked')).sort();
const values = Float32Array.from(
  { length: 16 * 768 },
  (_, i) => Math.sin(i * 0.37) + (Math.floor(i / 768) % 3),
);
const train = new ArraySource(
  values,
  Array.from({ length: 16 }, (_, i) => i % 3),
  [3, 16, 16],
  ['a', 'b', 'c'],
  'waves',
);
async function losses(model: Module): Promise<number[]> {
  const curve: number[] = [];
  await fit(
    model.train(),
    { train },
    {
      epochs: 10,
      batchSize: 8,
      seed: 3,
      optimizer: adam({ lr: 1e-3 }),
      onEpoch: (e) => void curve.push(e.loss),
    },
  );
  return curve;
}

describe('a network that went through an .onnx file', () => {
  it('has the same names, stages and bits', async () => {
    const model = network();
    const { model: again, sampleShape } = await importOnnx(await exportOnnx(model, { input: [3, 16, 16] }));
    expect(sampleShape).toEqual([3, 16, 16]);
    expect(names(again)).toEqual(names(model));
    expect(stagesOf(again).at(-1)).toMatchObject({ name: 'classifier.1', module: { isHead: true } });
    const x = hashedPicture(9, [2, 3, 16, 16]);
    expect(again.eval().forward(x).dataSync()).toEqual(model.eval().forward(x).dataSync());
  });

  it('trains to the same bits, batch norm included, and is saved as it is then', async () => {
    const model = network();
    const { model: again } = await importOnnx(await exportOnnx(model, { input: [3, 16, 16] }));
    const [one, other] = [await losses(model), await losses(again)];
    expect(other).toEqual(one);
    expect(one.at(-1)!).toBeLessThan(one[0]!);
    const [state, same] = [model.stateDict(), again.stateDict()];
    for (const name of names(model))
      expect(same.get(name)!.dataSync(), name).toEqual(state.get(name)!.dataSync());
    const { model: loaded } = decodeModel(await saveModel(again));
    const x = hashedPicture(3, [2, 3, 16, 16]);
    expect(loaded.forward(x).dataSync()).toEqual(again.eval().forward(x).dataSync());
  });

  it('can be the embedded base, pictures as its input: preprocessing is not trained', async () => {
    const base = await loadBase('coco-mobilenet-v3');
    const { model, preprocess } = base;
    const small = { ...preprocess, size: 32 };
    const shape = preprocess.layout === 'channels-last' ? [32, 32, 3] : [3, 32, 32];
    const plain = await importOnnx(await exportOnnx(model, { input: shape }));
    expect(names(plain.model)).toEqual(names(model));
    expect(stagesOf(plain.model).map((s) => s.name)).toEqual(stagesOf(model).map((s) => s.name));
    const x = hashedPicture(4, [1, ...shape]);
    expect(plain.model.eval().forward(x).dataSync()).toEqual(model.eval().forward(x).dataSync());

    const file = await exportOnnx(model, { input: shape, preprocess: small, withPreprocessing: true });
    const whole = await importOnnx(file);
    expect(whole.inputs[0]).toMatchObject({ element: 'uint8', shape: ['batch', 32, 32, 3] });
    expect([...whole.model.namedParameters()].map(([name]) => name)).toEqual(
      [...model.namedParameters()].map(([name]) => name),
    );
    const head = transfer(
      { ...base, model: whole.model, preprocess: { ...small, layout: 'channels-last' } },
      { classes: 2 },
    );
    expect(
      stagesOf(head)
        .map((s) => s.name)
        .slice(-5),
    ).toEqual([base.defaultCut, ...['pool', 'norm', 'dropout', 'classifier'].map((part) => `head.${part}`)]);
  });
});
