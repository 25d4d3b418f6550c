import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adagrad,
  adam,
  adamW,
  ArraySource,
  BatchNorm2d,
  broadcastTo,
  Conv2d,
  crossEntropy,
  Dropout,
  FeatureCache,
  fit,
  freeLost,
  GraftError,
  Linear,
  manualSeed,
  mean,
  memory,
  GlobalAvgPool2d,
  Module,
  mul,
  Parameter,
  peakMemory,
  ReLU,
  reshape,
  rmsprop,
  Sequential,
  setDefaultBackend,
  sgd,
  stagesOf,
  tensor,
  transfer,
  evaluate,
  extractFeatures,
  Random,
  type Backend,
  type FitOptions,
  type History,
  type Optimizer,
  type Tensor,
  type TransferOptions,
} from '@graftjs/core';
import { interpret, composite } from '@graftjs/core/extend';
import { type Graph } from '@graftjs/core/backend';
import { describe, expect, test } from 'vitest';
import { bits, MemoryStore, stripes } from './helpers.ts';

const backend = await createCpuBackend();
setDefaultBackend(backend);
/** The same, taking graphs whole. */
const whole: Backend = Object.assign(Object.create(backend) as Backend, {
  compile: (graph: Graph, captures: readonly unknown[]) => interpret(graph, whole, captures),
});

const shape = [2, 8, 8];
const train = stripes(50, shape, 1);
const validation = stripes(24, shape, 2);

function base(): Sequential {
  manualSeed(3);
  return new Sequential({
    stem: new Sequential([new Conv2d(2, 6, 3, { padding: 1 }), new BatchNorm2d(6), new ReLU()]),
    deep: new Sequential([new Conv2d(6, 8, 3, { padding: 1, stride: 2 }), new BatchNorm2d(8), new ReLU()]),
  });
}
const grafted = (): Sequential => transfer(base(), { classes: 4, sampleShape: shape, dropout: 0.3 });
const options = (): FitOptions => ({ epochs: 3, batchSize: 16, optimizer: adam({ lr: 0.01 }), seed: 5 });

describe('a locked layer', () => {
  test('keeps the bits of its weights and running statistics, with weight decay, momentum and batch norm', async () => {
    const model = grafted();
    const locked = (name: string): boolean => !name.startsWith('head');
    const before = await bits(model);
    await fit(
      model,
      { train, validation },
      { ...options(), optimizer: sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1 }), keepBest: false },
    );
    expect(await bits(model, locked)).toEqual(
      Object.fromEntries(Object.entries(before).filter(([n]) => locked(n))),
    );
    expect(await bits(model)).not.toEqual(before);
  });

  test('in the middle of an unlocked network keeps its bits, too', async () => {
    const model = grafted();
    model.unlock();
    model.lock('deep');
    for (const [, m] of model.namedModules()) if (m instanceof BatchNorm2d) m.statistics = 'batch';
    const inDeep = (name: string): boolean => name.startsWith('deep');
    const before = await bits(model, inDeep);
    const stem = await bits(model, (n) => n.startsWith('stem'));
    await fit(
      model,
      { train },
      { ...options(), optimizer: sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.1 }) },
    );
    expect(await bits(model, inDeep)).toEqual(before);
    const after = await bits(model, (n) => n.startsWith('stem'));
    for (const name of Object.keys(stem)) expect(after[name], name).not.toBe(stem[name]);
  });
});

