import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { adjustColour, grayscale, meanColour } from './colour.ts';
import { createPicture } from './picture.ts';
import { noise } from './testing.ts';

const one = (r: number, g: number, b: number) => createPicture(1, 1, Uint8Array.from([r, g, b]));
const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex').slice(0, 16);

describe('colour', () => {
  it('multiplies brightness and clips', () => {
    expect([...adjustColour(one(100, 201, 3), { brightness: 1.5 }).data]).toEqual([150, 255, 5]);
  });

  it('moves away from or to the mean grey', () => {
    const two = createPicture(2, 1, Uint8Array.from([50, 50, 50, 150, 150, 150]));
    expect([...adjustColour(two, { contrast: 1.5 }).data]).toEqual([25, 25, 25, 175, 175, 175]);
    expect([...adjustColour(two, { contrast: 0 }).data]).toEqual([100, 100, 100, 100, 100, 100]);
    // The mean is that of the brightened picture.
    expect([...adjustColour(two, { brightness: 0.5, contrast: 0 }).data]).toEqual([50, 50, 50, 50, 50, 50]);
  });

  it('takes saturation away down to luma', () => {
    expect([...adjustColour(one(255, 0, 0), { saturation: 0 }).data]).toEqual([76, 76, 76]);
    expect([...adjustColour(one(90, 90, 90), { saturation: 3 }).data]).toEqual([90, 90, 90]);
  });

  it('turns hues: a third of a turn makes red green, a whole turn changes nothing', () => {
    expect([...adjustColour(one(200, 10, 10), { hue: 1 / 3 }).data]).toEqual([10, 200, 10]);
    expect([...adjustColour(one(200, 10, 10), { hue: -1 / 3 }).data]).toEqual([10, 10, 200]);
    expect([...adjustColour(one(200, 10, 10), { hue: 1 / 6 }).data]).toEqual([200, 200, 10]);
    const picture = noise(20, 20, 8);
    expect(adjustColour(picture, { hue: 1 })).toEqual(picture);
  });

  it('makes grey as Pillow 12.3, convert("L")', () => {
    const grey = grayscale(noise(31, 17, 5)).data;
    expect(digest(grey.filter((_, i) => i % 3 === 0))).toBe('d92083396a1684ef');
    expect(grey.every((v, i) => v === grey[i - (i % 3)])).toBe(true);
  });

  it('averages channels', () => {
    expect(meanColour(createPicture(2, 1, Uint8Array.from([0, 10, 255, 3, 20, 255])))).toEqual([2, 15, 255]);
  });

  it('keeps its bits', () => {
    const change = { brightness: 1.1, contrast: 0.83, saturation: 1.31, hue: 0.07 };
    expect(digest(adjustColour(noise(31, 17, 6), change).data)).toMatchInlineSnapshot(`"6a0ed4a2c223af0f"`);
  });
});
