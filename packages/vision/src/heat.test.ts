import { describe, expect, it } from 'vitest';
import { drawHeat } from './heat.ts';
import { createPicture, fromRgba, toRgba } from './picture.ts';
import { noise, pixel } from './testing.ts';

const colourful = createPicture(
  8,
  4,
  new Uint8Array(8 * 4 * 3).map((_, i) => [200, 100, 50][i % 3]!),
);
const grey = [124, 124, 124]; // 0.299 · 200 + 0.587 · 100 + 0.114 · 50 = 124.2

describe('drawHeat', () => {
  it('is grey where the map says nothing, and glows where it says the most', () => {
    const drawn = drawHeat(colourful, { rows: 1, columns: 2, values: [0, 3] });
    expect(pixel(drawn, 0, 0)).toEqual(grey);
    // 30 % of the picture's colour and 70 % of the fire's hottest, [255, 225, 90]
    expect(pixel(drawn, 7, 3)).toEqual([239, 188, 78]);
  });

  it('goes from one centre of a cell to the next in a straight line', () => {
    const picture = createPicture(64, 1);
    const drawn = drawHeat(picture, { rows: 1, columns: 2, values: [0, 1] });
    const blue = Array.from({ length: 64 }, (_, x) => pixel(drawn, x, 0)[2]);
    expect(blue.slice(0, 16)).toEqual(Array.from({ length: 16 }, () => 255));
    expect(new Set(blue.slice(48)).size).toBe(1);
    expect(blue.slice(16, 32)).toEqual([...blue.slice(16, 32)].sort((a, b) => b - a));
  });

  it('does not depend on the scale of the map, and takes one of zeros', () => {
    const picture = noise(12, 9, 1);
    const values = [0, 1, 2, 3, 4, 5];
    const one = drawHeat(picture, { rows: 2, columns: 3, values });
    const same = drawHeat(picture, { rows: 2, columns: 3, values: values.map((v) => v * 1024) });
    expect(same).toEqual(one);
    const none = drawHeat(colourful, { rows: 2, columns: 2, values: [0, 0, 0, 0] });
    expect(pixel(none, 5, 2)).toEqual(grey);
  });

  it('wants as many values as there are cells', () => {
    expect(() => drawHeat(colourful, { rows: 2, columns: 2, values: [1, 2, 3] })).toThrow(
      'a heat map of 2 × 2 does not have 3 values',
    );
  });
});

it('toRgba is what fromRgba undoes', () => {
  const picture = noise(5, 3, 2);
  const { width, height } = picture;
  expect(fromRgba({ width, height, data: toRgba(picture) })).toEqual(picture);
});
