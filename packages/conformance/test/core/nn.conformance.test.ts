import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  AdaptiveAvgPool2d,
  AdaptiveMaxPool2d,
  add,
  ArraySource,
  AvgPool1d,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose2d,
  Dropout,
  evaluate,
  extractFeatures,
  FeatureCache,
  fit,
  Flatten,
  GlobalMaxPool2d,
  gradCam,
  GroupNorm,
  Identity,
  InstanceNorm,
  LayerNorm,
  manualSeed,
  MaxPool2d,
  memory,
  Linear,
  Module,
  ones,
  PReLU,
  Random,
  randomNormal,
  ReLU,
  ReLU6,
  Residual,
  scope,
  Sequential,
  setDefaultBackend,
  sgd,
  ShapeError,
  SqueezeExcite,
  sum,
  tensor,
  transfer,
  transpose,
  Upsample,
  valueAndGrad,
  zerosInit,
  type StateEntry,
  type Tensor,
} from '@graftjs/core';
import { currentRandom } from '@graftjs/core/extend';
import { describe, expect, test } from 'vitest';

const backend = await createCpuBackend();
setDefaultBackend(backend);
const values = (t: Tensor): number[] => [...t.dataSync()];
const normal = (shape: number[], name = 'x'): Tensor => randomNormal(shape, new Random(5, name));
const shapes = (m: Module): Record<string, readonly number[]> =>
  Object.fromEntries([...m.stateDict()].map(([n, t]) => [n, t.shape]));

describe('names and shapes are those of torchvision', () => {
  test.each<[string, Module, Record<string, readonly number[]>]>([
    ['Conv2d', new Conv2d(4, 6, [3, 5], { groups: 2 }), { weight: [6, 2, 3, 5], bias: [6] }],
    ['Conv1d', new Conv1d(4, 6, 3, { bias: false }), { weight: [6, 4, 3] }],
    ['Conv3d', new Conv3d(2, 3, 2), { weight: [3, 2, 2, 2, 2], bias: [3] }],
    ['ConvTranspose2d', new ConvTranspose2d(4, 6, 3, { groups: 2 }), { weight: [4, 3, 3, 3], bias: [6] }],
    ['Linear', new Linear(5, 2), { weight: [2, 5], bias: [2] }],
    [
      'BatchNorm2d',
      new BatchNorm2d(3),
      { weight: [3], bias: [3], running_mean: [3], running_var: [3], num_batches_tracked: [] },
    ],
    [
      'BatchNorm1d, not affine',
      new BatchNorm1d(3, { affine: false }),
      { running_mean: [3], running_var: [3], num_batches_tracked: [] },
    ],
    ['LayerNorm', new LayerNorm([2, 3]), { weight: [2, 3], bias: [2, 3] }],
    ['GroupNorm', new GroupNorm(2, 4), { weight: [4], bias: [4] }],
    ['InstanceNorm', new InstanceNorm(4), {}],
    ['PReLU', new PReLU(3), { weight: [3] }],
    [
      'SqueezeExcite',
      new SqueezeExcite(8, 2),
      { 'fc1.weight': [2, 8, 1, 1], 'fc1.bias': [2], 'fc2.weight': [8, 2, 1, 1], 'fc2.bias': [8] },
    ],
    [
      'Residual',
      new Residual(new Sequential([new Conv2d(1, 1, 1, { bias: false })]), {
        shortcut: new Conv2d(1, 1, 1, { bias: false }),
      }),
      { 'body.0.weight': [1, 1, 1, 1], 'shortcut.weight': [1, 1, 1, 1] },
    ],
  ])('%s', (_, module, wanted) => expect(shapes(module)).toEqual(wanted));

  test('a checkpoint without num_batches_tracked loads; one without running_var does not', () => {
    const norm = new BatchNorm2d(2);
    const entry = (data: number[]): StateEntry => ({ shape: [2], data });
    const state = new Map<string, StateEntry>([
      ['weight', entry([1, 2])],
      ['bias', entry([3, 4])],
      ['running_mean', entry([5, 6])],
      ['running_var', entry([7, 8])],
    ]);
    norm.loadStateDict(state);
    expect(values(norm.runningVar.value)).toEqual([7, 8]);
    state.set('num_batches_tracked', { shape: [], data: [9] });
    norm.loadStateDict(state);
    expect(norm.numBatchesTracked.value.dtype).toBe('int32');
    expect(values(norm.numBatchesTracked.value)).toEqual([9]);
    state.delete('running_var');
    expect(() => norm.loadStateDict(state)).toThrow(/missing: running_var$/);
  });
});

