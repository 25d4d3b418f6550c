import file from '../fixtures/torch-golden.json' with { type: 'json' };
import { goldenAsCases, type GoldenAsCase } from './golden-cases.ts';
import type { GoldenFile } from './golden.ts';

/** PyTorch's values. */
export const golden: GoldenFile = file;

/** PyTorch's cases, which every backend runs besides `cases`. */
export const torchCases: readonly GoldenAsCase[] = goldenAsCases(golden);
