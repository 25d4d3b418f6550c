import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { claimOf, supportTable } from '../../src/support.ts';
import { allTargets, otherTargets, SUPPORT_FILE } from './targets.ts';

/** The shares are not compared: they depend on the last bits of the runtime's functions. */
const withoutShares = (table: string): string[] => table.replace(/ \d\.\d\d(?= )/g, '').split('\n');

test('docs/support.md is up to date', async () => {
  const written = readFileSync(SUPPORT_FILE, 'utf8');
  const current = supportTable(await Promise.all((await allTargets()).map(claimOf)), await otherTargets());
  expect(withoutShares(written), 'write it with: pnpm --filter @graftjs/conformance support').toEqual(
    withoutShares(current),
  );
});
