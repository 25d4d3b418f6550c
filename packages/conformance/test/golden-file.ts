import { readFileSync } from 'node:fs';
import type { GoldenFile } from '../src/index.ts';

/** PyTorch's values. */
export const golden = JSON.parse(
  readFileSync(new URL('../fixtures/torch-golden.json', import.meta.url), 'utf8'),
) as GoldenFile;
