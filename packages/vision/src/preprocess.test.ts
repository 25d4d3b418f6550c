import { imageNetPreprocess } from '@graftjs/core';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPicture } from './picture.ts';
import { fitPicture, inputWriter, toInput } from './preprocess.ts';
import { resize } from './resize.ts';
import { noise, pixel } from './testing.ts';

const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex').slice(0, 16);

describe('fitPicture', () => {
  it("crops to the bits of torchvision's Resize and CenterCrop on Pillow 12.3", () => {
    const cases: [width: number, height: number, size: number, seed: number, sha: string][] = [
      [40, 24, 16, 1, '48e1eff9723fc80d'],
      [24, 41, 16, 2, '92a8e5dde17f447a'],
      [101, 67, 32, 3, '7181f482a0327797'],
      [17, 300, 33, 4, '96dca999940d22d6'],
    ];
    for (const [width, height, size, seed, sha] of cases) {
      expect(digest(fitPicture(noise(width, height, seed), { size, fit: 'crop' }).data)).toBe(sha);
    }
  });

  it('squashes both sides', () => {
    const picture = noise(40, 20, 1);
    expect(fitPicture(picture, { size: 10, fit: 'squash' })).toEqual(resize(picture, 10, 10));
  });

  it('pads with white, half on either side', () => {
    const wide = createPicture(40, 20, new Uint8Array(2400).fill(7));
    const fitted = fitPicture(wide, { size: 10, fit: 'pad' });
    expect([1, 2, 6, 7].map((y) => pixel(fitted, 5, y)[0])).toEqual([255, 7, 7, 255]);
    const line = fitPicture(createPicture(1, 1000, new Uint8Array(3000)), { size: 10, fit: 'pad' });
    expect(pixel(line, 4, 0)).toEqual([0, 0, 0]);
    expect(pixel(line, 5, 0)).toEqual([255, 255, 255]);
  });

  it('leaves a picture that fits, and takes the longest strips', () => {
    const picture = noise(12, 12, 1);
    for (const fit of ['squash', 'crop', 'pad'] as const) {
      expect(fitPicture(picture, { size: 12, fit })).toBe(picture);
      const strip = fitPicture(createPicture(20_000, 1), { size: 64, fit });
      expect([strip.width, strip.height]).toEqual([64, 64]);
    }
  });
});

describe('toInput', () => {
  const base = imageNetPreprocess({ size: 3 });

  it("normalises to the bits of torchvision's ToTensor and Normalize", () => {
    const picture = createPicture(3, 3);
    picture.data.set([0, 1, 128, 255, 77, 0]);
    const input = toInput(picture, base);
    // float32 arithmetic worked out with Python's struct.
    expect([input[0], input[9], input[18], input[1], input[10]]).toEqual([
      -2.1179039478302, -2.018207311630249, 0.4264925718307495, 2.248908281326294, -0.6876749992370605,
    ]);
  });

  it('lays channels first or last', () => {
    const picture = noise(3, 3, 4);
    const first = toInput(picture, base);
    const last = toInput(picture, { ...base, layout: 'channels-last' });
    for (let c = 0; c < 3; c++) for (let i = 0; i < 9; i++) expect(last[i * 3 + c]).toBe(first[c * 9 + i]);
  });

  it('writes at an offset', () => {
    const write = inputWriter(base);
    const into = new Float32Array(60);
    write(noise(3, 3, 4), into, 27);
    expect(into.subarray(27, 54)).toEqual(toInput(noise(3, 3, 4), base));
    expect(into.subarray(54)).toEqual(new Float32Array(6));
  });
});
