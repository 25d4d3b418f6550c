import { createCpuBackend } from '@graftjs/backend-cpu';
import * as core from '@graftjs/core';
import { Module, Sequential, setDefaultBackend, type Tensor } from '@graftjs/core';
import { FormatError, GraphModule } from '@graftjs/formats';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { hashedPicture } from '../test/hashed.ts';
import { ConvNormActivation } from './blocks.ts';
import { buildModel } from './build-model.ts';
import { describeModel, layers, type ModelDescription } from './describe.ts';
import { BasicBlock, Fire, InvertedResidual } from './networks/index.ts';
import { blocks } from './networks/network.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const layout = 'channels-last';
const graph = {
  inputs: ['x'],
  outputs: ['y'],
  nodes: [{ name: 'y', op: 'mul', inputs: ['x', 'y.weight'], attrs: {} }],
  tensors: { 'y.weight': { shape: [4], trainable: true } },
};

/** Examples of every kind, with options that are not the defaults, and an input shape for each. */
const examples: [string, () => Module, number[]][] = [
  ['Conv1d', () => new core.Conv1d(4, 6, 3, { stride: 2, padding: 'same', bias: false }), [2, 4, 9]],
  [
    'Conv2d',
    () => new core.Conv2d(4, 6, [3, 1], { padding: [[1, 0], 0], groups: 2, dilation: 2, layout }),
    [2, 8, 9, 4],
  ],
  ['Conv3d', () => new core.Conv3d(4, 2, 2), [1, 4, 3, 4, 5]],
  ['ConvTranspose1d', () => new core.ConvTranspose1d(4, 6, 3, { stride: 2 }), [2, 4, 5]],
  [
    'ConvTranspose2d',
    () => new core.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    [1, 4, 5, 5],
  ],
  ['ConvTranspose3d', () => new core.ConvTranspose3d(2, 2, 2), [1, 2, 3, 3, 3]],
  ['Linear', () => new core.Linear(4, 3, { bias: false }), [2, 4]],
  ['BatchNorm1d', () => new core.BatchNorm1d(4, { affine: false, eps: 0.5 }), [3, 4]],
  ['BatchNorm2d', () => new core.BatchNorm2d(4, { momentum: 0.5, layout }), [2, 3, 3, 4]],
  ['BatchNorm3d', () => new core.BatchNorm3d(2), [1, 2, 2, 2, 2]],
  ['LayerNorm', () => new core.LayerNorm([3, 4], { eps: 0.1 }), [2, 3, 4]],
  ['GroupNorm', () => new core.GroupNorm(2, 4, { affine: false }), [2, 4, 3, 3]],
  ['InstanceNorm', () => new core.InstanceNorm(4, { affine: true, layout }), [2, 3, 3, 4]],
  ['Dropout', () => new core.Dropout(0.3, { per: 'channel', layout }), [2, 3, 3, 4]],
  ['Flatten', () => new core.Flatten(2), [2, 3, 4]],
  ['Identity', () => new core.Identity(), [2, 3]],
  ['Upsample', () => new core.Upsample({ scale: [2, 3], mode: 'linear', layout }), [1, 3, 3, 2]],
  ['PixelShuffle', () => new core.PixelShuffle(2, { layout }), [1, 3, 2, 8]],
  ['PixelUnshuffle', () => new core.PixelUnshuffle(2, { order: 'DCR' }), [1, 3, 4, 6]],
  ['MaxPool1d', () => new core.MaxPool1d(2), [1, 2, 6]],
  [
    'MaxPool2d',
    () => new core.MaxPool2d([2, 3], { stride: 1, dilation: 2, ceilMode: true, layout }),
    [1, 7, 7, 2],
  ],
  ['MaxPool3d', () => new core.MaxPool3d(2), [1, 2, 4, 4, 4]],
  ['AvgPool1d', () => new core.AvgPool1d(2), [1, 2, 6]],
  ['AvgPool2d', () => new core.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }), [1, 2, 6, 6]],
  ['AvgPool3d', () => new core.AvgPool3d(2), [1, 2, 4, 4, 4]],
  ['AdaptiveAvgPool1d', () => new core.AdaptiveAvgPool1d(2), [1, 2, 7]],
  ['AdaptiveAvgPool2d', () => new core.AdaptiveAvgPool2d([2, 3], { layout }), [1, 7, 7, 2]],
  ['AdaptiveAvgPool3d', () => new core.AdaptiveAvgPool3d(2), [1, 2, 4, 4, 4]],
  ['AdaptiveMaxPool1d', () => new core.AdaptiveMaxPool1d(2), [1, 2, 7]],
  ['AdaptiveMaxPool2d', () => new core.AdaptiveMaxPool2d(2), [1, 2, 7, 7]],
  ['AdaptiveMaxPool3d', () => new core.AdaptiveMaxPool3d(2), [1, 2, 4, 4, 4]],
  ['GlobalAvgPool1d', () => new core.GlobalAvgPool1d(), [1, 2, 7]],
  ['GlobalAvgPool2d', () => new core.GlobalAvgPool2d({ keepDims: true, layout }), [1, 7, 7, 2]],
  ['GlobalAvgPool3d', () => new core.GlobalAvgPool3d(), [1, 2, 4, 4, 4]],
  ['GlobalMaxPool1d', () => new core.GlobalMaxPool1d(), [1, 2, 7]],
  ['GlobalMaxPool2d', () => new core.GlobalMaxPool2d(), [1, 2, 7, 7]],
  ['GlobalMaxPool3d', () => new core.GlobalMaxPool3d(), [1, 2, 4, 4, 4]],
  ['GlobalStatsPool1d', () => new core.GlobalStatsPool1d(), [1, 2, 7]],
  ['GlobalStatsPool2d', () => new core.GlobalStatsPool2d({ layout }), [1, 7, 7, 2]],
  ['GlobalStatsPool3d', () => new core.GlobalStatsPool3d({ keepDims: true }), [1, 2, 4, 4, 4]],
  ['ReLU', () => new core.ReLU(), [5]],
  ['ReLU6', () => new core.ReLU6(), [5]],
  ['SiLU', () => new core.SiLU(), [5]],
  ['Hardswish', () => new core.Hardswish(), [5]],
  ['Hardsigmoid', () => new core.Hardsigmoid(), [5]],
  ['Sigmoid', () => new core.Sigmoid(), [5]],
  ['Tanh', () => new core.Tanh(), [5]],
  ['Mish', () => new core.Mish(), [5]],
  ['GELU', () => new core.GELU({ approximate: 'tanh' }), [50]],
  ['Hardtanh', () => new core.Hardtanh(-0.2, 0.3), [50]],
  ['LeakyReLU', () => new core.LeakyReLU(0.3), [5]],
  ['ELU', () => new core.ELU(0.5), [5]],
  ['Softplus', () => new core.Softplus(2), [5]],
  ['Softmax', () => new core.Softmax(0), [5, 2]],
  ['LogSoftmax', () => new core.LogSoftmax(0), [5, 2]],
  ['PReLU', () => new core.PReLU(4, { layout }), [2, 3, 3, 4]],
  [
    'Residual',
    () =>
      new core.Residual(new core.Conv2d(4, 6, 1), {
        shortcut: new core.Conv2d(4, 6, 1),
        activation: new core.ReLU(),
      }),
    [1, 4, 3, 3],
  ],
  [
    'SqueezeExcite',
    () => new core.SqueezeExcite(4, 2, { gate: new core.Hardsigmoid(), layout }),
    [2, 3, 3, 4],
  ],
  [
    'Sequential',
    () =>
      new Sequential(
        new Map<string, Module>([
          ['10', new core.Linear(4, 3)],
          ['2', new Sequential([new core.ReLU(), new core.Linear(3, 2)])],
        ]),
      ),
    [2, 4],
  ],
  ['GraphModule', () => new GraphModule(graph), [2, 4]],
  [
    'ConvNormActivation',
    () =>
      new ConvNormActivation({
        inChannels: 4,
        outChannels: 6,
        kernel: 5,
        stride: 2,
        activation: null,
        layout,
      }),
    [1, 7, 7, 4],
  ],
  [
    'InvertedResidual',
    () => new InvertedResidual({ inChannels: 4, outChannels: 4, stride: 1, expand: 3 }),
    [1, 4, 5, 5],
  ],
  ['Fire', () => new Fire({ inChannels: 4, squeezeChannels: 2, expandChannels: 3, layout }), [1, 3, 3, 4]],
  ['BasicBlock', () => new BasicBlock({ inChannels: 4, outChannels: 6, stride: 2, layout }), [1, 5, 5, 4]],
];