describe('the feature cache', () => {
  test('does not change a bit of what is trained', async () => {
    const results = await Promise.all(
      [null, new FeatureCache(), new FeatureCache({ memoryLimit: 100 })].map(async (cache) => {
        const model = grafted();
        const history = await fit(model, { train, validation }, { ...options(), cache });
        return { history, weights: await bits(model) };
      }),
    );
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test('asks the source for every picture once, and keeps pooled features', async () => {
    const model = grafted();
    const seen = new Map<number, number>();
    const counting = Object.assign(stripes(50, shape, 1), {
      load(this: typeof train, indices: readonly number[]) {
        for (const i of indices) seen.set(i, (seen.get(i) ?? 0) + 1);
        return train.load(indices);
      },
    });
    const cache = new FeatureCache();
    await fit(model, { train: counting }, { ...options(), cache });
    expect([...seen.values()]).toEqual(new Array(50).fill(1));
    expect(cache.bytes).toBe(50 * 16 * 4);
  });

  test('spills to a store, comes back from it, and survives one that fails', async () => {
    const files = new Map<string, Float32Array>();
    const store = {
      read: (k: string) => Promise.resolve(files.get(k) ?? null),
      write: (k: string, v: Float32Array) => Promise.resolve(void files.set(k, v.slice())),
    };
    const run = async (cache: FeatureCache): Promise<unknown> => {
      const model = grafted();
      await fit(model, { train }, { ...options(), cache });
      return bits(model);
    };
    const plain = await run(new FeatureCache());
    expect(await run(new FeatureCache({ memoryLimit: 100, store }))).toEqual(plain);
    expect(files.size).toBe(1);
    expect(await run(new FeatureCache({ memoryLimit: 100, store }))).toEqual(plain);
    const warnings: string[] = [];
    const full = {
      read: () => Promise.resolve(null),
      write: () => Promise.reject(new Error('no space left')),
    };
    expect(
      await run(new FeatureCache({ memoryLimit: 100, store: full, onWarning: (m) => warnings.push(m) })),
    ).toEqual(plain);
    expect(warnings).toHaveLength(1);
  });
});

/** Each sample, two numbers, takes 4 MiB on the way. */
class Wide extends Module {
  readonly weight = new Parameter(tensor([1.5], [1]));
  forward(x: Tensor): Tensor {
    const many = reshape(mul(x, this.weight.value), [x.shape[0]!, 2, 1]);
    return composite(() => mean(broadcastTo(many, [x.shape[0]!, 2, 2 ** 19]), 2));
  }
}

describe('samples that run at once', () => {
  const MIB = 2 ** 20;

  test('are as many as there is room for, while features are computed and while a model is measured', async () => {
    const values = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i));
    const labels = Int32Array.from({ length: 64 }, (_, i) => i % 2);
    const source = new ArraySource(values, labels, [2], ['a', 'b']);
    const model = transfer(new Sequential({ wide: new Wide(), rest: new Linear(2, 2) }), {
      classes: 2,
      sampleShape: [2],
    });
    const work = [
      () => fit(model, { train: source }, { ...options(), epochs: 1, batchSize: 64 }),
      () => evaluate(model, source, { batchSize: 64 }),
      () => extractFeatures(model, source, { batchSize: 64 }),
    ];
    for (const run of work) {
      // All at once they would take 256 MiB.
      const { bytes } = await peakMemory<unknown>(backend, run);
      expect(bytes).toBeGreaterThan(60 * MIB);
      expect(bytes).toBeLessThan(130 * MIB);
    }
    model.dispose();
  });

  test('do not change a bit, however many they are', async () => {
    const model = base();
    const few = await extractFeatures(model, train, { batchSize: 3 });
    const many = await extractFeatures(model, train, { batchSize: 50 });
    expect(many.values).toEqual(few.values);
    const whole = grafted();
    const { loss, probabilities } = await evaluate(whole, train, { batchSize: 7 });
    expect(await evaluate(whole, train, { batchSize: 50 })).toMatchObject({ loss, probabilities });
  });

  test('may run through a model that has no weights', async () => {
    const model = new Sequential([new GlobalAvgPool2d()]);
    const values = Float32Array.from({ length: 4 * 8 }, (_, i) => ((i >> 2) % 2 === (i >> 4) % 2 ? 1 : 0));
    const source = new ArraySource(values, [0, 0, 1, 1], [2, 2, 2], ['first', 'second']);
    expect((await evaluate(model, source)).accuracy).toBe(1);
  });
});