describe('batch norm', () => {
  const x = add(normal([8, 3, 4, 4]), 2);
  const statistics = (m: BatchNorm2d): number[][] =>
    [m.runningMean, m.runningVar, m.numBatchesTracked].map((s) => values(s.value));

  test('in training moves its statistics, which survive the scope, and leaks nothing', () => {
    const norm = new BatchNorm2d(3);
    scope(() => void norm.forward(x));
    const before = memory(backend).tensors;
    scope(() => void valueAndGrad(() => sum(norm.forward(x)), norm.parameters()));
    expect(memory(backend).tensors).toBe(before);
    const [mean, variance, count] = statistics(norm);
    expect(count).toEqual([2]);
    for (const m of mean!) expect(m).toBeGreaterThan(0.2);
    for (const v of variance!) expect(v).not.toBe(1);
  });

  test.each<[string, (m: BatchNorm2d) => void]>([
    ['in evaluation', (m) => m.eval()],
    ['locked', (m) => m.lock()],
    ["with statistics 'stored'", (m) => (m.statistics = 'stored')],
  ])('%s, it uses the stored statistics and leaves them alone', (_, set) => {
    const norm = new BatchNorm2d(3);
    norm.forward(x);
    const plain = values(norm.eval().forward(x));
    norm.train();
    const before = statistics(norm);
    set(norm);
    expect(values(norm.forward(x))).toEqual(plain);
    expect(statistics(norm)).toEqual(before);
  });

  test('is frozen when nothing in it can move', () => {
    const norm = new BatchNorm2d(3);
    for (const p of norm.parameters()) p.locked = true;
    expect(norm.frozen).toBe(false); // its statistics still follow the batch
    norm.statistics = 'stored';
    expect(norm.frozen).toBe(true);
    expect(new BatchNorm1d(3, { affine: false }).frozen).toBe(false);
    expect(new BatchNorm1d(3, { affine: false }).lock().frozen).toBe(true);
  });

  test('says which ranks it takes, and that one value has no variance', () => {
    expect(() => new BatchNorm3d(3).forward(x)).toThrow(
      /BatchNorm3d: input has shape \[8, 3, 4, 4\], it must have 5 axes/,
    );
    expect(() => new BatchNorm1d(3).forward(ones([1, 3]))).toThrow(/use a larger batch/);
    expect(() => new BatchNorm2d(4).forward(x)).toThrow(/the input has 3 channels: it must be \[3\]/);
  });
});

describe('windows', () => {
  test('a layer has its configuration, and makes another one from it', () => {
    const conv = new Conv2d(3, 6, [3, 5], { stride: 2, padding: 'same', groups: 3 });
    expect(conv.config).toEqual({
      inChannels: 3,
      outChannels: 6,
      kernel: [3, 5],
      stride: [2, 2],
      padding: 'same',
      dilation: [1, 1],
      groups: 3,
      bias: true,
    });
    expect(Conv2d.from(conv.config).config).toEqual(conv.config);
    expect(new MaxPool2d(2).config.stride).toEqual([2, 2]);
    expect(new AvgPool1d(4, { stride: 1, padding: 2 }).config).toMatchObject({ stride: [1], padding: 2 });
    expect(ConvTranspose2d.from(new ConvTranspose2d(1, 1, 2, { stride: 2 }).config).outputPadding).toEqual([
      0, 0,
    ]);
    class Mine extends Conv2d {}
    expect(Mine.from(conv.config)).toBeInstanceOf(Mine);
    const block = new Residual(conv, { activation: new ReLU() });
    expect(Residual.from(block.config).body).toBe(conv);
  });

  test('parts that are no modules are refused by name', () => {
    const none = undefined as unknown as Module;
    expect(() => new Sequential({ a: none })).toThrow("Sequential: 'a' is not a module");
    expect(() => new Residual(none)).toThrow('Residual: body is not a module');
    expect(() => new SqueezeExcite(4, 2, { gate: {} as Module })).toThrow(
      'SqueezeExcite: gate is not a module',
    );
  });

  test('wrong arguments and inputs are named', () => {
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow(
      /Conv2d: 3 and 4 channels do not divide into 2 groups/,
    );
    expect(() => new Conv2d(3, 4, [3])).toThrow(/kernelSize \[3\] has 1 entries for 2 spatial axes/);
    expect(() => new MaxPool2d(2).forward(ones([1, 2, 8]))).toThrow(
      /MaxPool2d: input has shape \[1, 2, 8\], it must have 4 axes/,
    );
    expect(() => new Upsample({})).toThrow(/either size or scale/);
  });
});