/** What the first version wrote for the examples, one a line: the text of a layer never changes. */
const written = new Map(
  readFileSync(new URL('../test/fixtures/descriptions.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => [(JSON.parse(line) as ModelDescription).kind, line]),
);

describe('a description', () => {
  it.each(examples)('of %s builds the same module', (name, make, shape) => {
    const model = make().eval();
    const text = JSON.stringify(describeModel(model));
    expect(text).toBe(written.get(name) ?? text);
    const description = JSON.parse(text) as ModelDescription;
    expect(description.kind).toBe(name);
    const again = buildModel(description).eval();
    expect(again.constructor).toBe(model.constructor);
    expect(JSON.stringify(describeModel(again))).toBe(text);
    again.loadStateDict(model.stateDict());
    const x: Tensor = hashedPicture(3, shape);
    const [want, got] = [model.forward(x), again.forward(x)];
    expect(got.shape).toEqual(want.shape);
    expect([...got.dataSync()]).toEqual([...want.dataSync()]);
  });

  it('exists for every layer of core', () => {
    const isModule = (v: unknown): v is typeof Module =>
      typeof v === 'function' && v.prototype instanceof Module;
    const all = Object.entries(core).filter(([, v]) => isModule(v));
    // Activation holds any function at all.
    const missing = all.filter(([n, v]) => layers[n] !== v && n !== 'Activation').map(([n]) => n);
    expect(missing).toEqual([]);
    const untested = [...Object.keys(layers), ...blocks.keys()].filter(
      (k) => !examples.some(([name]) => name === k),
    );
    expect(untested).toEqual([]);
  });

  it('of a module of your own is refused, with its place', () => {
    class Mine extends Module {
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const model = new Sequential({ a: new core.Residual(new Sequential([new core.ReLU(), new Mine()])) });
    expect(() => describeModel(model)).toThrow(
      /'a.body.1' is a Mine, which this file cannot describe: save its weights with saveWeights/,
    );
  });

  it('can be the name of an architecture', () => {
    const model = buildModel({ kind: 'small_cnn', options: { classes: 3, channels: [2] } }, { fresh: true });
    expect(model.forward(hashedPicture(1, [1, 3, 8, 8])).shape).toEqual([1, 3]);
    expect(
      model
        .parameters()[0]!
        .value.dataSync()
        .some((v) => v !== 0),
    ).toBe(true);
  });
});

describe('a hostile description', () => {
  const conv = (o: object): ModelDescription => ({
    kind: 'Conv2d',
    options: { inChannels: 3, outChannels: 3, kernel: [3, 3], ...o },
  });
  const elements = 10_000;
  const cases: [string, unknown, RegExp][] = [
    ['nothing', null, /no description/],
    ['no kind', { options: {} }, /no kind/],
    [
      'an unknown kind',
      { kind: 'Conv2D', options: {} },
      /unknown kind of module 'Conv2D'; the nearest are 'Conv2d'/,
    ],
    ['a kind that every object has', { kind: 'constructor', options: {} }, /unknown kind/],
    ['more channels than bytes', conv({ outChannels: 1e9 }), /not a number of channels/],
    ['a negative number of channels', conv({ inChannels: -3 }), /not a number of channels/],
    ['channels in words', conv({ inChannels: 'three' }), /not a number of channels/],
    ['a kernel larger than the file', conv({ kernel: [1e3, 1e3] }), /more weights than the file can hold/],
    ['a kernel larger than any tensor', conv({ kernel: [1e6, 1e6] }), /no room for/],
    ['a kernel that is none', conv({ kernel: {} }), /./],
    ['absurd padding', conv({ padding: { length: 2 } }), /Conv2d: padding {"length":2} is not known/],
    [
      'many layers of a legal size',
      {
        kind: 'Sequential',
        options: {
          children: Array.from({ length: 100 }, (_, i) => [
            String(i),
            { kind: 'BatchNorm1d', options: { channels: 5000 } },
          ]),
        },
      },
      /the file can hold|this file can hold/,
    ],
    ['children that are no pairs', { kind: 'Sequential', options: { children: [1] } }, /pairs/],
    [
      'a graph with a huge tensor',
      {
        kind: 'GraphModule',
        options: { graph: { ...graph, tensors: { 'y.weight': { shape: [1e9], trainable: true } } } },
      },
      /more weights than the file can hold/,
    ],
    ['a huge architecture', { kind: 'mobilenet_v2', options: { width: 1e5 } }, /more weights/],
    [
      'a block with a huge width',
      { kind: 'InvertedResidual', options: { inChannels: 4, outChannels: 4, stride: 1, expand: 1e9 } },
      /no room for/,
    ],
  ];
  it.each(cases)('with %s is refused', (_, description, message) => {
    const build = (): Module => buildModel(description as ModelDescription, { elements });
    expect(build).toThrow(core.GraftError);
    expect(build).toThrow(message);
  });
  it('nested beyond the call stack is refused', () => {
    let d: ModelDescription = { kind: 'ReLU', options: {} };
    for (let i = 0; i < 1e5; i++) d = { kind: 'Sequential', options: { children: [['0', d as never]] } };
    expect(() => buildModel(d, { elements })).toThrow(FormatError);
  });
});
