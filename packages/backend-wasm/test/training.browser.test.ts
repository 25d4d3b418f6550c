import { expect, test } from 'vitest';
import { commands } from 'vitest/browser';
import { trainOn, type Results } from './training.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    /** Runs a script of the repository in Node and gives what it prints: see vitest.config.ts. */
    runInNode: (script: string, ...args: string[]) => Promise<string>;
  }
}

test(
  'a trained model file is the same, bit for bit, in Node and in this browser, on cpu and on wasm with one and two threads',
  { timeout: 120_000 },
  async () => {
    const settings = ['cpu', '1', '2'];
    const inNode = await commands.runInNode('packages/backend-wasm/test/training-run.ts', ...settings);
    const runs: Record<string, Results> = {
      node: JSON.parse(inNode) as Results,
      here: await trainOn(settings),
    };
    const [first, second] = runs['node']!['cpu']!.sha;
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(first).not.toBe(second); // two models
    const same = { sha: [first, second], notes: [] };
    const all = { cpu: same, 1: same, 2: same };
    expect(runs).toEqual({ node: all, here: all });
    console.log(`trained weights, in Node and here, on cpu and on one and two threads: ${first}, ${second}`);
  },
);