describe('the same network in both layouts', () => {
  const build = (layout: 'channels-first' | 'channels-last'): Sequential => {
    manualSeed(11);
    return new Sequential([
      new Conv2d(3, 8, 3, { padding: 'same', layout }),
      new BatchNorm2d(8, { layout }),
      new PReLU(8, { layout }),
      new MaxPool2d(2, { layout }),
      new SqueezeExcite(8, 4, { layout }),
      new Residual(new Conv2d(8, 8, 3, { groups: 4, padding: 1, layout }), { activation: new ReLU6() }),
      new ConvTranspose2d(8, 4, 2, { stride: 2, layout }),
      new Upsample({ scale: 2, mode: 'linear', layout }),
      new GroupNorm(2, 4, { layout }),
      new AdaptiveAvgPool2d([3, 2], { layout }),
      new AdaptiveMaxPool2d(2, { layout }),
      new GlobalMaxPool2d({ layout }),
      new Flatten(),
      new Identity(),
      new Linear(4, 2),
    ]);
  };
  test('has the same weights, outputs and gradients', () => {
    const x = normal([2, 3, 8, 8]);
    const [first, last] = [build('channels-first'), build('channels-last')];
    const run = (m: Sequential, input: Tensor): number[][] => {
      const { value, grads } = valueAndGrad(() => {
        const logits = m.forward(input);
        return { loss: sum(logits), logits };
      }, m.parameters());
      return [value.logits, ...grads].map(values);
    };
    const [a, b] = [run(first, x), run(last, transpose(x, [0, 2, 3, 1]))];
    a.forEach((list, i) =>
      list.forEach((v, j) => expect(Math.abs(v - b[i]![j]!)).toBeLessThan(1e-4 * (1 + Math.abs(v)))),
    );
  });
});

describe('randomness', () => {
  test('initial weights depend on the seed alone', () => {
    const make = (seed: number): number[] => {
      manualSeed(seed);
      return values(new Conv2d(2, 2, 3).weight.value);
    };
    expect(make(1)).toEqual(make(1));
    expect(make(1)).not.toEqual(make(2));
    expect(values(new Linear(3, 2, { init: zerosInit, biasInit: zerosInit }).forward(ones([1, 3])))).toEqual([
      0, 0,
    ]);
  });

  test('dropout draws in training only, and not while locked', () => {
    const drop = new Dropout(0.5);
    const x = ones([50]);
    const at = currentRandom().position;
    expect(drop.eval().forward(x)).toBe(x);
    expect(drop.train().lock().forward(x)).toBe(x);
    expect(currentRandom().position).toBe(at);
    expect(values(drop.unlock().forward(x))).toContain(0);
    expect(currentRandom().position).toBe(at + 50);
    expect([drop.frozen, new Dropout(0).frozen]).toEqual([false, true]);
  });
});

test('tensor() of a layer goes to the backend it is given', async () => {
  const other = await createCpuBackend();
  expect(new Conv2d(1, 1, 1, { backend: other }).weight.value.backend).toBe(other);
  expect(new BatchNorm2d(1, { backend: other }).numBatchesTracked.value.backend).toBe(other);
  expect(tensor([1]).backend).toBe(backend);
});

