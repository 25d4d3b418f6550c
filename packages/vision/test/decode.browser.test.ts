import { createPicture, ImageError, toRgba, type Picture } from '@graftjs/vision';
import { decodeImage } from '@graftjs/vision/browser';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from 'vitest/browser';
import { AreaReducer } from '../src/reduce.ts';
import { noise, pixel } from '../src/testing.ts';
import { FORMS, variants } from './variants.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    runInNode: (script: string, ...args: string[]) => Promise<string>;
  }
}

// What of a page is used here; Node's types do not declare it.
interface Page {
  OffscreenCanvas: new (
    width: number,
    height: number,
  ) => {
    getContext(kind: '2d'): {
      createImageData(w: number, h: number): { data: Uint8ClampedArray };
      putImageData(image: object, x: number, y: number): void;
    };
    convertToBlob(options: object): Promise<Blob>;
    transferToImageBitmap(): { readonly width: number; readonly height: number; close(): void };
  };
}
const { OffscreenCanvas } = globalThis as unknown as Page;

/** A canvas with a picture, and `alpha` for each pixel. */
function canvasOf(picture: Picture, alpha = 255): InstanceType<Page['OffscreenCanvas']> {
  const { width, height, data } = picture;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...data.subarray(i * 3, i * 3 + 3), alpha], i * 4);
  context.putImageData(image, 0, 0);
  return canvas;
}
const png = (picture: Picture, alpha?: number): Promise<Blob> =>
  canvasOf(picture, alpha).convertToBlob({ type: 'image/png' });
const fixture = async (name: string): Promise<Blob> =>
  (await fetch(new URL(`./fixtures/${name}`, import.meta.url))).blob();

