import { imageNetPreprocess, Random, type DataSource } from '@graftjs/core';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { augmentations, augmentPicture } from './augment.ts';
import type { Picture } from './picture.ts';
import { fitPicture, toInput } from './preprocess.ts';
import { sha256 } from './sha256.ts';
import { PictureSource, type PictureEntry } from './source.ts';
import { noise } from './testing.ts';

const preprocess = imageNetPreprocess({ size: 12 });
const classes = ['a', 'b'];
const pictures = [1, 2, 3, 4, 5].map((seed) => noise(30, 20 + seed, seed));
const entries = pictures.map((picture, i): PictureEntry => ({
  key: `p${i}`,
  label: i % 2,
  read: () => Promise.resolve(picture),
}));

describe('PictureSource', () => {
  it('is a DataSource', async () => {
    const source: DataSource = new PictureSource(entries, { classes, preprocess });
    expect([source.length, source.sampleShape, source.classes]).toEqual([5, [3, 12, 12], classes]);
    expect([...source.labels]).toEqual([0, 1, 0, 1, 0]);
    const batch = await source.load([4, 1, 4], 0);
    expect(batch.subarray(0, 432)).toEqual(toInput(pictures[4]!, preprocess));
    expect(batch.subarray(432, 864)).toEqual(toInput(pictures[1]!, preprocess));
    expect(batch.subarray(864)).toEqual(batch.subarray(0, 432));
    expect(await source.load([], 0)).toEqual(new Float32Array(0));
  });

  it("makes view v of sample i from the stream 'augment/i/v', from a larger picture where it zooms in", async () => {
    const augment = augmentations.standard;
    const source = new PictureSource(entries, { classes, preprocess, augment, seed: 9 });
    const large: Picture = fitPicture(pictures[3]!, { size: 15, fit: 'crop' });
    const wanted = augmentPicture(large, augment, new Random(9, 'augment/3/2'), 12);
    expect(await source.picture(3, 2)).toEqual(wanted);
    expect(await source.load([3], 2)).toEqual(toInput(wanted, preprocess));
    expect(await source.load([3], 0)).toEqual(toInput(pictures[3]!, preprocess));
  });

  it('reads at most `concurrency` pictures at a time', async () => {
    let open = 0;
    let most = 0;
    const slow = entries.map((entry) => ({
      ...entry,
      read: async () => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setTimeout(resolve, 1));
        open--;
        return entry.read(false);
      },
    }));
    await new PictureSource(slow, { classes, preprocess, concurrency: 2 }).load([0, 1, 2, 3, 4], 0);
    expect(most).toBe(2);
  });

  it('has a key of its pictures and settings', () => {
    const key = (changes: object, list = entries): string =>
      new PictureSource(list, { classes, preprocess, ...changes }).key;
    const keys = [
      key({}),
      key({}, entries.slice(1)),
      key({}, [...entries].reverse()),
      key({ preprocess: { ...preprocess, size: 13 } }),
      key({ augment: { rotate: 1, hue: 0.1 } }),
      key({ augment: { rotate: 1, hue: 0.1 }, seed: 1 }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(key({ augment: { hue: 0.1, rotate: 1 } })).toBe(keys[4]);
    expect(key({ seed: 5 })).toBe(keys[0]);
  });

  it('refuses labels and samples that do not exist', async () => {
    const wrong = [{ ...entries[0]!, label: 2, name: 'x.png' }];
    expect(() => new PictureSource(wrong, { classes, preprocess })).toThrow(
      'x.png has label 2; there are 2 classes, numbered from 0',
    );
    const source = new PictureSource(entries, { classes, preprocess });
    await expect(source.load([0, 5], 0)).rejects.toThrow('there is no sample 5; the source has 5');
  });
});

describe('sha256', () => {
  it("is Node's, for all lengths around a block and for other alphabets", () => {
    const texts = Array.from({ length: 130 }, (_, n) => 'x'.repeat(n));
    for (const text of [...texts, 'Größe 猫 🐈', 'y'.repeat(100_000)]) {
      expect(sha256(text)).toBe(createHash('sha256').update(text).digest('hex'));
    }
  });
});
