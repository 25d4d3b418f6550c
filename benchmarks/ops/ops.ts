/**
 * Speed: Graft's backends beside other libraries, in one process, in turn, warm. See README.md.
 */
import { defineCommand, runMain } from 'citty';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { backendNames, createContenders, peerNames } from './contenders.ts';
import type { Clock } from './measure.ts';
import { casesWith, list, load, measureAll, warnIfBusy } from './session.ts';

const main = defineCommand({
  meta: { name: 'ops', description: "Speed of Graft's backends beside other libraries" },
  args: {
    cases: { type: 'string', description: "Parts of 'group: name', separated by commas; default all" },
    backends: { type: 'string', default: backendNames.join(), description: "Graft's" },
    peers: { type: 'string', default: peerNames.join(), description: "Others' libraries, or none" },
    pytorch: { type: 'boolean', description: 'PyTorch, too, from /usr/bin/python3, on two threads' },
    repeat: { type: 'string', default: '15', description: 'Rounds; the median counts' },
    threads: { type: 'string', default: '1', description: 'For contenders that have threads' },
    clock: { type: 'string', default: 'wall', description: 'wall, or cpu: processor time, one thread only' },
    list: { type: 'boolean', description: 'Print the cases, measure nothing' },
    json: { type: 'string', description: 'Write the results to this file' },
  },
  async run({ args }) {
    const cases = casesWith(args.cases ?? '');
    if (args.list) return console.log(cases.map(({ group, name }) => `${group}: ${name}`).join('\n'));
    if (args.clock !== 'wall' && args.clock !== 'cpu') throw new Error('--clock is wall or cpu');
    const clock: Clock = args.clock;
    const repeat = Number(args.repeat);
    const threads = Number(args.threads);
    const peers = [...list(args.peers), ...(args.pytorch ? ['pytorch'] : [])];
    const { contenders, missing } = await createContenders({ backends: list(args.backends), peers, threads });
    const machine = {
      processor: cpus()[0]?.model ?? 'unknown',
      node: process.version,
      load: load(),
      threads,
      clock,
    };
    console.log(
      `${machine.processor}, Node ${machine.node}, load average ${machine.load.toFixed(1)}; median of ${repeat} rounds, ` +
        `${clock} time, ${threads} thread${threads > 1 ? 's' : ''}. Ratios: times as fast as the peer (its own figure).`,
    );
    warnIfBusy('before the start');
    const rows = await measureAll(cases, contenders, missing, { repeat, clock });
    if (args.json) {
      const result = { machine: { ...machine, loadAtEnd: load() }, repeat, missing, rows };
      await writeFile(args.json, `${JSON.stringify(result, null, 1)}\n`);
    }
    for (const c of contenders) await c.dispose();
  },
});

await runMain(main);
