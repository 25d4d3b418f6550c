import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Contender } from '../ops/contender.ts';
import { caseTable, groupTable } from '../ops/report.ts';
import { runCase } from '../ops/run.ts';
import type { BenchCase } from '../ops/work.ts';
import { createContenders } from './contenders.ts';
import { executablePath, openPage, type Opened } from './launch.ts';
import { profileTable } from './profile-table.ts';
import { profile } from './remote.ts';

/** Without a browser nothing runs here; with CI set, that is a failure. */
const skip = executablePath === null && !process.env['CI'];
if (skip)
  console.warn('The runner in a page is not tested: there is no Chromium. Install one, or set CHROME_PATH.');

const tiny: BenchCase = {
  group: 'convolution forward',
  name: 'tiny',
  work: {
    kind: 'conv',
    pass: 'forward',
    // 28 columns: every form of gpu.js's kernels divides them.
    geometry: { batch: 1, channels: 4, size: [3, 28], filters: 4, kernel: [3, 3], stride: 1, groups: 1 },
  },
};
const once = { repeat: 1, clock: 'wall', warm: 0, round: 0 } as const;

describe.skipIf(skip)('in a page', () => {
  let opened: Opened;
  const made: Contender[] = [];
  beforeAll(async () => {
    opened = await openPage();
  }, 120_000);
  afterAll(async () => {
    for (const c of made) await c.dispose();
    await opened?.close();
  });

  test('backends and peers give the same numbers, in a row and two tables', async () => {
    const wanted = { backends: ['webgl', 'wasm'], peers: ['tfjs-webgl', 'gpu.js', 'node'], threads: 2 };
    const contenders = await createContenders(opened.page, wanted);
    made.push(...contenders);
    const row = await runCase(tiny, contenders, once);
    expect(row.reasons).toEqual([]);
    expect(row.scores.filter((s) => s.ours).map((s) => s.name)).toEqual([
      ...['webgl', 'webgl last', 'wasm', 'wasm last', 'wasm ×2', 'wasm ×2 last'],
    ]);
    const peers = row.scores.filter((s) => !s.ours);
    expect(peers.map((s) => s.of).filter(Boolean)).toEqual(['wasm', 'wasm last', 'wasm ×2', 'wasm ×2 last']);
    expect(peers.map((s) => s.name)).toContain('tfjs-webgl');
    expect(peers.filter((s) => s.name.startsWith('gpu.js: ')).length).toBeGreaterThan(8);
    for (const { milliseconds, rounds } of row.scores) {
      expect(milliseconds).toBeGreaterThan(0);
      expect(rounds).toBe(1);
    }
    const lines = groupTable([row]).split('\n');
    expect(lines[0]).toMatch(/× tfjs-webgl \|.*× Node \|/);
    // webgl is not held against Node.
    expect(lines[2]!.trimEnd()).toMatch(/– \|$/);
    expect(lines[4]!.trimEnd()).toMatch(/\d\) \|$/);
    expect(caseTable(row).split('\n')).toHaveLength(2 + row.scores.length);
  });

  test('one layout', async () => {
    const wanted = { backends: ['wasm'], peers: ['node'], threads: 1, layout: 'channels-last' } as const;
    const contenders = await createContenders(opened.page, wanted);
    made.push(...contenders);
    expect(contenders.map((c) => [c.name, c.of])).toEqual([
      ['wasm last', undefined],
      ['Node', 'wasm last'],
    ]);
  });

  test('a training step: losses agree, and its profile is the sum of its parts', async () => {
    const wanted = { backends: ['webgl', 'wasm'], peers: ['tfjs-webgl'], threads: 1 };
    const contenders = await createContenders(opened.page, wanted);
    made.push(...contenders);
    const work = { kind: 'step', step: 'cnn, batch 8' } as const;
    const row = await runCase({ group: 'training steps', name: 'small', work }, contenders, once);
    expect(row.scores).toHaveLength(5);
    const lines = await profile(opened.page, 'cnn, batch 8', 'channels-last');
    const [all, ...parts] = lines;
    expect(parts.find((l) => l.op === 'convWeightGrad')).toMatchObject({ calls: 1 });
    expect(parts.reduce((sum, l) => sum + l.draws, 0)).toBe(all!.draws);
    expect(profileTable(lines)).toMatch(/\| sum +\|/);
  });
});
