import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  BatchNorm2d,
  CheckpointError,
  Conv2d,
  fit,
  freeLost,
  manualSeed,
  memory,
  ReLU,
  Sequential,
  setDefaultBackend,
  transfer,
  type Backend,
  type Checkpoint,
  type FitData,
  type FitOptions,
  type SavedTensor,
} from '@graftjs/core';
import { describe, expect, test } from 'vitest';
import { bits, MemoryStore, stripes } from './helpers.ts';

const cpu = await createCpuBackend();
/** Counts the bytes that are read from it. */
let read = 0;
const backend: Backend = Object.assign(Object.create(cpu) as Backend, {
  read: (buffer: unknown, spec: Parameters<Backend['read']>[1]) => {
    read += spec.shape.reduce((n, d) => n * d, 4);
    return cpu.read(buffer as never, spec);
  },
});
setDefaultBackend(backend);

const shape = [2, 8, 8];
const train = stripes(50, shape, 1);
const validation = stripes(24, shape, 2);
const grafted = (seed = 3, width = 8): Sequential => {
  manualSeed(seed);
  const base = new Sequential({
    stem: new Sequential([new Conv2d(2, 6, 3, { padding: 1 }), new BatchNorm2d(6), new ReLU()]),
    deep: new Sequential([new Conv2d(6, width, 3, { padding: 1 }), new BatchNorm2d(width), new ReLU()]),
  });
  return transfer(base, { classes: 4, sampleShape: shape, dropout: 0.3 });
};
const options = (): FitOptions => ({ epochs: 3, batchSize: 16, optimizer: adam({ lr: 0.01 }), seed: 5 });
const run = (
  model: Sequential,
  more: Partial<FitOptions>,
  data: FitData = { train },
): ReturnType<typeof fit> => fit(model, data, { ...options(), ...more });

/** A checkpoint, as `fit` writes it. */
async function saved(more: Partial<FitOptions> = {}, data: FitData = { train }): Promise<Checkpoint> {
  const store = new MemoryStore();
  await run(grafted(), { checkpoint: store, ...more }, data);
  return store.last!;
}
const storeOf = (checkpoint: Checkpoint): MemoryStore =>
  Object.assign(new MemoryStore(), { last: checkpoint });

describe('a checkpoint', () => {
  test('is asked for before anything is read, but not when the run is stopped', async () => {
    const bytesOf = async (due: () => boolean, stopAt = Infinity): Promise<[number, number]> => {
      const store = Object.assign(new MemoryStore(), { due });
      const model = grafted();
      const signal = { aborted: false };
      let steps = 0;
      const stop = (): void => void (signal.aborted = ++steps === stopAt);
      read = 0;
      await run(model, { checkpoint: store, checkpointSteps: 1, signal, onStep: stop });
      return [read, store.saves];
    };
    const model = grafted();
    read = 0;
    await run(model, {});
    const plain = read;
    expect(await bytesOf(() => false)).toEqual([plain, 0]);
    const [every, saves] = await bytesOf(() => true);
    expect([every > plain, saves]).toEqual([true, 12]);
    expect((await bytesOf(() => false, 2))[1]).toBe(1);
  });

  test('holds what the run has changed, and of the locked rest fingerprints, read once', async () => {
    const checkpoint = await saved();
    const names = [...checkpoint.tensors.keys()];
    expect(names.filter((n) => /stem|deep/.test(n))).toEqual([]);
    expect(names).toContain('model/head.classifier.weight');
    expect(names).toContain('model/head.norm.running_mean');
    expect(names).toContain('optimizer/head.classifier.weight.exp_avg');
    const { unchanged } = JSON.parse(checkpoint.meta) as { unchanged: Record<string, string> };
    expect(Object.keys(unchanged).sort()).toEqual(
      [...grafted().stateDict().keys()].filter((n) => /stem|deep/.test(n)).sort(),
    );
  });

  test('gives back what is locked: a run resumed after its last epoch, and one whose layers its caller locks', async () => {
    const finished = async (more: Partial<FitOptions>): Promise<string[]> => {
      const model = grafted();
      await run(model, more);
      return [...model.namedModules(), ...model.namedParameters()].flatMap(([n, m]) => (m.locked ? [n] : []));
    };
    const more: Partial<FitOptions>[] = [
      { unfreeze: [{ epoch: 2, unlock: { from: 'deep' } }] },
      { onEpoch: (_, model) => void model.lock('head.norm') },
    ];
    for (const m of more) {
      const store = storeOf(await saved(m));
      const resumed = grafted();
      await run(resumed, { ...m, checkpoint: store, resume: true });
      expect(await finished({ ...m, checkpoint: store, resume: true })).toEqual(await finished(m));
    }
  });

  test('brings back the best epoch, though it came before the base was unlocked', async () => {
    const data = { train, validation };
    // From the second epoch on it climbs.
    const more = {
      unfreeze: [{ epoch: 1, unlock: { from: 'deep' } }],
      schedule: (step: number) => (step < 4 ? 1 : -10),
    };
    const whole = grafted();
    const history = await run(whole, more, data);
    expect(history.bestEpoch).toBe(0);
    const resumed = grafted();
    const again = await run(
      resumed,
      { ...more, checkpoint: storeOf(await saved(more, data)), resume: true },
      data,
    );
    expect(again).toEqual(history);
    expect(await bits(resumed)).toEqual(await bits(whole));
  });
});

