import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  ArraySource,
  BatchNorm2d,
  fit,
  setDefaultBackend,
  stagesOf,
  tensor,
  transfer,
  type Module,
  type Tensor,
} from '@graftjs/core';
import type { OnnxNode, OnnxTensor } from '@graftjs/onnx-graph';
import { beforeAll, describe, expect, it } from 'vitest';
import { file, floats, input, n } from '../../test/onnx-model.ts';
import { GraphModule } from '../graph/module.ts';
import { importOnnx } from './import.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'a tensor and a node may be called %s',
  async (name) => {
    const bytes = file([n('Conv', ['x', name], ['y'], {}, name)], [floats(name, [2, 1, 1, 1], [2, 3])], {
      inputs: [input('x', [1, 1, 1, 1])],
    });
    const { model } = await importOnnx(bytes);
    expect([...model.namedParameters()]).toHaveLength(1);
    expect([...(await (model.forward(tensor([5], [1, 1, 1, 1])) as Tensor).data())]).toEqual([10, 15]);
  },
);

const wave = (...shape: number[]): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7)),
    shape,
  );
};
const positive = (name: string, c: number): OnnxTensor =>
  floats(
    name,
    [c],
    Float32Array.from({ length: c }, (_, i) => 0.5 + i / c),
  );
/** Convolution and batch norm, named as PyTorch's exporter does. */
function convNorm(
  from: string,
  to: string,
  path: string,
  inC: number,
  outC: number,
): [OnnxNode[], OnnxTensor[]] {
  const at = path.split('/').at(-1)!;
  const norm = ['weight', 'bias', 'running_mean', 'running_var'].map((r) => `${at}.1.${r}`);
  return [
    [
      n('Conv', [from, `${at}.0.weight`], [`${to}_c`], { pads: [1, 1, 1, 1] }, `/${path}/${at}.0/Conv`),
      n(
        'BatchNormalization',
        [`${to}_c`, ...norm],
        [`${to}_n`],
        { momentum: 0.8 },
        `/${path}/${at}.1/BatchNormalization`,
      ),
      n('Relu', [`${to}_n`], [to], {}, `/${path}/${at}.2/Relu`),
    ],
    [
      floats(`${at}.0.weight`, [outC, inC, 3, 3]),
      positive(norm[0]!, outC),
      floats(norm[1]!, [outC]),
      floats(norm[2]!, [outC]),
      positive(norm[3]!, outC),
    ],
  ];
}

/** Two blocks, the second one residual, and a classifier with softmax. */
function network(): Uint8Array {
  const [n1, t1] = convNorm('x', 'a', 'features/features.0', 3, 4);
  const [n2, t2] = convNorm('a', 'b', 'features/features.1', 4, 4);
  return file(
    [
      ...n1,
      ...n2,
      n('Add', ['a', 'b'], ['sum'], {}, '/features/features.1/Add'),
      n('GlobalAveragePool', ['sum'], ['pooled'], {}, '/avgpool/GlobalAveragePool'),
      n('Flatten', ['pooled'], ['flat'], {}, '/Flatten'),
      n(
        'Gemm',
        ['flat', 'classifier.weight', 'classifier.bias'],
        ['logits'],
        { transB: 1 },
        '/classifier/Gemm',
      ),
      n('Softmax', ['logits'], ['y']),
    ],
    [...t1, ...t2, floats('classifier.weight', [5, 4]), floats('classifier.bias', [5])],
    { inputs: [input('x', ['N', 3, 8, 8])] },
  );
}

