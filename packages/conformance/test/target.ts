import { createCpuBackend } from '@graftjs/backend-cpu';
import type { Target } from '../src/index.ts';

export const target: Target = {
  name: 'cpu',
  create: () => createCpuBackend(),
  bitExact: true,
  variants: { 'without a pool of buffers': () => createCpuBackend({ poolBytes: 0 }) },
};
