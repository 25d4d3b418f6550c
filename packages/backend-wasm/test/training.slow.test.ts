import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Results } from './training.ts';

/** Trains in a process of its own, under a version of Node that npm has. */
async function train(version: string, settings: readonly string[]): Promise<Results> {
  const node = version === 'this' ? [process.execPath] : ['npx', '--yes', '-p', `node@${version}`, 'node'];
  const script = ['--conditions=@graftjs/source', '--import', 'tsx', 'test/training-run.ts'];
  const [command, ...args] = [...node, ...script, ...settings] as [string, ...string[]];
  const { stdout } = await promisify(execFile)(command, args, { cwd: `${import.meta.dirname}/..` });
  return JSON.parse(stdout) as Results;
}

describe('a trained model file is the same, bit for bit', () => {
  let cpu: string[];
  beforeAll(async () => {
    cpu = (await train('this', ['cpu']))['cpu']!.sha;
    expect(cpu[0]).not.toBe(cpu[1]);
  });

  for (const version of ['this', '22', '24']) {
    const settings = ['1', '2', '3', '7', ...(version === '24' ? ['1r', '2r', '7r'] : [])];
    const name = version === 'this' ? `Node ${process.versions.node}` : `Node ${version}`;
    test(`on cpu and on wasm with ${settings.join(', ')} threads (r: revectorized) in ${name}`, async () => {
      const results = await train(version, settings);
      expect(Object.keys(results).sort()).toEqual(settings.sort());
      for (const [setting, { sha, notes }] of Object.entries(results)) {
        expect({ setting, sha, notes }).toEqual({ setting, sha: cpu, notes: [] });
      }
    });
  }
});
