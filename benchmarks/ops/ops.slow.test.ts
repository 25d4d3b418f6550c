import { createCpuBackend } from '@graftjs/backend-cpu';
import { createWasmBackend } from '@graftjs/backend-wasm';
import { afterAll, expect, test } from 'vitest';
import type { Contender } from './contender.ts';
import { graftContender } from './graft.ts';
import { interleave } from './measure.ts';
import { groupTable, reasonsOf } from './report.ts';
import { runCase } from './run.ts';
import type { Task } from './task.ts';
import type { BenchCase } from './work.ts';

const tiny: BenchCase = {
  group: 'convolution forward',
  name: 'tiny',
  work: {
    kind: 'conv',
    pass: 'forward',
    geometry: { batch: 1, channels: 2, size: [3, 3], filters: 4, kernel: [3, 3], stride: 1, groups: 1 },
  },
};

const cpu = graftContender('cpu', await createCpuBackend(), 'channels-first', false);
const wasm = graftContender('wasm', await createWasmBackend({ threads: 1 }), 'channels-last', false);
afterAll(async () => {
  for (const c of [cpu, wasm]) await c.dispose();
});

/** A stranger to Graft, who does what is given. */
const stranger = (task: Task | string, parallel = false): Contender => ({
  ...{ name: 'stranger', ours: false, parallel },
  prepare: async () => task,
  dispose: async () => {},
});

test('a case gives a row, and the rows a table', async () => {
  const options = { repeat: 1, clock: 'wall' } as const;
  const idle: Task = { run: () => {}, dispose: () => {} };
  const row = await runCase(tiny, [cpu, wasm, stranger(idle), stranger('stranger: it has none.')], options);
  expect(row).toMatchObject({ group: tiny.group, name: 'tiny', reasons: ['stranger: it has none.'] });
  expect(row.scores.map(({ name, ours, rounds }) => [name, ours, rounds])).toEqual([
    ['cpu', true, 1],
    ['wasm last', true, 1],
    ['stranger', false, 1],
  ]);
  // 4 filters × 9 positions × 2 channels × 9 taps × 2; the taps beyond the edge count.
  expect(row.flops).toBe(1296);
  for (const { milliseconds, gflopsPerSecond } of row.scores)
    expect(gflopsPerSecond! * milliseconds * 1e6).toBeCloseTo(row.flops, 6);
  expect(row.peak).toBeGreaterThan(0);
  const lines = groupTable([row]).split('\n');
  expect(lines[0]).toMatch(/case +\| Graft +\| +ms \| spread \| GFLOP\/s \| of peak \| +× stranger \|/);
  expect(lines.slice(2).map((l) => l.split('|')[2]!.trim())).toEqual(['cpu', 'wasm last']);
  expect(reasonsOf([row, row])).toEqual(['stranger: it has none.']);
});

test('who gives other numbers is not measured', async () => {
  const wrong: Task = { run: () => {}, result: async () => new Float32Array(36), dispose: () => {} };
  await expect(runCase(tiny, [cpu, stranger(wrong)], { repeat: 1, clock: 'wall' })).rejects.toThrow(
    /stranger computes something else/,
  );
});

test('processor time is for contenders on one thread', async () => {
  const { reasons } = await runCase(tiny, [cpu, stranger('', true)], { repeat: 1, clock: 'cpu' });
  expect(reasons).toEqual([
    'stranger: only the clock on the wall measures work in several threads or processes.',
  ]);
});

test('tasks take turns after they are warm', async () => {
  const turns: string[] = [];
  const task = (name: string): Task => ({
    enter: () => void turns.push(`enter ${name}`),
    run: () => void turns.push(name),
    dispose: () => {},
  });
  const times = await interleave([task('a'), task('b')], { repeat: 2, clock: 'wall', warm: 0, round: 0 });
  expect(times.map((t) => t.length)).toEqual([2, 2]);
  expect(turns.slice(0, 3)).toEqual(['enter a', 'a', 'a']);
  const round = ['enter a', 'a', 'enter b', 'b'];
  expect(turns.slice(-12)).toEqual([...round, ...round, ...round]);
});