describe('an error carries the path of its layer', () => {
  class Block extends Module {
    readonly conv = new Conv2d(3, 4, 3);
    readonly #hidden = new Linear(9, 2);
    constructor(readonly hides = false) {
      super();
    }
    forward(x: Tensor): Tensor {
      return this.hides ? this.#hidden.forward(x) : this.conv.forward(x);
    }
  }
  class Fails extends Module {
    constructor(readonly error: unknown) {
      super();
    }
    forward(): Tensor {
      throw this.error;
    }
  }
  const network = (block: Module, first: Module = new ReLU()): Sequential =>
    new Sequential({ features: new Sequential([first, new Identity(), block]), head: new Flatten() });
  const wrong = (): Tensor => ones([2, 5, 8, 8]);
  const thrownBy = (run: () => unknown): unknown => {
    try {
      run();
    } catch (error) {
      return error;
    }
    throw new Error('it did not throw');
  };

  test('once, whole, and stays of its class', () => {
    const error = thrownBy(() => network(new Block()).forward(wrong())) as Error;
    const [line] = (thrownBy(() => new Conv2d(3, 4, 3).forward(wrong())) as Error).message.split('\n');
    expect(error).toBeInstanceOf(ShapeError);
    expect(error.message).toBe(`features.2.conv: ${line}`);
    expect(error.stack).toContain(`ShapeError: ${error.message}\n`);
    // A layer by itself has no path.
    expect(line).toMatch(/^conv: /);
  });

  test('where a convolution takes its neighbours with it, in a residual, and of a part without a name', () => {
    const fused = new Sequential({ conv: new Conv2d(3, 4, 3, { bias: false }), bn: new BatchNorm2d(4) });
    expect(() => network(fused.eval()).forward(wrong())).toThrow(/^features\.2\.conv: conv: /);
    expect(() => network(new Residual(new Block())).forward(wrong())).toThrow(/^features\.2\.body\.conv: /);
    expect(() => network(new Block(true)).forward(wrong())).toThrow(/^features\.2: linear: /);
  });

  test('in evaluate, fit, transfer and gradCam as the model has it, where the locked part is run alone, too', async () => {
    const classes = ['a', 'b'];
    const source = new ArraySource(new Float32Array(4 * 5 * 64), [0, 1, 0, 1], [5, 8, 8], classes);
    const path = /^features\.2\.conv: /;
    const options = { epochs: 1, optimizer: sgd() };
    const cut = new Sequential({ locked: network(new Block()).lock(), head: new Linear(4, 2) });
    const open = network(new Block(), new Conv2d(5, 5, 1));
    const inner = /^locked\.features\.2\.conv: /;
    await expect(evaluate(network(new Block()), source)).rejects.toThrow(path);
    await expect(evaluate(cut, source, { cache: new FeatureCache() })).rejects.toThrow(inner);
    await expect(fit(open, { train: source }, options)).rejects.toThrow(path);
    await expect(fit(cut, { train: source }, options)).rejects.toThrow(inner);
    await expect(extractFeatures(cut, source)).rejects.toThrow(inner);
    expect(() => transfer(network(new Block()), { classes, sampleShape: [5, 8, 8] })).toThrow(path);
    expect(() => gradCam(network(new Block()), wrong(), 0)).toThrow(path);
  });

  test('also one that is not ours; what is no error, or cannot be changed, passes as it is', () => {
    const own = new RangeError('mine');
    expect(thrownBy(() => network(new Fails(own)).forward(wrong()))).toBe(own);
    expect(own.message).toBe('features.2: mine');
    // The same object, thrown again from elsewhere, has one path.
    const around = new Sequential({ all: network(new Fails(own)) });
    expect(() => around.forward(wrong())).toThrow(/^all\.features\.2: mine$/);
    const frozen = Object.freeze(new Error('cold'));
    for (const e of ['text', undefined, frozen]) {
      expect(thrownBy(() => network(new Fails(e)).forward(wrong()))).toBe(e);
    }
    expect(frozen.message).toBe('cold');
  });
});
