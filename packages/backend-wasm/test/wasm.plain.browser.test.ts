import { runConformance } from '@graftjs/conformance';
import { expect, test } from 'vitest';
import { createWasmBackend } from '../src/index.ts';
import { onPlainPage } from './target.ts';

test('a page without isolation: one thread, and a note that says why', async () => {
  expect((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated).toBe(false);
  const backend = await createWasmBackend({ threads: 4 });
  expect(backend.threads).toBe(1);
  expect(backend.notes).toHaveLength(1);
  expect(backend.notes[0]).toMatch(
    /one thread instead of 4: .*SharedArrayBuffer.*Cross-Origin-Embedder-Policy/,
  );
  await backend.dispose();
});

runConformance(onPlainPage);
