import { goldenAsCases, runConformance, type GoldenFile } from '@graftjs/conformance';
import { readFileSync } from 'node:fs';
import { others } from './target.ts';

/** PyTorch's values. */
const golden = JSON.parse(
  readFileSync(new URL('../../conformance/fixtures/torch-golden.json', import.meta.url), 'utf8'),
) as GoldenFile;

for (const target of others) runConformance(target, { cases: goldenAsCases(golden) });
