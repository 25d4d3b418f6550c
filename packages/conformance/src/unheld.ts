import { freeLost, Linear, memory, neg, noGrad, tensor, type Backend } from '@graftjs/core';
import { expect } from 'vitest';
import { handWritten, picture, sixLayers } from './loops.ts';

/** Runs `round` so often; the most tensors and bytes between two rounds. */
export async function most(
  backend: Backend,
  rounds: number,
  round: () => Promise<void>,
): Promise<{ tensors: number; bytes: number }> {
  const peak = { tensors: 0, bytes: 0 };
  for (let i = 0; i < rounds; i++) {
    await round();
    const { tensors, bytes } = memory(backend);
    peak.tensors = Math.max(peak.tensors, tensors);
    peak.bytes = Math.max(peak.bytes, bytes);
  }
  return peak;
}

const MIB = 2 ** 20;

/*
 * A browser's collector takes its time: it may let a request pass, and tell late of what it has found. So a count is taken
 * when several collections have freed nothing, and what has to go may go at one of the next.
 */
const PATIENCE = 20;
const same = (a: Count, b: Count): boolean => a.tensors === b.tensors && a.bytes === b.bytes;
type Count = ReturnType<typeof memory>;

async function countHeld(backend: Backend): Promise<Count> {
  let count = memory(backend);
  for (let i = 0, times = 0; i < PATIENCE && times < 2; i++) {
    await freeLost(backend);
    const now = memory(backend);
    times = same(now, count) ? times + 1 : 0;
    count = now;
  }
  return count;
}

/** No more than these are left. Fewer may be, for what an earlier test has lost may go only now. */
export async function expectFreed(backend: Backend, wanted: Count): Promise<void> {
  const isFreed = ({ tensors, bytes }: Count): boolean => tensors <= wanted.tensors && bytes <= wanted.bytes;
  for (let i = 0; i < PATIENCE && !isFreed(memory(backend)); i++) await freeLost(backend);
  if (!isFreed(memory(backend))) expect(memory(backend)).toEqual(wanted);
}

/** Tensors that nobody holds. Each test frees what it made, in its own way. */
export const unheldTests: Readonly<Record<string, (backend: Backend) => Promise<void>>> = {
  'a tensor that nobody holds is freed, one that is held is not': async (backend) => {
    const before = await countHeld(backend);
    const held = tensor([1, 2, 3], [3], { backend });
    for (let i = 0; i < 10; i++) tensor(new Float32Array(1000), [1000], { backend });
    expect(memory(backend).tensors).toBe(before.tensors + 11);
    await expectFreed(backend, { tensors: before.tensors + 1, bytes: before.bytes + 12 });
    expect([...(await held.data())]).toEqual([1, 2, 3]);
    held.dispose();
    await expectFreed(backend, before);
  },

  'a model that nobody holds is freed, the parameter that somebody took is not': async (backend) => {
    const before = await countHeld(backend);
    const weight = ((): ReturnType<Linear['weight']['value']['keep']> =>
      new Linear(100, 100, { backend }).weight.value)();
    await expectFreed(backend, { tensors: before.tensors + 1, bytes: before.bytes + 40_000 });
    expect(await weight.data()).toHaveLength(10_000);
    weight.dispose();
  },

  'layers free what they made on the way': async (backend) => {
    const model = sixLayers(backend).eval();
    const x = tensor(picture, [1, 3, 32, 32], { backend });
    const before = await countHeld(backend);
    for (const run of [() => noGrad(() => model.forward(x)), () => model.forward(x)]) {
      const y = run();
      expect(memory(backend)).toEqual({ tensors: before.tensors + 1, bytes: before.bytes + 16 });
      await y.data();
      y.dispose();
    }
    expect(memory(backend)).toEqual(before);
    for (const t of [x, model]) t.dispose();
  },

  // What is lost is asked for when it has grown by 32 MiB, in Node as a rule with success. On a busy machine the collector may let
  // two requests pass: three times 32 MiB, and what the loop holds itself.
  'a loop that only awaits its answers stays within 100 MiB': async (backend) => {
    const before = await countHeld(backend);
    // 2 MiB a time: 400 MiB if nothing were freed.
    const peak = await most(backend, 200, async () => {
      await neg(tensor(new Float32Array(2 ** 18), [2 ** 18], { backend })).data();
    });
    expect(peak.bytes - before.bytes).toBeLessThan(100 * MIB);
    // The last one may still be on the engine's stack.
    await expectFreed(backend, { tensors: before.tensors + 2, bytes: before.bytes + 2 * MIB });
  },

  'hand-written training steps leave nothing behind, nor do the model and its optimizer': async (backend) => {
    const before = await countHeld(backend);
    // In a function of its own, so that nothing is held here.
    await (async () => {
      const model = sixLayers(backend);
      const step = handWritten(model, backend);
      await step();
      const trained = await countHeld(backend);
      for (let i = 0; i < 10; i++) await step();
      await expectFreed(backend, trained);
    })();
    await expectFreed(backend, before);
  },
};
