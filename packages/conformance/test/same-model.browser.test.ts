import { beforeAll, describe, expect, inject, test } from 'vitest';
import {
  digestOf,
  expectSameModel,
  picturesFrom,
  roundingBound,
  sameModel,
  trainSmallCnn,
  WRITE_SAME_MODEL,
  type Pictures,
  type Target,
  type Trained,
} from '../src/index.ts';
import { target as cpu } from './target.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the server has Fashion-MNIST's files; null where there is none. */
    fashionMnist: string | null;
  }
}

declare global {
  interface ImportMeta {
    /** Vite's. */
    glob<T>(pattern: string): Record<string, () => Promise<T>>;
  }
}

const targets: Record<string, () => Promise<{ target: Target }>> = {
  './target.ts': async () => ({ target: cpu }),
  ...import.meta.glob<{ target: Target }>('../../backend-*/test/target.ts'),
};
const WASM = '../../backend-wasm/test/target.ts';

const folder = inject('fashionMnist');
async function read(file: string): Promise<Uint8Array> {
  const response = await fetch(folder + file);
  expect(response.ok, response.url).toBe(true);
  return new Uint8Array(await response.arrayBuffer());
}

describe.skipIf(folder === null)('one seed (needs dataset-fashion-mnist)', () => {
  let data: Pictures;
  let reference: Trained;
  const bound = roundingBound(sameModel);
  beforeAll(async () => {
    data = await picturesFrom(read);
    const { target: wasm } = await targets[WASM]!(); // the bits of cpu, sooner
    reference = await trainSmallCnn(await wasm.create(), data);
    expect(await digestOf(reference), WRITE_SAME_MODEL).toBe(sameModel.reference);
  }, 300_000);

  for (const [path, load] of Object.entries(targets)) {
    const name = path.split('/').at(-3) ?? 'cpu';
    test(
      `trained on ${name}: the loss curve of cpu within its rounding noise, and its predictions`,
      { timeout: 300_000 },
      async ({ skip }) => {
        const { target } = await load();
        if (target.notIn?.browser !== undefined) skip(target.notIn.browser);
        const result = path === WASM ? reference : await trainSmallCnn(await target.create(), data);
        if (target.bitExact) expect(await digestOf(result)).toBe(sameModel.reference);
        console.log(`${target.name}: ${expectSameModel(result, reference, bound)}`);
      },
    );
  }
});
