/*
 * Writes docs/support.md. Without an argument it runs the suite on everything first, in Node and in Chromium. `--last`
 * takes the runs that were last, such as those of `npm test`. `--check` does, too, and compares instead of writing.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { supportTable } from '../../src/support.ts';
import { withoutShares } from './compare.ts';
import { savedRecords } from './records.ts';
import { allTargets, otherTargets, shown, SUPPORT_FILE } from './targets.ts';

const COMMAND =
  "vitest run --project conformance --project slow --project 'browser*' --testNamePattern '^conformance of ' " +
  '--reporter=dot --reporter=packages/conformance/test/support/reporter.ts';

const [option] = process.argv.slice(2);
if (option === undefined) {
  const cwd = fileURLToPath(new URL('../../../../', import.meta.url));
  const { status } = spawnSync(COMMAND, { cwd, shell: true, stdio: 'inherit' });
  if (status !== 0) throw new Error('the suite failed: see above');
}
const runs = savedRecords();
const [targets, others] = [await allTargets(), await otherTargets()];
const table = supportTable(
  targets.map((target) => shown(target, runs)),
  others.map((target) => shown(target, runs)),
);
if (option === '--check') {
  const written = withoutShares(readFileSync(SUPPORT_FILE, 'utf8')).split('\n');
  const wrong = withoutShares(table)
    .split('\n')
    .find((line, i) => line !== written[i]);
  if (wrong !== undefined) {
    console.error(`docs/support.md is not what the runs of the suite have shown, which is:\n${wrong}`);
    process.exit(1);
  }
} else writeFileSync(SUPPORT_FILE, table);
process.exit(); // targets may have threads
