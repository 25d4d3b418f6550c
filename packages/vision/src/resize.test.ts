import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPicture, crop, type Picture } from './picture.ts';
import { resize } from './resize.ts';
import { noise } from './testing.ts';

const digest = (p: Picture): string => createHash('sha256').update(p.data).digest('hex').slice(0, 16);

describe('resize', () => {
  it('gives the bits of Pillow 12.3, Image.resize(…, BILINEAR)', () => {
    const cases: [
      from: [number, number],
      to: [number, number],
      seed: number,
      sha: string,
      first: number[],
    ][] = [
      [[13, 7], [5, 4], 1, '8f08b7bd23c57c12', [123, 111, 118, 140, 160, 73]],
      [[13, 7], [29, 18], 2, '805b4b8475a2d3d1', [60, 117, 48, 82, 128, 45]],
      [[100, 64], [33, 64], 3, '1de93d8b388204ce', [155, 102, 165, 166, 100, 142]],
      [[640, 480], [96, 96], 4, '059e62e14a59030a', [127, 119, 128, 128, 123, 125]],
      [[5, 300], [224, 3], 5, 'f3fbac8f82c1faf2', [125, 125, 124, 125, 125, 124]],
      [[2, 2], [2, 5], 6, '692e0d9c940c85cd', [61, 210, 237, 227, 98, 27]],
    ];
    for (const [from, to, seed, sha, first] of cases) {
      const out = resize(noise(...from, seed), ...to);
      expect([...out.data.subarray(0, 6)], `${from} → ${to}`).toEqual(first);
      expect(digest(out), `${from} → ${to}`).toBe(sha);
    }
  });

  it('halves a row by the triangle filter, as worked out by hand', () => {
    // Reduction 2: the triangle reaches two pixels either side of the centre; weights 1/8, 3/8, 3/8, 1/8, cut at the edge
    // and normalised again.
    const values = [0, 80, 160, 240];
    const picture = createPicture(4, 1, Uint8Array.from(values.flatMap((v) => [v, v, v])));
    const left = (0 * 3 + 80 * 3 + 160 * 1) / 7;
    const out = resize(picture, 2, 1);
    expect([out.data[0], out.data[3]]).toEqual([Math.round(left), Math.round(240 - left)]);
  });

  it('keeps plain colours exactly, whichever sizes', () => {
    for (const [w, h] of [
      [1, 1],
      [3, 50],
      [97, 2],
      [64, 64],
    ] as const) {
      const plain = createPicture(31, 17, new Uint8Array(31 * 17 * 3).fill(201));
      expect(new Set(resize(plain, w, h).data)).toEqual(new Set([201]));
    }
  });

  it('keeps the mean brightness of a fine chequerboard, where plain bilinear would pick one colour', () => {
    const board = createPicture(256, 256);
    for (let i = 0; i < 256 * 256; i++) if (((i >> 8) + i) % 2) board.data.fill(0, i * 3, i * 3 + 3);
    for (const v of resize(board, 16, 16).data) expect(Math.abs(v - 127.5)).toBeLessThan(2);
  });

  it('makes a window with the pixels of the whole', () => {
    const picture = noise(120, 80, 9);
    const whole = resize(picture, 60, 33);
    const part = resize(picture, 60, 33, { left: 13, top: 5, width: 20, height: 28 });
    expect(part).toEqual(crop(whole, 13, 5, 20, 28));
  });

  it('refuses sides that are not positive integers', () => {
    const picture = noise(4, 4, 1);
    expect(() => resize(picture, 0, 5)).toThrow('resize needs whole, positive sides; got 0 × 5');
    expect(() => resize(picture, 2.5, 5)).toThrow('2.5 × 5');
    expect(() => resize(picture, 4, 4, { left: 2, top: 0, width: 3, height: 1 })).toThrow('leaves the 4 × 4');
  });
});
