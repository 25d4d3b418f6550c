import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createWasmBackend } from '@graftjs/backend-wasm';
import { withRoundingNoise } from '@graftjs/conformance';
import {
  adam,
  ArraySource,
  fit,
  manualSeed,
  resize,
  imageNetPreprocess,
  inputShape,
  scope,
  setDefaultBackend,
  stagesOf,
  tensor,
  transfer,
  type Backend,
  type BaseModel,
  type BatchNorm2d,
  type Module,
} from '@graftjs/core';
import { evaluating } from '@graftjs/core/extend';
import { exportOnnx, importOnnx } from '@graftjs/formats';
import { mobilenetV2, resnet18 } from '@graftjs/models';
import { loadBase } from '@graftjs/models/node';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkFiles, hasChecker } from '../../formats/test/onnx-checker.ts';

// Debian's package dataset-fashion-mnist (MIT): Xiao, Rasul, Vollgraf (2017), arXiv:1708.07747.
const file = (name: string): Buffer =>
  gunzipSync(readFileSync(join('/usr/share/datasets/fashion-mnist', `t10k-${name}.gz`)));
const present = existsSync('/usr/share/datasets/fashion-mnist');

const CLASSES = Array.from({ length: 10 }, (_, i) => `class ${i}`);
const PICTURES = 32;
const BATCH = 8;
const STEPS = 20;

/** A network to train a classifier on: pretrained, or with weights by seed. */
interface Subject {
  readonly make: () => Promise<BaseModel>;
  /** What is unlocked for fine-tuning, besides the classifier. */
  readonly unlock: string;
}

const drawn = (name: string, size: number, model: () => Module) => (): Promise<BaseModel> => {
  manualSeed(5);
  return Promise.resolve({ name, preprocess: imageNetPreprocess({ size }), model: model() });
};
const subjects: Readonly<Record<string, Subject>> = {
  'ResNet-18': { make: drawn('resnet18', 64, resnet18), unlock: 'layer4.1' },
  MobileNetV2: { make: drawn('mobilenet_v2', 64, mobilenetV2), unlock: 'features.17' },
  'the embedded base': {
    make: () => loadBase('coco-mobilenet-v3', { size: 64 }),
    unlock: 'block10',
  },
};

/** Fashion-MNIST's test pictures as the base takes them. */
function pictures({ preprocess: p }: BaseModel, from: number, count: number): ArraySource {
  const images = file('images-idx3-ubyte').subarray(16 + from * 784, 16 + (from + count) * 784);
  const labels = file('labels-idx1-ubyte').subarray(8 + from, 8 + from + count);
  const grey = Float32Array.from(images);
  const large = scope(() => resize(tensor(grey, [count, 1, 28, 28]), p.size, { mode: 'linear' })).dataSync();
  const plane = p.size * p.size;
  const values = new Float32Array(count * 3 * plane);
  for (let i = 0; i < values.length; i++) {
    const first = p.layout === 'channels-first';
    const c = first ? Math.floor(i / plane) % 3 : i % 3;
    const at = first ? Math.floor(i / (3 * plane)) * plane + (i % plane) : Math.floor(i / 3);
    values[i] = (large[at]! / 255 - p.mean[c]!) / p.std[c]!;
  }
  return new ArraySource(values, labels, inputShape(p), CLASSES, `fashion-${p.size}-${from}`);
}

async function logits(model: Module, source: ArraySource, backend: Backend): Promise<Float32Array> {
  const x = tensor(source.values, [source.length, ...source.sampleShape], { backend });
  const y = scope(() => evaluating([model], () => model.forward(x)));
  x.dispose();
  return (await y.data()) as Float32Array;
}

