import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPicture, flip } from './picture.ts';
import { resize } from './resize.ts';
import { noise, pixel } from './testing.ts';
import { warp } from './warp.ts';

describe('warp', () => {
  const picture = noise(7, 7, 3);

  it('changes nothing when nothing is asked', () => {
    for (const fill of ['edge', 'white'] as const) expect(warp(picture, { fill })).toEqual(picture);
  });

  it('turns by quarters exactly, clockwise', () => {
    const turned = warp(picture, { rotate: 90, fill: 'white' });
    for (let y = 0; y < 7; y++) {
      for (let x = 0; x < 7; x++) expect(pixel(turned, 6 - y, x)).toEqual(pixel(picture, x, y));
    }
    expect(warp(picture, { rotate: 180 })).toEqual(flip(flip(picture), 'vertical'));
    expect(warp(turned, { rotate: -90 })).toEqual(picture);
  });

  it('mirrors as flip does', () => {
    expect(warp(picture, { mirror: { horizontal: true } })).toEqual(flip(picture));
    expect(warp(picture, { mirror: { vertical: true } })).toEqual(flip(picture, 'vertical'));
  });

  it('moves by whole pixels, and fills', () => {
    const white = warp(picture, { translate: [2 / 7, -1 / 7], fill: 'white' });
    expect(pixel(white, 2, 0)).toEqual(pixel(picture, 0, 1));
    expect(pixel(white, 1, 0)).toEqual([255, 255, 255]);
    expect(pixel(white, 4, 6)).toEqual([255, 255, 255]);
    const edge = warp(picture, { translate: [2 / 7, 0], fill: 'edge' });
    expect(pixel(edge, 0, 5)).toEqual(pixel(picture, 0, 5));
    expect(pixel(edge, 1, 5)).toEqual(pixel(picture, 0, 5));
  });

  it('mixes the four pixels around', () => {
    const two = createPicture(2, 2, Uint8Array.from([0, 100, 40, 200].flatMap((v) => [v, v, v])));
    // Half a pixel to the left and up: the first pixel shows the middle of all four.
    expect(pixel(warp(two, { translate: [-0.25, -0.25] }), 0, 0)[0]).toBe(85);
    // A quarter of a pixel to the left: 3/4 of one and 1/4 of the next.
    expect(pixel(warp(two, { translate: [-0.125, 0] }), 0, 0)[0]).toBe(25);
    // Beyond the edge white is mixed in.
    expect(pixel(warp(two, { translate: [0.25, 0], fill: 'white' }), 0, 0)[0]).toBe(128);
  });

  it('scales about the middle', () => {
    const dot = createPicture(9, 9);
    dot.data.fill(0, (4 * 9 + 4) * 3, (4 * 9 + 5) * 3);
    const big = warp(dot, { scale: 3 });
    expect(pixel(big, 4, 4)).toEqual([0, 0, 0]);
    expect(pixel(big, 5, 4)[0]).toBe(85);
    expect(pixel(big, 7, 4)).toEqual([255, 255, 255]);
  });

  it('does not skip pixels when it makes things much smaller', () => {
    const board = createPicture(128, 128);
    for (let i = 0; i < 128 * 128; i++) if (((i >> 7) + i) % 2) board.data.fill(0, i * 3, i * 3 + 3);
    for (const v of warp(board, { rotate: 20 }, 16, 16).data) expect(Math.abs(v - 127.5)).toBeLessThan(3);
    const small = warp(noise(64, 64, 5), {}, 16, 16);
    expect(small).toEqual(resize(noise(64, 64, 5), 16, 16));
  });

  it('keeps its bits', () => {
    const out = warp(noise(31, 31, 4), { rotate: 17, scale: 1.13, translate: [0.05, -0.03], fill: 'white' });
    expect(createHash('sha256').update(out.data).digest('hex').slice(0, 16)).toMatchInlineSnapshot(
      `"2927e9f9f4d2a92f"`,
    );
  });
});
