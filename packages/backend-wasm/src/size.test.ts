import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** What a page downloads to run `source`, as a bundler makes it: without what is imported on demand. */
async function gzipped(source: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, sourcefile: 'page.js' },
    bundle: true,
    minify: true,
    splitting: true,
    metafile: true,
    format: 'esm',
    target: 'es2023',
    conditions: ['@graftjs/source'],
    write: false,
    outdir: 'unused',
  });
  const outputs = Object.entries(metafile.outputs);
  const [entry] = outputs.find(([, { entryPoint }]) => entryPoint?.endsWith('page.js'))!;
  const wanted = new Set([entry]);
  for (const file of wanted) {
    for (const { path, kind } of metafile.outputs[file]!.imports) {
      if (kind === 'import-statement') wanted.add(path);
    }
  }
  const names = outputs.map(([name]) => name);
  return outputFiles.reduce((sum, { contents, path }) => {
    const name = names.find((n) => path.replaceAll('\\', '/').endsWith(`/${n}`))!;
    return sum + (wanted.has(name) ? gzipSync(contents, { level: 9 }).length : 0);
  }, 0);
}

const kernels = gzipSync(readFileSync(new URL('./kernels.wasm', import.meta.url)), { level: 9 }).length;

/** A page that builds networks, takes a head off and grows another, trains, measures and predicts. */
const page = (entry: string): string => `
  export { adam, adamW, sgd, ArraySource, BatchNorm2d, Conv2d, crossEntropy, Dropout, evaluate, fit, Flatten, GlobalAvgPool2d, headRecipe, Linear, MaxPool2d, Random, ReLU, scope, Sequential, setDefaultBackend, softmax, tensor, transfer, valueAndGrad, withRandom } from '@graftjs/core';
  export { createWasmBackend } from '${entry}';`;

/**
 * Of it 3 kB are for compiled and failing steps: hooks, snapshots. The compiler itself (4 kB) comes on demand. 0.5 kB are for
 * noticing a second copy of core, 0.5 kB show tensors and models in consoles, 2.5 kB check arguments and room before anything
 * is built, 1.5 kB free tensors that nobody holds, 3 kB check checkpoints field by field and give batch norms the statistics of
 * all samples.
 */
const CEILING = 75_500;

test('a page that trains downloads at most 75.5 kB of core and this backend, kernels included', async () => {
  const size = await gzipped(page('./index.ts'));
  expect(size).toBeGreaterThan(10_000); // it did bundle
  expect(size + kernels).toBeLessThan(CEILING);
  expect(await gzipped(page('./inline.ts'))).toBeLessThan(CEILING);
});

/**
 * Of it 0.5 kB are `gradCam`, and 6 kB functions for which one came from formats before (trigonometry, indexing by several
 * axes, running sums, einsum, gridSample, …): no page downloads them that does not ask for them.
 */
test('all that the two packages export, used or not, is at most 97.5 kB', async () => {
  const everything = `export * from '@graftjs/core'; export * from './index.ts';`;
  expect((await gzipped(everything)) + kernels).toBeLessThan(97_500);
});