describe('an imported network', () => {
  it('is a chain under the names of its layers, with its classifier as the head', async () => {
    const { model, sampleShape, inputs } = await importOnnx(network());
    expect(sampleShape).toEqual([3, 8, 8]);
    expect(inputs[0]!.shape).toEqual(['N', 3, 8, 8]);
    expect(stagesOf(model).map((s) => [s.name, s.module.isHead])).toEqual([
      ['features.0', false],
      ['features.1', false],
      ['classifier', true],
    ]);
    expect([...model.stateDict().keys()]).toEqual([
      'features.0.0.weight',
      'features.0.1.weight',
      'features.0.1.bias',
      'features.1.0.weight',
      'features.1.1.weight',
      'features.1.1.bias',
      'classifier.weight',
      'classifier.bias',
      'features.0.1.running_mean',
      'features.0.1.running_var',
      'features.1.1.running_mean',
      'features.1.1.running_var',
    ]);
  });

  it('gives probabilities', async () => {
    const { model } = await importOnnx(network());
    const y = model.eval().forward(wave(2, 3, 8, 8));
    expect(y.shape).toEqual([2, 5]);
    expect([...y.dataSync()].slice(0, 5).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  });

  it('is locked and unlocked by name', async () => {
    const { model } = await importOnnx(network());
    model.lock().unlock('features.1').unlock('classifier.bias');
    expect([...model.namedParameters()].filter(([, p]) => !p.locked).map(([name]) => name)).toEqual([
      'features.1.0.weight',
      'features.1.1.weight',
      'features.1.1.bias',
      'classifier.bias',
    ]);
    model.lock().unlock({ from: 'features.1' });
    expect(model.module('features.0').frozen).toBe(true);
    expect(model.module('features.1').frozen).toBe(false);
  });
});

describe('its batch norm', () => {
  const norm = ['w', 'b', 'm', 'v'];
  const single = file(
    [n('BatchNormalization', ['x', ...norm], ['y'], { momentum: 0.8, epsilon: 1e-3 })],
    [positive('w', 3), floats('b', [3]), floats('m', [3]), positive('v', 3)],
  );
  const twins = async (): Promise<[Module, BatchNorm2d]> => {
    const { model } = await importOnnx(single);
    const own = new BatchNorm2d(3, { eps: 1e-3, momentum: 1 - 0.8 });
    const [weight, bias, mean, variance] = [...model.stateDict().values()];
    own.loadStateDict(
      new Map([
        ['weight', weight!],
        ['bias', bias!],
        ['running_mean', mean!],
        ['running_var', variance!],
      ]),
    );
    return [model, own];
  };
  const statistics = (m: Module): unknown =>
    [...m.namedBuffers()].slice(0, 2).map(([, b]) => b.value.dataSync());
  const same = (model: Module, own: BatchNorm2d): void => {
    const x = wave(4, 3, 2, 2);
    expect(model.forward(x).dataSync()).toEqual(own.forward(x).dataSync());
    expect(statistics(model)).toEqual(statistics(own));
  };

  it("trains as core's does: by the batch, moving the stored statistics", async () => {
    const [model, own] = await twins();
    const before = statistics(model);
    same(model, own);
    expect(statistics(model)).not.toEqual(before);
    expect(model.frozen).toBe(false);
  });

  it('keeps to the stored statistics in evaluation, where it is locked, and where it is told so', async () => {
    for (const still of [
      (m: Module) => m.eval(),
      (m: Module) => m.lock(),
      (m: Module) => {
        for (const p of m.parameters()) p.locked = true;
      },
      (m: Module) => {
        for (const [, part] of m.namedModules()) if (part.statistics !== null) part.statistics = 'stored';
      },
    ]) {
      const [model, own] = await twins();
      own.eval();
      const before = statistics(model);
      still(model);
      same(model, own);
      expect(statistics(model)).toEqual(before);
    }
    const [model] = await twins();
    expect(model.lock().frozen).toBe(true);
  });

  it('on stored statistics joins its convolution, to the bits of the two one after the other', async () => {
    const { model } = await importOnnx(network());
    const stage = stagesOf(model)[0]!.module as GraphModule;
    stage.eval();
    const x = wave(2, 3, 8, 8);
    const { graph } = stage;
    const everything = graph.nodes.map((node) => node.name);
    const apart = stage.run(new Map([[graph.inputs[0]!, x]]), everything).get(everything.at(-1)!)!;
    expect(stage.forward(x).dataSync()).toEqual(apart.dataSync());
  });
});

describe('transfer from an imported network', () => {
  const values = Float32Array.from({ length: 12 * 192 }, (_, i) => Math.sin(i) + (Math.floor(i / 192) % 2));
  const labels = Array.from({ length: 12 }, (_, i) => i % 2);

  it('replaces the head with its pooling and softmax, and trains on cached features', async () => {
    const { model: base, sampleShape } = await importOnnx(network());
    const model = transfer(base, { classes: ['odd', 'even'], sampleShape: sampleShape! });
    expect(
      stagesOf(model)
        .map((s) => s.name)
        .slice(0, 3),
    ).toEqual(['features.0', 'features.1', 'head.pool']);
    const before = [...stagesOf(base)[1]!.module.stateDict().values()].map((t) => t.dataSync());
    const train = new ArraySource(values, labels, [3, 8, 8], ['odd', 'even'], 'waves');
    const epochs: number[] = [];
    await fit(
      model,
      { train },
      { epochs: 4, optimizer: adam({ lr: 0.05 }), onEpoch: (e) => void epochs.push(e.loss) },
    );
    expect(epochs.at(-1)!).toBeLessThan(epochs[0]!);
    expect([...stagesOf(base)[1]!.module.stateDict().values()].map((t) => t.dataSync())).toEqual(before);
  });

  it('fine-tunes what is unlocked', async () => {
    const { model: base } = await importOnnx(network());
    const model = transfer(base, { classes: 2, sampleShape: [3, 8, 8] }).unlock({ from: 'features.1' });
    const weight = (): unknown => model.stateDict().get('features.1.0.weight')!.dataSync();
    const locked = (): unknown => model.stateDict().get('features.0.0.weight')!.dataSync();
    const [before, kept] = [weight(), locked()];
    const train = new ArraySource(values, labels, [3, 8, 8], ['odd', 'even'], 'waves');
    // Of its first step the base has nothing: the new head begins at 0, and lets no gradient through.
    await fit(model, { train }, { epochs: 2, optimizer: adam({ lr: 0.01 }) });
    expect(weight()).not.toEqual(before);
    expect(locked()).toEqual(kept);
  });
});

describe('what is no chain', () => {
  it('is one module with several inputs or outputs', async () => {
    const { model, inputs, outputs } = await importOnnx(
      file([n('Add', ['x', 'z'], ['s']), n('Relu', ['s'], ['y'])], [], {
        inputs: [input('x'), input('z')],
        outputs: [input('y'), input('s')],
      }),
    );
    expect([inputs.map((i) => i.name), outputs]).toEqual([
      ['x', 'z'],
      ['y', 's'],
    ]);
    const results = (model as GraphModule).run(
      new Map([
        ['x', tensor([1, -3])],
        ['z', tensor([1, 1])],
      ]),
    );
    expect([...results.values()].map((t) => [...t.dataSync()])).toEqual([
      [2, 0],
      [2, -2],
    ]);
  });

  it('gets names for stages whose layers have none in common, and no head without a classifier', async () => {
    const conv = (from: string, to: string, w: string): OnnxNode =>
      n('Conv', [from, w], [to], { pads: [1, 1, 1, 1] }, `${w}_fwd`);
    const { model } = await importOnnx(
      file(
        [
          conv('x', 'a', 'conv0_weight'),
          conv('a', 'b', 'conv1_weight'),
          conv('b', 'c', 'conv2_weight'),
          n('Add', ['a', 'c'], ['y']),
        ],
        ['conv0_weight', 'conv1_weight', 'conv2_weight'].map((w) => floats(w, [2, 2, 3, 3])),
      ),
    );
    expect([...model.stateDict().keys()]).toEqual([
      'conv0_weight_fwd.conv0_weight',
      'block1.conv1_weight',
      'block1.conv2_weight',
    ]);
    expect(stagesOf(model).some((s) => s.module.isHead)).toBe(false);
  });

  it('that trains the same weights twice keeps them in one stage', async () => {
    const { model } = await importOnnx(
      file(
        [
          n('MatMul', ['x', 'w'], ['a'], {}, 'first/1'),
          n('Relu', ['a'], ['b']),
          n('MatMul', ['b', 'w'], ['y'], {}, 'second/2'),
        ],
        [floats('w', [2, 2])],
      ),
    );
    expect([...model.namedParameters()]).toHaveLength(1);
    expect(model.forward(wave(3, 2)).shape).toEqual([3, 2]);
  });
});
