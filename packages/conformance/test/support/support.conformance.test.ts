import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { supportOf, supportTable, type SupportReport } from '../../src/support.ts';
import { allTargets, SUPPORT_FILE } from './targets.ts';

/** The shares depend on the last bits of the oracle's functions, which are the runtime's; the rest must be current. */
const withoutShares = (table: string): string[] => table.replace(/ \d\.\d\d(?= )/g, '').split('\n');

test('docs/support.md is up to date', async () => {
  const reports: SupportReport[] = [];
  for (const target of await allTargets()) reports.push(await supportOf(target));
  const written = readFileSync(SUPPORT_FILE, 'utf8');
  expect(withoutShares(written), 'write it with: pnpm --filter @graftjs/conformance support').toEqual(
    withoutShares(supportTable(reports)),
  );
}, 120_000);
