import type { Case } from './case.ts';
import { compositeCases } from './composite.ts';
import { convCases, convLaws } from './conv.ts';
import { elementwiseCases } from './elementwise.ts';
import { functionalCases } from './functional.ts';
import { fusedCases } from './fused.ts';
import { matmulCases } from './matmul.ts';
import { movementCases } from './movement.ts';
import { poolCases, poolLaws } from './pool.ts';
import { reduceCases } from './reduce.ts';
import { trainingCases } from './training.ts';

export { FAMILIES, type Case, type Family } from './case.ts';

/** Everything that every backend must get right. */
export const cases: readonly Case[] = [
  ...elementwiseCases,
  ...movementCases,
  ...reduceCases,
  ...matmulCases,
  ...convCases,
  ...poolCases,
  ...compositeCases,
  ...functionalCases,
  ...fusedCases,
  ...trainingCases,
  ...convLaws,
  ...poolLaws,
];
