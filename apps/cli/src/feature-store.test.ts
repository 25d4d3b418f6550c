import { FeatureCache } from '@graftjs/core';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderFeatureStore } from './feature-store.ts';
import { temporaryFolder } from './testing.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const values = Float32Array.from([1.5, -0, Infinity, 1e-42]);

describe('FolderFeatureStore', () => {
  it('gives back the bits that it was given', async () => {
    const store = new FolderFeatureStore(join(folder.path, 'a/b'));
    expect(await store.read('key-0')).toBeNull();
    await store.write('key-0', values);
    const back = await store.read('key-0');
    expect(new Uint8Array(back!.buffer)).toEqual(new Uint8Array(values.buffer));
    await store.write('empty', new Float32Array(0));
    expect(await store.read('empty')).toEqual(new Float32Array(0));
    expect(await readdir(join(folder.path, 'a/b'))).toEqual(['empty.features', 'key-0.features']);
  });

  it('keeps features of different marks apart', async () => {
    const [plain, marked] = [
      new FolderFeatureStore(folder.path),
      new FolderFeatureStore(folder.path, 'tfjs-'),
    ];
    await plain.write('k', values);
    expect(await marked.read('k')).toBeNull();
    await marked.write('k', new Float32Array(0));
    expect(await plain.read('k')).toEqual(values);
    expect(await readdir(folder.path)).toEqual(['k.features', 'tfjs-k.features']);
  });

  it('takes a damaged file for a missing one', async () => {
    const store = new FolderFeatureStore(folder.path);
    await store.write('k', values);
    const path = join(folder.path, 'k.features');
    const bytes = await readFile(path);
    for (let i = 0; i < bytes.length; i++) {
      const broken = Buffer.from(bytes);
      broken[i]! ^= 0x20;
      await writeFile(path, broken);
      expect(await store.read('k'), `byte ${i}`).toBeNull();
    }
    for (const length of [0, 5, 12, 16, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      expect(await store.read('k')).toBeNull();
    }
  });

  it('of a newer Graft is refused by its version, and not replaced', async () => {
    const store = new FolderFeatureStore(folder.path);
    await store.write('k', values);
    const path = join(folder.path, 'k.features');
    const bytes = await readFile(path);
    bytes.writeUInt32LE(7, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
    await writeFile(path, bytes);
    await expect(store.read('k')).rejects.toThrow(
      'this feature cache was written by a newer Graft (feature cache format 7, this one reads up to 2): update Graft',
    );
    // So is one that is asked for by way of the cache: it warns, and leaves the folder alone.
    const warnings: string[] = [];
    const cache = new FeatureCache({ store, onWarning: (text) => warnings.push(text) });
    const computed = Float32Array.of(1, 2);
    await writeFile(join(folder.path, 'key-0.features'), bytes);
    expect(await cache.rows('key', [0], 1, 2, () => Promise.resolve(computed))).toEqual(computed);
    expect(warnings).toEqual([expect.stringMatching(/^the feature cache cannot be used \(.*newer Graft/)]);
    expect(await readFile(join(folder.path, 'key-0.features'))).toEqual(bytes);
  });

  it('keeps what was used last when it is pruned, and nobody else’s files', async () => {
    const store = new FolderFeatureStore(folder.path);
    for (const [i, key] of ['a', 'b', 'c'].entries()) {
      await store.write(key, values);
      await utimes(join(folder.path, `${key}.features`), i, i);
    }
    await writeFile(join(folder.path, 'thesis.doc'), 'a long text that must stay');
    await store.read('a');
    await store.prune(2 * 32);
    expect((await readdir(folder.path)).sort()).toEqual(['a.features', 'c.features', 'thesis.doc']);
  });
});