describe('fit', () => {
  test('learns', async () => {
    const model = grafted();
    model.unlock();
    const history = await fit(model, { train, validation }, { ...options(), epochs: 10 });
    expect(history.epochs).toHaveLength(10);
    expect(history.epochs.at(-1)!.loss).toBeLessThan(history.epochs[0]!.loss / 2);
    expect((await evaluate(model, validation)).balancedAccuracy).toBeGreaterThan(0.9);
  });

  test('leaks no tensor', async () => {
    const model = grafted();
    model.unlock({ from: 'deep' });
    const optimizer = adam({ lr: 0.01 });
    const run = { ...options(), optimizer, cache: null, keepBest: false, clipNorm: 1, mixup: 0.4 };
    await fit(model, { train, validation }, run);
    await freeLost(backend); // of earlier tests
    const before = memory(backend);
    await fit(model, { train, validation }, run);
    expect(memory(backend)).toEqual(before);
  });

  test.each<[string, () => Optimizer, Partial<FitOptions>]>([
    ['sgd with momentum', () => sgd({ lr: 0.1, momentum: 0.9 }), {}],
    ['adam', () => adam(), { clipNorm: 1 }],
    ['adam, amsgrad', () => adam({ amsgrad: true }), { mixup: 0.2 }],
    ['adamW with a schedule', () => adamW(), { schedule: (s, n) => 1 - s / n }],
    ['rmsprop, centered, with momentum', () => rmsprop({ centered: true, momentum: 0.9 }), {}],
    ['adagrad', () => adagrad(), {}],
  ])('whose first step fails leaves nothing behind, %s', async (_, make, more) => {
    for (const compiled of [false, true]) {
      const on = compiled ? whole : backend;
      setDefaultBackend(on);
      const model = grafted();
      model.unlock({ from: 'deep' });
      setDefaultBackend(backend);
      const weights = await bits(model);
      await freeLost(on); // of earlier tests
      const before = memory(on);
      const losses = [
        // not a number; thrown; a shape that no gradient has; in the optimizer, after some parameters
        (logits: Tensor) => mean(mul(logits, NaN)),
        () => {
          throw new GraftError('no loss');
        },
        (logits: Tensor) => logits,
      ];
      const runs: Partial<FitOptions>[] = losses.map((loss) => ({ loss }));
      let asked = 0;
      runs.push({
        schedule: () => {
          if (++asked > 1) throw new GraftError('no rate');
          return 1;
        },
      });
      for (const run of runs) {
        const optimizer = make();
        const all = { ...options(), cache: null, ...more, ...run, optimizer };
        await expect(fit(model, { train, validation }, all)).rejects.toThrow();
        expect([optimizer.stepCount, optimizer.state().size]).toEqual([0, 0]);
        optimizer.dispose();
        expect(memory(on)).toEqual(before);
      }
      expect(await bits(model)).toEqual(weights);
    }
  });

  test('stopped anywhere and resumed, gives the bits and the history of an undisturbed run', async () => {
    const run = async (stops: readonly number[]): Promise<{ weights: unknown; history: History }> => {
      const store = new MemoryStore();
      for (const stop of [...stops, Infinity]) {
        const model = grafted();
        let steps = 0;
        const signal = { aborted: false };
        const history = await fit(
          model,
          { train, validation },
          {
            ...options(),
            optimizer: adam({ lr: 0.01 }),
            unfreeze: [{ epoch: 1, unlock: { from: 'deep' } }],
            mixup: 0.2,
            checkpoint: store,
            checkpointSteps: 2,
            resume: true,
            signal,
            onStep: () => {
              if (++steps === stop) signal.aborted = true;
            },
          },
        );
        if (stop !== Infinity) expect(history.stopped).toBe('aborted');
        else return { weights: await bits(model), history };
      }
      throw new Error('unreachable');
    };
    const whole = await run([]);
    expect(await run([1])).toEqual(whole);
    expect(await run([4, 1, 3])).toEqual(whole);
    expect(await run([2, 6])).toEqual(whole);
  });

  test('keeps the best epoch, and stops early when it gets no better', async () => {
    const model = grafted();
    const history = await fit(
      model,
      { train, validation },
      { ...options(), epochs: 40, optimizer: sgd({ lr: 2 }), earlyStopping: { patience: 2 } },
    );
    expect(history.stopped).toBe('early');
    const best = Math.min(...history.epochs.map((e) => e.validationLoss!));
    expect(history.epochs[history.bestEpoch!]!.validationLoss).toBe(best);
    expect((await evaluate(model, validation, { batchSize: 16 })).loss).toBe(best);
  });

  test('that stopped early stays stopped when it is resumed', async () => {
    const store = new MemoryStore();
    const run = async (): Promise<{ history: History; weights: unknown }> => {
      const model = grafted();
      const early = { ...options(), epochs: 40, optimizer: sgd({ lr: 2 }), earlyStopping: { patience: 1 } };
      const history = await fit(model, { train, validation }, { ...early, checkpoint: store, resume: true });
      return { history, weights: await bits(model) };
    };
    const first = await run();
    expect(first.history.stopped).toBe('early');
    expect(await run()).toEqual(first);
  });

  test('says what is wrong', async () => {
    const locked = grafted().lock();
    await expect(fit(locked, { train }, options())).rejects.toThrow(/every layer is locked/);
    await expect(fit(grafted(), { train }, { ...options(), optimizer: sgd({ lr: 1e39 }) })).rejects.toThrow(
      /lower the learning rate/,
    );
    expect(() => transfer(base(), { classes: 4, sampleShape: shape, cut: 'dep' })).toThrow(
      /unknown layer 'dep'; the nearest are 'deep'/,
    );
    expect(() => transfer(base(), { classes: 1, sampleShape: shape })).toThrow(/at least two classes/);
  });

  test('a dropout in the base keeps it out of the cache', async () => {
    const chain = new Sequential({ a: new Conv2d(2, 3, 3), drop: new Dropout(0.5), b: new Conv2d(3, 3, 3) });
    const model = transfer(chain, { classes: 4, sampleShape: shape });
    expect(model.module('drop').frozen).toBe(true); // locked: it does not drop
    model.unlock('drop');
    expect(model.module('drop').frozen).toBe(false);
  });

  test('a convolution before the last pooling is a classifier behind dropout, and else the end of a trunk', () => {
    const stages = (more: Record<string, Module>): string[] => {
      const chain = { a: new Conv2d(2, 3, 3), ...more, last: new Conv2d(3, 4, 1), relu: new ReLU() };
      const base = new Sequential({ ...chain, pool: new GlobalAvgPool2d() });
      const model = transfer(base, { classes: 4, sampleShape: shape });
      return stagesOf(model).flatMap(({ name }) => (name.startsWith('head') ? [] : name));
    };
    expect(stages({ drop: new Dropout(0.5) })).toEqual(['a']);
    expect(stages({})).toEqual(['a', 'last', 'relu']);
  });
});

