import { createCpuBackend } from '@graftjs/backend-cpu';
import * as core from '@graftjs/core';
import { Module, Sequential, setDefaultBackend, type Tensor } from '@graftjs/core';
import { FormatError, GraphModule } from '@graftjs/formats';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { examples as common } from '../test/examples.ts';
import { hashedPicture } from '../test/hashed.ts';
import { buildModel } from './build-model.ts';
import { describeModel, layers, type ModelDescription } from './describe.ts';
import { blocks } from './networks/network.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const graph = {
  inputs: ['x'],
  outputs: ['y'],
  nodes: [{ name: 'y', op: 'mul', inputs: ['x', 'y.weight'], attrs: {} }],
  tensors: { 'y.weight': { shape: [4], trainable: true } },
};

const examples = [...common, ['GraphModule', () => new GraphModule(graph), [2, 4]] as const];

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
