import { NameError, Random } from '@graftjs/core';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  augmentations,
  augmentPicture,
  detailSize,
  erase,
  parseAugmentation,
  type Augmentation,
} from './augment.ts';
import { meanColour } from './colour.ts';
import { createPicture, flip, type Picture } from './picture.ts';
import { resize } from './resize.ts';
import { fixedDraws, noise, pixel } from './testing.ts';

const picture = resize(noise(5, 5, 1), 32, 32);
const view = (augmentation: Augmentation, v: number, size?: number): Picture =>
  augmentPicture(picture, augmentation, new Random(3, `augment/0/${v}`), size);

describe('augmentPicture', () => {
  it('leaves the picture alone when nothing is on', () => {
    expect(view(augmentations.none, 1)).toEqual(picture);
  });

  it('flips about half of the views, exactly', () => {
    const flipped = flip(picture);
    let n = 0;
    for (let v = 1; v <= 200; v++) {
      const out = view({ flip: 'horizontal' }, v);
      const isFlipped = Buffer.compare(out.data, flipped.data) === 0;
      if (!isFlipped) expect(out).toEqual(picture);
      if (isFlipped) n++;
    }
    expect(n).toBeGreaterThan(75);
    expect(n).toBeLessThan(125);
  });

  it('makes different views of each stream, and the same again', () => {
    const seen = new Set<string>();
    for (let v = 1; v <= 20; v++) {
      const out = view(augmentations.standard, v);
      expect(view(augmentations.standard, v)).toEqual(out);
      seen.add(createHash('sha256').update(out.data).digest('hex'));
    }
    expect(seen.size).toBe(20);
  });

  it('keeps the other changes when one is switched on', () => {
    const mean = (p: Picture): number => p.data.reduce((a, b) => a + b, 0) / p.data.length;
    for (let v = 1; v <= 10; v++) {
      const brightness = mean(view({ brightness: 0.4 }, v)) / mean(picture);
      const both = mean(view({ brightness: 0.4, flip: 'both' }, v)) / mean(picture);
      expect(both).toBeCloseTo(brightness, 10);
    }
  });

  it('draws evenly within its bounds', () => {
    const grey = createPicture(1, 1, Uint8Array.from([100, 100, 100]));
    const values = Array.from(
      { length: 400 },
      (_, v) => augmentPicture(grey, { brightness: 0.5 }, new Random(1, `augment/0/${v}`)).data[0]!,
    );
    expect(Math.min(...values)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...values)).toBeLessThanOrEqual(150);
    expect(Math.min(...values)).toBeLessThan(55);
    expect(Math.max(...values)).toBeGreaterThan(145);
    expect(values.reduce((a, b) => a + b) / 400).toBeGreaterThan(95);
    expect(values.reduce((a, b) => a + b) / 400).toBeLessThan(105);
  });

  it('makes a square of the wanted size', () => {
    for (const augmentation of [augmentations.standard, { flip: 'both' } as const, {}]) {
      const out = view(augmentation, 4, 20);
      expect([out.width, out.height]).toEqual([20, 20]);
    }
    expect(detailSize(96, augmentations.standard)).toBe(116);
    expect(detailSize(96, { scale: [0.5, 0.9] })).toBe(96);
    expect(detailSize(96, { scale: [1, 5] })).toBe(192);
    expect(detailSize(96, undefined)).toBe(96);
  });

  it('takes colour away with the given probability', () => {
    const isGrey = (p: Picture): boolean => p.data.every((v, i) => v === p.data[i - (i % 3)]);
    const n = Array.from({ length: 200 }, (_, v) => view({ grayscale: 0.25 }, v)).filter(isGrey).length;
    expect(n).toBeGreaterThan(30);
    expect(n).toBeLessThan(70);
  });

  it('cuts a square out and paints it with the mean colour', () => {
    const out = erase(picture, 10, 12, 4, 6);
    expect(pixel(out, 8, 9)).toEqual(meanColour(picture));
    expect(pixel(out, 11, 14)).toEqual(meanColour(picture));
    expect(pixel(out, 7, 9)).toEqual(pixel(picture, 7, 9));
    expect(pixel(out, 12, 14)).toEqual(pixel(picture, 12, 14));
    // At a corner only the part inside is painted.
    expect(pixel(erase(picture, 0, 0, 4, 4), 1, 1)).toEqual(meanColour(picture));
    const changed = view({ cutout: 0.25 }, 2).data.filter((v, i) => v !== picture.data[i]).length / 3;
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThanOrEqual(64);
  });

  it('keeps its bits', () => {
    const everything = { ...augmentations.standard, grayscale: 0.1, cutout: 0.3, flip: 'both' } as const;
    const hash = createHash('sha256');
    for (let v = 1; v <= 8; v++) hash.update(augmentPicture(picture, everything, fixedDraws(v), 24).data);
    expect(hash.digest('hex').slice(0, 16)).toMatchInlineSnapshot(`"1f0b725d92e27abc"`);
  });
});

describe('parseAugmentation', () => {
  it('knows the presets and takes objects as they are', () => {
    expect(parseAugmentation('light')).toBe(augmentations.light);
    expect(parseAugmentation({ rotate: 5 })).toEqual({ rotate: 5 });
    for (const preset of Object.values(augmentations)) expect(parseAugmentation(preset)).toBe(preset);
  });

  it('says what is wrong', () => {
    expect(() => parseAugmentation('standart')).toThrow(NameError);
    expect(() => parseAugmentation('standart')).toThrow(
      "unknown augmentation 'standart'; the nearest are 'standard'",
    );
    expect(() => parseAugmentation({ rotation: 5 })).toThrow("unknown augmentation option 'rotation'");
    expect(() => parseAugmentation('toString')).toThrow(NameError);
    expect(() => parseAugmentation({ rotate: 200 })).toThrow(
      "augmentation: 'rotate' must be between 0 and 180; got 200",
    );
    expect(() => parseAugmentation({ rotate: '5' })).toThrow('got "5"');
    expect(() => parseAugmentation({ scale: [1.2, 0.8] })).toThrow("'scale' must be two factors, [min, max]");
    expect(() => parseAugmentation({ scale: [NaN, NaN] })).toThrow("'scale'");
    expect(() => parseAugmentation({ flip: 'left' })).toThrow(
      "'flip' must be none, horizontal, vertical, both",
    );
    expect(() => parseAugmentation({ fill: 'black' })).toThrow("'fill' must be edge, white");
    expect(() => parseAugmentation(null)).toThrow('must be an object or none, light, standard; got null');
  });
});
