import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** What a page downloads for all of core and this backend, as an application's bundler would make it. */
async function gzipped(entry: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export * from '@graftjs/core'; export * from '${entry}';`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    conditions: ['@graftjs/source'],
    write: false,
    outdir: 'unused',
  });
  return outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}

const CEILING = 60_000;

test('core and this backend, kernels included, are at most 60 kB', async () => {
  const kernels = gzipSync(readFileSync(new URL('./kernels.wasm', import.meta.url)), { level: 9 }).length;
  expect(await gzipped('./index.ts')).toBeGreaterThan(10_000); // it did bundle
  expect((await gzipped('./index.ts')) + kernels).toBeLessThan(CEILING);
  expect(await gzipped('./inline.ts')).toBeLessThan(CEILING);
});
