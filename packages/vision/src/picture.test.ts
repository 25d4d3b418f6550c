import { describe, expect, it } from 'vitest';
import { createPicture, crop, flip, fromRgba, toByte } from './picture.ts';
import { noise, pixel } from './testing.ts';

describe('picture', () => {
  it('is white where nothing was said', () => {
    expect(new Set(createPicture(2, 3).data)).toEqual(new Set([255]));
  });

  it('refuses sides and bytes that do not fit', () => {
    expect(() => createPicture(0, 3)).toThrow('whole, positive sides; got 0 × 3');
    expect(() => createPicture(2, 2, new Uint8Array(16))).toThrow(
      'a 2 × 2 picture has 12 bytes (three a pixel); got 16. Drop the alpha channel?',
    );
  });

  it('lays canvas pixels over white', () => {
    const data = Uint8ClampedArray.from([10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 51]);
    expect([...fromRgba({ width: 3, height: 1, data }).data]).toEqual([
      10, 20, 30, 255, 255, 255, 204, 204, 204,
    ]);
  });

  it('rounds halves upwards and clips', () => {
    expect([-3, 0.49, 0.5, 254.5, 300].map(toByte)).toEqual([0, 0, 1, 255, 255]);
  });

  it('crops inside, beyond and beside', () => {
    const picture = noise(5, 4, 1);
    const inside = crop(picture, 1, 2, 3, 2);
    for (let y = 0; y < 2; y++) {
      for (let x = 0; x < 3; x++) expect(pixel(inside, x, y)).toEqual(pixel(picture, x + 1, y + 2));
    }
    const beyond = crop(picture, -1, -1, 7, 6);
    expect(pixel(beyond, 0, 3)).toEqual([255, 255, 255]);
    expect(pixel(beyond, 6, 3)).toEqual([255, 255, 255]);
    expect(crop(beyond, 1, 1, 5, 4)).toEqual(picture);
    expect(new Set(crop(picture, 5, 0, 2, 2).data)).toEqual(new Set([255]));
  });

  it('flips; twice gives the picture back', () => {
    const picture = noise(5, 4, 2);
    expect(pixel(flip(picture), 0, 1)).toEqual(pixel(picture, 4, 1));
    expect(pixel(flip(picture, 'vertical'), 3, 0)).toEqual(pixel(picture, 3, 3));
    for (const direction of ['horizontal', 'vertical'] as const) {
      expect(flip(flip(picture, direction), direction)).toEqual(picture);
    }
  });
});
