import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { supportTable } from '../../src/support.ts';
import { withoutShares } from './compare.ts';
import { allTargets, claimed, otherTargets, SUPPORT_FILE } from './targets.ts';

// Nothing is run here; `npm test` compares the table with its runs, too (scripts/test.mjs).
test('docs/support.md has every case of every target', async () => {
  const written = readFileSync(SUPPORT_FILE, 'utf8');
  const current = supportTable((await allTargets()).map(claimed), (await otherTargets()).map(claimed));
  const lines = (table: string): string[] => withoutShares(table).replaceAll('**fused** ', '').split('\n');
  expect(lines(written), 'write it with: pnpm --filter @graftjs/conformance support').toEqual(lines(current));
});
