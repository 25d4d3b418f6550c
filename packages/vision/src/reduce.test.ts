import { Random } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { decodeImage } from './node/decode.ts';
import { encodePng } from './node/encode.ts';
import { createPicture, toRgba, type Picture } from './picture.ts';
import { fitPicture } from './preprocess.ts';
import { AreaReducer, reducedSize } from './reduce.ts';
import { noise } from './testing.ts';

function reduce(picture: Picture, width: number, height: number, strip = 7): Picture {
  const reducer = new AreaReducer(picture.width, picture.height, width, height);
  const rgba = toRgba(picture);
  const row = 4 * picture.width;
  for (let y = 0; y < picture.height; y += strip) reducer.add(rgba.subarray(y * row, (y + strip) * row));
  return reducer.finish();
}

/** The mean of an area, in float64: how much of each old pixel a new one covers. */
function areaMean({ width, height, data }: Picture, toWidth: number, toHeight: number): number[] {
  const cover = (i: number, from: number, to: number): number[] =>
    Array.from({ length: from }, (_, p) => {
      const [begin, end] = [(i * from) / to, ((i + 1) * from) / to];
      return Math.max(0, Math.min(end, p + 1) - Math.max(begin, p)) * (to / from);
    });
  const out: number[] = [];
  for (let y = 0; y < toHeight; y++) {
    const rows = cover(y, height, toHeight);
    for (let x = 0; x < toWidth; x++) {
      const columns = cover(x, width, toWidth);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        rows.forEach((a, i) => columns.forEach((b, j) => (sum += a * b * data[(i * width + j) * 3 + c]!)));
        out.push(sum);
      }
    }
  }
  return out;
}

describe('reducing while decoding', () => {
  it('gives the mean of the area under each pixel, however the rows are cut into strips', () => {
    for (const [w, h, toW, toH] of [
      [40, 30, 8, 6],
      [41, 37, 8, 6],
      [17, 23, 16, 22],
      [9, 9, 1, 1],
      [64, 5, 7, 5],
    ] as const) {
      const picture = noise(w, h, w * h);
      const want = areaMean(picture, toW, toH);
      const got = reduce(picture, toW, toH);
      got.data.forEach((v, i) => expect(Math.abs(v - want[i]!)).toBeLessThanOrEqual(0.5 + 1e-9));
      for (const strip of [1, 2, h]) expect(reduce(picture, toW, toH, strip)).toEqual(got);
    }
    expect(reduce(createPicture(50, 50), 7, 9).data.every((v) => v === 255)).toBe(true);
  });

  it('starts at eight times the wanted side', () => {
    expect(reducedSize(4000, 3000, 96)).toEqual({ width: 512, height: 384 });
    expect(reducedSize(767, 2000, 96)).toBeUndefined();
    expect(reducedSize(768, 1537, 96)).toEqual({ width: 384, height: 769 });
  });

  // A page reduces so, `graft` with libvips: both to the same size, then `resize` does four fifths of the work.
  it.each<[string, (x: number, y: number) => readonly number[], number, number]>([
    ['soft shapes', (x, y) => [x * 90, y * 60, (x + y) * 40].map((v) => 128 + 100 * Math.sin(v)), 0.5, 2],
    [
      'sharp edges',
      (x, y) => [(x * 23 + y * 7) % 1 < 0.5 ? 230 : 20, (y * 31) % 1 < 0.3 ? 0 : 255, x > y ? 200 : 40],
      1,
      4,
    ],
  ])('agrees with what graft makes of %s', async (_what, colour, mean, most) => {
    const [width, height] = [1201, 903];
    const grain = new Random(3, 'grain');
    const picture = createPicture(width, height);
    for (let i = 0; i < width * height; i++) {
      const rgb = colour((i % width) / width, Math.floor(i / width) / height);
      const g = 24 * (grain.uniform() - 0.5);
      for (let c = 0; c < 3; c++) picture.data[3 * i + c] = Math.max(0, Math.min(255, rgb[c]! + g));
    }
    const size = 96;
    const graft = fitPicture(await decodeImage(await encodePng(picture), { size }), { size, fit: 'squash' });
    const to = reducedSize(width, height, size)!;
    const page = fitPicture(reduce(picture, to.width, to.height, 256), { size, fit: 'squash' });
    const apart = Array.from(page.data, (v, i) => Math.abs(v - graft.data[i]!));
    expect(Math.max(...apart)).toBeLessThanOrEqual(most);
    expect(apart.reduce((a, b) => a + b) / apart.length).toBeLessThanOrEqual(mean);
  });
});