describe('a head after few steps is evaluated as it was trained', () => {
  /** Two clouds far from 0, which a line parts. */
  const clouds = (count: number, seed = 1): ArraySource => {
    const random = new Random(seed, 'clouds');
    const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
    const noise = random.normalArray(count * 3 * 16);
    const values = noise.map((v, i) => 50 + 20 * (labels[Math.floor(i / 48)]! * 2 - 1) + v);
    return new ArraySource(values, labels, [3, 4, 4], ['a', 'b'], `clouds ${count}`);
  };
  const samples = clouds(32);
  const make = (more: Partial<TransferOptions> = {}): Sequential => {
    manualSeed(4);
    const chain = new Sequential({ conv: new Conv2d(3, 6, 3), norm: new BatchNorm2d(6), relu: new ReLU() });
    return transfer(chain, { classes: 2, sampleShape: [3, 4, 4], ...more });
  };
  const settings = (epochs = 5): FitOptions => ({
    epochs,
    optimizer: adamW({ lr: 0.5 / epochs, lrPerGroup: { base: 0.01 } }),
    seed: 2,
  });

  test.each<[string, Partial<FitOptions>, Partial<TransferOptions>?, boolean?]>([
    ['five steps', {}],
    ['a single one', { epochs: 1 }],
    ['batches larger than the data', { batchSize: 100 }],
    ['ragged batches', { batchSize: 12 }],
    ['no cache', { cache: null }],
    ['views', { views: 3 }],
    ['fresh views', { views: 'fresh' }],
    ['a base that is unlocked', {}, {}, true],
    ['a base on the statistics of batches', {}, { batchNorm: 'batch' }, true],
    ['a base that is unlocked later', { unfreeze: [{ epoch: 3, unlock: { from: 'norm' } }] }],
  ])('%s', async (_, more, transferred, unlock) => {
    for (const on of [backend, whole]) {
      setDefaultBackend(on);
      const model = make(transferred);
      setDefaultBackend(backend);
      if (unlock) model.unlock();
      await fit(model, { train: samples }, { ...settings(more.epochs), ...more });
      // On running statistics, which have hardly left their start, it is about one half.
      expect((await evaluate(model, samples)).accuracy).toBeGreaterThan(0.8);
      expect((await evaluate(model, clouds(40, 9))).accuracy).toBeGreaterThan(0.8);
    }
  });

  test('with the moments of the features, whatever the batches', async () => {
    const seen = await Promise.all(
      [1, 5, 32].map(async (batchSize) => {
        const model = make();
        await fit(model, { train: samples }, { ...settings(), batchSize: batchSize + 1 });
        return bits(model, (n) => n.startsWith('head.norm.running'));
      }),
    );
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
    const model = make();
    await fit(model, { train: samples }, settings());
    const features = await extractFeatures(model, samples, { to: 'head.pool', batchSize: 32 });
    const width = features.sampleShape[0]!;
    const column = (c: number): number[] =>
      Array.from({ length: 32 }, (_, i) => features.values[i * width + c]!);
    const state = model.stateDict();
    for (let c = 0; c < width; c++) {
      const mean = column(c).reduce((a, v) => a + v, 0) / 32;
      const variance = column(c).reduce((a, v) => a + (v - mean) ** 2, 0) / 32;
      expect(state.get('head.norm.running_mean')!.dataSync()[c]).toBeCloseTo(mean, 4);
      if (variance === 0) continue;
      expect(state.get('head.norm.running_var')!.dataSync()[c]! / variance).toBeCloseTo(1, 6);
    }
  });

  test('a run that was stopped anywhere ends with the same bits, a pass over the samples among it', async () => {
    for (const cache of [undefined, null]) {
      const run = async (stops: readonly number[]): Promise<unknown> => {
        const store = new MemoryStore();
        for (const stop of [...stops, Infinity]) {
          const model = make();
          let looks = 0;
          const signal = {
            get aborted() {
              return ++looks > stop;
            },
          };
          const all = { ...settings(), batchSize: 12, views: 2, ...(cache === null ? { cache } : {}) };
          const resumed = { ...all, checkpoint: store, resume: true, signal };
          const { stopped } = await fit(model, { train: samples }, resumed);
          if (stopped === 'finished') return bits(model);
        }
        throw new Error('unreachable');
      };
      const undisturbed = await run([]);
      for (const stop of [3, 5, 6, 7, 9, 12]) expect(await run([stop, stop])).toEqual(undisturbed);
    }
  });
});

