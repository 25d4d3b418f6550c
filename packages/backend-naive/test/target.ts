import type { Target } from '@graftjs/conformance';
import { createNaiveBackend } from '../src/index.ts';

export const target: Target = {
  name: 'naive',
  create: () => createNaiveBackend(),
  model: { order: 'any' }, // sums are rounded once
};