/** Trains the classifier and one stage of the base: everything else stays locked. Gives the losses. */
async function fineTune(model: Module, unlock: string, source: ArraySource): Promise<number[]> {
  model.lock();
  const stages = stagesOf(model).map((s) => s.name);
  const deepest = stages.filter((name) => name === unlock || name.startsWith(`${unlock}.`));
  model.unlock([...deepest, 'head.classifier']);
  for (const [, m] of model.namedModules()) if (m.statistics !== null) m.statistics = 'stored';
  const losses: number[] = [];
  await fit(
    model.train(),
    { train: source },
    {
      epochs: 1,
      batchSize: BATCH,
      optimizer: adam({ lr: 1e-3 }),
      seed: 1,
      onStep: (_, loss) => losses.push(loss),
    },
  );
  return losses;
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
const classesOf = (y: Float32Array): number[] =>
  Array.from({ length: y.length / 10 }, (_, i) => {
    const row = y.subarray(10 * i, 10 * i + 10);
    return row.indexOf(Math.max(...row));
  });

/** Two draws see about 1.4 standard deviations at most; we allow five times that. */
const allowed = (runs: readonly ArrayLike<number>[], want: ArrayLike<number>): number =>
  5 * Math.max(...runs.map((r) => largest(r, want)));

describe.skipIf(!present && !process.env['CI'])('there and back (needs dataset-fashion-mnist)', () => {
  const files = new Map<string, Uint8Array>();
  let wasm: Backend;
  const noisy: Backend[] = [];
  beforeAll(async () => {
    wasm = await createWasmBackend();
    for (let seed = 0; seed < 2; seed++) noisy.push(withRoundingNoise(await createWasmBackend(), seed));
  }, 60_000);
  afterAll(async () => {
    setDefaultBackend(null);
    for (const backend of [wasm, ...noisy]) await backend.dispose();
  });

  describe.each(Object.entries(subjects))('%s', (name, { make, unlock }) => {
    let state: Map<string, { shape: readonly number[]; data: ArrayLike<number> }>;
    let base: BaseModel;
    let few: ArraySource;
    let bytes: Uint8Array;
    let want: Float32Array;

    /** The base with a classifier; the same weights on every backend. */
    async function classifier(backend: Backend): Promise<Module> {
      setDefaultBackend(backend);
      base = await make();
      const model = transfer(base, { classes: CLASSES, dropout: 0, seed: 3 });
      if (state) model.loadStateDict(state);
      return model;
    }

    beforeAll(async () => {
      const model = await classifier(wasm);
      few = pictures(base, 0, PICTURES);
      // Statistics of these pictures, almost: with those of an untrained network nothing would reach its end.
      const norms = [...model.namedModules()].flatMap(([, m]) => (m.statistics === null ? [] : [m]));
      const momentum = norms.map((m) => (m as BatchNorm2d).momentum);
      for (const m of norms) Object.assign(m, { statistics: 'batch', momentum: 0.6 });
      model.unlock().train();
      for (let i = 0; i < 8; i++)
        scope(() => void model.forward(tensor(few.values, [PICTURES, ...few.sampleShape])));
      norms.forEach((m, i) => Object.assign(m, { momentum: momentum[i] }));
      await fineTune(model, unlock, pictures(base, 500, BATCH * STEPS));
      model.eval();
      state = new Map();
      for (const [key, value] of model.stateDict())
        state.set(key, { shape: value.shape, data: await value.data() });
      bytes = await exportOnnx(model, {
        input: few.sampleShape,
        classes: CLASSES,
        preprocess: base.preprocess,
      });
      files.set(name, bytes);
      want = await logits(model, few, wasm);
      model.dispose();
    }, 120_000);

    test('in onnxruntime-node: the same logits within rounding noise, the same classes', async () => {
      const runs: Float32Array[] = [];
      for (const backend of noisy) runs.push(await logits(await classifier(backend), few, backend));
      const bound = allowed(runs, want);
      const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
      const x = new OrtTensor('float32', few.values, [PICTURES, ...few.sampleShape]);
      const got = (await session.run({ input: x }))['logits']!.data as Float32Array;
      await session.release();
      const size = Math.max(...want.map(Math.abs));
      console.log(`${name}: logits up to ${size} differ by ${largest(got, want)}, allowed is ${bound}`);
      expect(bound).toBeLessThan(1e-3 * size); // it does tell something
      expect(largest(got, want)).toBeLessThanOrEqual(bound);
      expect(classesOf(got)).toEqual(classesOf(want));
      // Pictures are told apart by far more than that.
      const rows = Array.from({ length: PICTURES }, (_, i) => want.subarray(10 * i, 10 * i + 10));
      expect(Math.max(...rows.map((row) => largest(row, rows[0]!)))).toBeGreaterThan(100 * bound);
    });

    test('imported: the same logits, and fine-tuned the same loss curve, to the last bit', async () => {
      const model = await classifier(wasm);
      const source = pictures(base, PICTURES, BATCH * STEPS);
      const { model: imported } = await importOnnx(bytes, { backend: wasm });
      const back = await logits(imported, few, wasm);
      const losses = await fineTune(model, unlock, source);
      const again = await fineTune(imported, unlock, source);
      expect(losses).toHaveLength(STEPS);
      expect(back).toEqual(want);
      expect(again).toEqual(losses);
    });
  });

  test("ONNX's checker accepts the files", async ({ skip }) => {
    if (!(await hasChecker())) skip();
    expect(await checkFiles(files)).toEqual({});
    expect(files.size).toBe(3);
  });
});