describe('decodeImage, in a page', () => {
  test('gives the bytes of a lossless picture', async () => {
    const picture = noise(37, 23, 4);
    const decoded = await decodeImage(await png(picture));
    expect([decoded.width, decoded.height]).toEqual([37, 23]);
    expect(decoded.data).toEqual(picture.data);
  });

  test('reduces a large picture while it reads it, to exact means over areas', async () => {
    const picture = noise(811, 777, 6);
    const got = await decodeImage(await png(picture), { size: 96 });
    const reducer = new AreaReducer(811, 777, got.width, got.height);
    reducer.add(toRgba(picture));
    expect([got.width, got.height]).toEqual([401, 384]);
    expect(got.data).toEqual(reducer.finish().data);
    expect((await decodeImage(await png(picture), { size: 98 })).data).toEqual(picture.data); // 8 · 98 > 777
  });

  test('takes a bitmap, and closes it', async () => {
    const picture = noise(8, 6, 5);
    const bitmap = canvasOf(picture).transferToImageBitmap();
    expect((await decodeImage(bitmap)).data).toEqual(picture.data);
    expect(bitmap.width).toBe(0);
  });

  test('lays what is transparent over white', async () => {
    const black = createPicture(2, 2, new Uint8Array(12));
    expect(pixel(await decodeImage(await png(black, 0)), 1, 1)).toEqual([255, 255, 255]);
    // 255 · (1 − 51 / 255), a whole number
    expect(pixel(await decodeImage(await png(black, 51)), 0, 0)).toEqual([204, 204, 204]);
  });

  test('turns a picture upright', async () => {
    const { width, height, data } = await decodeImage(await fixture('on-its-side.jpg'));
    expect([width, height]).toEqual([16, 32]);
    const upright = { width, height, data };
    expect(pixel(upright, 8, 4)[2]).toBeGreaterThan(pixel(upright, 8, 4)[0]);
    expect(pixel(upright, 8, 28)[0]).toBeGreaterThan(pixel(upright, 8, 28)[2]);
  });

  test('brings other colour profiles to sRGB', async () => {
    const decoded = await decodeImage(await fixture('display-p3.png'));
    const stored = [
      [200, 100, 50],
      [60, 120, 180],
      [90, 160, 70],
      [128, 128, 128],
    ];
    stored.forEach((rgb, x) => {
      const want = toSrgb(rgb);
      // Profiles hold numbers of 16 fractional bits, and the result is rounded to bytes: the nearest, or its neighbour.
      pixel(decoded, x, 0).forEach((v, c) => expect(Math.abs(v - want[c]!)).toBeLessThan(1.5));
    });
    expect(pixel(decoded, 0, 0)[0]).toBeGreaterThan(208); // the stored 200 is another colour in sRGB
  });

  describe('beside Node', () => {
    let inNode: Record<string, (string | number[])[]>;
    beforeAll(async () => {
      inNode = JSON.parse(await commands.runInNode('packages/vision/test/decode-run.ts')) as typeof inNode;
    });
    test.each(FORMS)('reads %s, whatever lies behind its end, and refuses it cut off', async (name) => {
      const whole = new Uint8Array(await (await fixture(name)).arrayBuffer());
      for (const [i, bytes] of variants(whole).entries()) {
        const node = inNode[name]![i]!;
        const page = await decodeImage(new File([bytes], name)).catch((error: Error) => error.message);
        if (typeof node === 'string' || typeof page === 'string') {
          const verdict = (said: unknown): unknown =>
            typeof said === 'string' ? /is \w+ \w+ or damaged|is damaged/.exec(said)?.[0] : 'read';
          expect(verdict(page), `variant ${i}: ${String(page)}`).toBe(verdict(node));
          continue;
        }
        expect(page.data.length, `variant ${i}`).toBe(node.length);
        // The profile that ink without one is taken for is each decoder's own choice.
        if (name === 'cmyk.jpg') continue;
        // So are the inverse DCT and how finely colour is kept; what is lossless is the same to the bit.
        const most = Math.max(...node.map((v, k) => Math.abs(v - page.data[k]!)));
        expect(most, `variant ${i}`).toBeLessThanOrEqual(/jpg|avif|lossy/.test(name) ? 12 : 0);
      }
      expect(inNode[name]!.slice(0, 4).every((v) => typeof v !== 'string')).toBe(true);
      // Half of the first is its picture and more; a lossy WebP has nothing that a filled-up rest would contradict.
      const tell = !['with-more-behind.jpg', 'lossy.webp'].includes(name);
      expect(inNode[name]!.slice(4).every((v) => typeof v === 'string')).toBe(tell);
    });
  });

  test.each<[string, string[] | 'cut' | 'broken', RegExp]>([
    ['nothing', [], /^nothing: is empty/],
    ['notes.txt', ['Dear diary'], /^notes\.txt: is a text file; needed is a JPEG, PNG, WebP, AVIF or GIF/],
    ['paper.jpg', ['%PDF-1.7'], /^paper\.jpg: is a PDF document/],
    ['cut.png', 'cut', /^cut\.png: is cut off or damaged \(PNG: its end is missing\)/],
    ['broken.png', 'broken', /^broken\.png: is damaged and cannot be decoded \(PNG\)/],
  ])('says what %s is instead of a picture', async (name, parts, message) => {
    const whole = new Uint8Array(await (await png(noise(16, 16, 1))).arrayBuffer());
    const broken = whole.slice().fill(0x55, 30, 60);
    const contents = parts === 'cut' ? [whole.slice(0, -20)] : parts === 'broken' ? [broken] : parts;
    const error: unknown = await decodeImage(new File(contents, name)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
  });

  test('refuses what has too many pixels', async () => {
    const blob = await png(noise(10, 10, 1));
    await expect(decodeImage(blob, { name: 'big.png', maxPixels: 99 })).rejects.toThrow(
      'big.png: has 10 × 10 pixels',
    );
  });
});

/** Display P3 bytes as sRGB, not rounded: both have sRGB's curve; the matrix is that of their primaries. */
function toSrgb(bytes: readonly number[]): number[] {
  const linear = bytes.map((v) =>
    v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
  );
  const matrix = [
    [1.2249401763, -0.2249401763, 0],
    [-0.0420569547, 1.0420569547, 0],
    [-0.0196375546, -0.0786360456, 1.0982736001],
  ];
  return matrix.map((row) => {
    const v = row.reduce((sum, m, c) => sum + m * linear[c]!, 0);
    return 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  });
}
