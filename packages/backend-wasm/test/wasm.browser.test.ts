import { runConformance } from '@graftjs/conformance';
import { expect, test } from 'vitest';
import { createWasmBackend } from '../src/index.ts';
import { target } from './target.ts';

test.each([1, 2, 3])('a cross-origin isolated page: %i threads', async (threads) => {
  expect((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated).toBe(true);
  const backend = await createWasmBackend({ threads });
  expect([backend.threads, backend.notes]).toEqual([threads, []]);
  await backend.dispose();
});

runConformance(target);