describe('a checkpoint that does not fit is refused, and nothing is changed', () => {
  const refused = async (
    checkpoint: Checkpoint,
    message: RegExp,
    more: Partial<FitOptions> = {},
    model = grafted(),
    data: FitData = { train },
  ): Promise<void> => {
    await freeLost(backend); // of earlier tests
    const before = [await bits(model), memory(backend)] as const;
    const resumed = run(model, { checkpoint: storeOf(checkpoint), resume: true, ...more }, data);
    await expect(resumed).rejects.toThrow(message);
    await expect(resumed).rejects.toThrow(CheckpointError);
    expect([await bits(model), memory(backend)]).toEqual(before);
  };

  test("another run's", async () => {
    const checkpoint = await saved();
    await refused(checkpoint, /other settings: batchSize was 16, is 8/, { batchSize: 8 });
    await refused(checkpoint, /: optimizer was .*0\.01.*, is .*0\.1/, { optimizer: adam({ lr: 0.1 }) });
    await refused(checkpoint, /the training samples are others/, {}, grafted(), {
      train: stripes(50, shape, 7),
    });
    await refused(checkpoint, /the validation samples are others/, {}, grafted(), { train, validation });
    await refused(checkpoint, /trained on other weights: 'stem.0.weight' is not what it was/, {}, grafted(4));
    await refused(checkpoint, /of another model: 'head\./, {}, grafted(3, 9));
    const short = transfer(new Sequential({ stem: grafted().module('stem.0') }), {
      classes: 4,
      sampleShape: shape,
    });
    await refused(checkpoint, /of another model: it /, {}, short);
  });

  test('one of another format', async () => {
    const { tensors } = await saved();
    const old = JSON.stringify({ version: 1, settings: {}, optimizerSteps: 1, at: {} });
    await refused({ meta: old, tensors }, /another format \(1, not 2\), by an earlier version of Graft/);
    await refused({ meta: '{"format":3}', tensors }, /\(3, not 2\), by a later version of Graft/);
    await refused({ meta: '{"format":"x"}', tensors }, /another format \(x, not 2\)$/);
  });

  test('damaged in any field of any type', async () => {
    const { meta, tensors } = await saved({}, { train, validation });
    const good = JSON.parse(meta) as Record<string, unknown>;
    const paths: (readonly string[])[] = [];
    const walk = (v: unknown, path: readonly string[]): void => {
      if (path.length) paths.push(path);
      if (typeof v === 'object' && v !== null)
        for (const [k, child] of Object.entries(v)) walk(child, [...path, k]);
    };
    walk(good, []);
    const data = { train, validation };
    const model = grafted();
    const before = await bits(model);
    let refusedOnes = 0;
    for (const path of paths) {
      if (path[0] === 'locked') continue; // any names may be there
      for (const value of [undefined, null, 'x', -1, 0.5, [], {}, true]) {
        const bad = structuredClone(good);
        const holder = path.slice(0, -1).reduce<Record<string, unknown>>((h, k) => h[k] as never, bad);
        if (JSON.stringify(holder[path.at(-1)!]) === JSON.stringify(value)) continue;
        if (value === undefined) delete holder[path.at(-1)!];
        else holder[path.at(-1)!] = value;
        const damaged = storeOf({ meta: JSON.stringify(bad), tensors });
        // Some are as good as before: a number where a number is, null where nothing has to be.
        const harmless = typeof value === 'number' && /loss|accuracy|Rate|Sum|score/i.test(path.at(-1)!);
        if (harmless || (path.at(-1) === 'best' && value === null)) continue;
        if (path.includes('records') && /^validation/.test(path.at(-1)!) && value === undefined) continue;
        const error: unknown = await run(model, { checkpoint: damaged, resume: true }, data).then(
          () => `${path.join('.')} = ${JSON.stringify(value)} went through`,
          (e: unknown) => e,
        );
        expect(error).toBeInstanceOf(CheckpointError);
        refusedOnes++;
      }
    }
    expect(refusedOnes).toBeGreaterThan(300);
    expect(await bits(model)).toEqual(before);
    for (let cut = 0; cut < meta.length; cut += 97)
      await expect(
        run(model, { checkpoint: storeOf({ meta: meta.slice(0, cut), tensors }), resume: true }, data),
      ).rejects.toThrow(/^it is damaged: what it says about itself/);
  });

  test('without a tensor, or with another', async () => {
    const { meta, tensors } = await saved();
    for (const [name, t] of tensors) {
      const others: (SavedTensor | null)[] = [
        null,
        { ...t, shape: [...t.shape, 2] },
        { ...t, dtype: t.dtype === 'int32' ? 'float32' : 'int32' },
        { ...t, data: t.data.slice(1) },
      ];
      for (const other of others) {
        const changed = new Map(tensors);
        if (other) changed.set(name, other);
        else changed.delete(name);
        await refused({ meta, tensors: changed }, /^it is (of another model|damaged): /);
      }
    }
    await refused(
      { meta, tensors: new Map([...tensors, ['model/x', [...tensors.values()][0]!]]) },
      /^it is damaged: its tensors are not those that it lists/,
    );
  });
});
