import { convLaws } from '../primitives/conv.ts';
import { primitiveCases } from '../primitives/index.ts';
import { poolLaws } from '../primitives/pool.ts';
import type { Case } from './case.ts';
import { compositeCases } from './composite.ts';
import { functionalCases } from './functional.ts';
import { fusedCases } from './fused.ts';
import { trainingCases } from './training.ts';

export { FAMILIES, type Case, type Family } from './case.ts';

/** Everything that every backend must get right. */
export const cases: readonly Case[] = [
  ...primitiveCases,
  ...compositeCases,
  ...functionalCases,
  ...fusedCases,
  ...trainingCases,
  ...convLaws,
  ...poolLaws,
];
