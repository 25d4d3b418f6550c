/**
 * Speed in a browser: Graft's backends and their peers in one page of Chromium, and beside the same in Node. See README.md.
 */
import type { Layout } from '@graftjs/core';
import { defineCommand, runMain } from 'citty';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { casesWith, list, load, measureAll, warnIfBusy } from '../ops/session.ts';
import { steps, type StepName } from '../ops/steps.ts';
import { createContenders, LAYOUTS } from './contenders.ts';
import { openPage } from './launch.ts';
import { profileTable } from './profile-table.ts';
import { profile } from './remote.ts';

const isLayout = (layout: string): layout is Layout => (LAYOUTS as readonly string[]).includes(layout);

const main = defineCommand({
  meta: {
    name: 'browser',
    description: "Speed of Graft's backends in Chromium, beside other libraries and Node",
  },
  args: {
    cases: { type: 'string', description: "Parts of 'group: name', separated by commas; default all" },
    backends: { type: 'string', default: 'webgl', description: "Graft's, in the page: webgl, wasm" },
    peers: {
      type: 'string',
      default: 'tfjs-webgl',
      description: 'In the page tfjs-webgl, tfjs-wasm, gpu.js; node: wasm in this process; or none',
    },
    layout: { type: 'string', description: 'channels-first or channels-last alone; default both' },
    threads: { type: 'string', default: '1', description: 'wasm on as many threads, too' },
    repeat: { type: 'string', default: '9', description: 'Rounds; the median counts' },
    round: { type: 'string', default: '60', description: 'Short work is repeated for so many milliseconds' },
    apart: { type: 'boolean', description: 'A table for each case, a line for each contender' },
    profile: { type: 'string', description: 'Where the time of a step goes on webgl, instead of measuring' },
    list: { type: 'boolean', description: 'Print the cases, measure nothing' },
    json: { type: 'string', description: 'Write the results to this file' },
  },
  async run({ args }) {
    const cases = casesWith(args.cases ?? '');
    if (args.list) return console.log(cases.map(({ group, name }) => `${group}: ${name}`).join('\n'));
    const { layout = 'both' } = args;
    if (layout !== 'both' && !isLayout(layout)) throw new Error(`--layout is ${LAYOUTS.join(' or ')}`);
    const repeat = Number(args.repeat);
    const { page, version, close } = await openPage();
    try {
      const machine = {
        processor: cpus()[0]?.model ?? 'unknown',
        chromium: version,
        node: process.version,
        load: load(),
      };
      const title = `${machine.processor}, Chromium ${version}, Node ${machine.node}, load average ${machine.load.toFixed(1)}`;
      if (args.profile) {
        if (!Object.hasOwn(steps, args.profile))
          throw new Error(`--profile takes ${Object.keys(steps).join('; ')}`);
        const lines = await profile(
          page,
          args.profile as StepName,
          layout === 'both' ? 'channels-last' : layout,
        );
        return console.log(`${title}\n\n${profileTable(lines)}`);
      }
      const wanted = {
        backends: list(args.backends),
        peers: list(args.peers),
        threads: Number(args.threads),
      };
      const contenders = await createContenders(page, { ...wanted, ...(layout !== 'both' && { layout }) });
      console.log(
        `${title}; median of ${repeat} rounds, time on the wall. Ratios: times as fast as the peer (its own figure).`,
      );
      warnIfBusy('before the start');
      const options = { repeat, clock: 'wall', round: Number(args.round) } as const;
      const rows = await measureAll(cases, contenders, [], options, { apart: args.apart });
      if (args.json) {
        const result = { machine: { ...machine, loadAtEnd: load() }, repeat, rows };
        await writeFile(args.json, `${JSON.stringify(result, null, 1)}\n`);
      }
      for (const c of contenders) await c.dispose();
    } finally {
      await close();
    }
  },
});

await runMain(main);