describe('classes of very different size', () => {
  /** One number a sample: −1 for the large class, +1 for the rare one. */
  const numbers = (large: number, rare: number): ArraySource => {
    const labels = Int32Array.from({ length: large + rare }, (_, i) => (i < large ? 0 : 1));
    const values = Float32Array.from(labels, (l) => 2 * l - 1);
    return new ArraySource(values, labels, [1], ['large', 'rare']);
  };
  const run = async (
    source: ArraySource,
    more: Partial<FitOptions>,
  ): Promise<[number, readonly string[]]> => {
    manualSeed(1);
    const model = new Sequential([new Linear(1, 2)]);
    const options = { epochs: 20, optimizer: adam({ lr: 0.2 }), labelSmoothing: 0.1, ...more };
    const { warnings } = await fit(model, { train: source }, options);
    return [(await evaluate(model, source)).accuracy, warnings];
  };

  test.each([
    [100, 4],
    [30, 1],
    [100, 1],
  ])('are told apart at %i : %i, with weights, smoothing and mixup', async (large, rare) => {
    const source = numbers(large, rare);
    for (const more of [{}, { mixup: 0.2 }, { labelSmoothing: 0 }, { classWeights: [1, large / rare] }]) {
      expect(await run(source, { classWeights: 'balanced', ...more })).toEqual([1, []]);
    }
  });

  test('a result below the share of the largest class is said', async () => {
    const source = numbers(100, 4);
    const [accuracy, warnings] = await run(source, {
      loss: (logits) => crossEntropy(logits, tensor(new Int32Array(logits.shape[0]!).fill(1))), // all are rare
    });
    expect(accuracy).toBeCloseTo(4 / 104, 10);
    expect(warnings).toEqual([
      "training: an accuracy of 3.8 % is less than the 96.2 % of always answering 'large'",
    ]);
  });
});
