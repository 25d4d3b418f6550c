import { GraftError } from '@graftjs/core';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORMS, variants } from '../../test/variants.ts';
import { ImageError } from '../errors.ts';
import { createPicture, type Picture } from '../picture.ts';
import { resize } from '../resize.ts';
import { noise, pixel } from '../testing.ts';
import { decodeImage } from './decode.ts';
import { encodePng, thumbnail, thumbnailUri } from './encode.ts';

const rawOf = ({ width, height, data }: Picture) => sharp(data, { raw: { width, height, channels: 3 } });

/** Red left half, blue right half. */
function halves(width: number, height: number): Picture {
  const picture = createPicture(width, height);
  for (let i = 0; i < width * height; i++) {
    picture.data.set(i % width < width / 2 ? [255, 0, 0] : [0, 0, 255], i * 3);
  }
  return picture;
}

/** A PNG file from its chunks, for what sharp would not write. */
function png(width: number, height: number, depth: number, colour: number, rows: Buffer): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colour;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-decode-test-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function failure(input: Parameters<typeof decodeImage>[0], options = {}): Promise<string> {
  const error = await decodeImage(input, options).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ImageError);
  expect(error).toBeInstanceOf(GraftError);
  return (error as Error).message;
}

describe('decodeImage', () => {
  it('gives a PNG back to the bit, from bytes, a path and a URL', async () => {
    const picture = noise(23, 11, 1);
    const bytes = await encodePng(picture);
    const path = join(dir, 'noise.png');
    await writeFile(path, bytes);
    for (const input of [bytes, new Uint8Array(bytes), path, pathToFileURL(path)]) {
      const decoded = await decodeImage(input);
      expect([decoded.width, decoded.height]).toEqual([23, 11]);
      expect(Buffer.compare(decoded.data, picture.data)).toBe(0);
    }
  });

  it.each(['jpeg', 'webp', 'avif', 'gif'] as const)('reads %s', async (format) => {
    const bytes = await rawOf(halves(32, 16)).toFormat(format).toBuffer();
    const decoded = await decodeImage(bytes);
    expect([decoded.width, decoded.height]).toEqual([32, 16]);
    expect(pixel(decoded, 3, 8)[0]).toBeGreaterThan(220);
    expect(pixel(decoded, 28, 8)[2]).toBeGreaterThan(220);
  });

  it('turns a picture upright by its EXIF orientation', async () => {
    // 6: the camera was turned, so the stored left is the true top.
    const bytes = await rawOf(halves(32, 16))
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 95 })
      .toBuffer();
    const decoded = await decodeImage(bytes);
    expect([decoded.width, decoded.height]).toEqual([16, 32]);
    expect(pixel(decoded, 8, 4)[0]).toBeGreaterThan(220);
    expect(pixel(decoded, 8, 28)[2]).toBeGreaterThan(220);
    const small = await decodeImage(bytes, { size: 2 });
    expect([small.width, small.height]).toEqual([8, 16]);
    expect(pixel(small, 4, 1)[0]).toBeGreaterThan(200);
  });

  it('lays transparency over white', async () => {
    const data = Buffer.from([255, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 128]);
    const bytes = await sharp(data, { raw: { width: 3, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    const decoded = await decodeImage(bytes);
    expect(pixel(decoded, 0, 0)).toEqual([255, 0, 0]);
    expect(pixel(decoded, 1, 0)).toEqual([255, 255, 255]);
    expect(pixel(decoded, 2, 0)[0]).toBeCloseTo(127, -1);
  });

  it('reads 16 bits, grey, grey with alpha, 1 bit and palettes as 8-bit RGB', async () => {
    // One row each; the first byte of a row says that it is not filtered.
    const rgb16 = png(2, 1, 16, 2, Buffer.from([0, 255, 255, 128, 0, 0, 0, 0, 0, 64, 0, 255, 255]));
    expect([...(await decodeImage(rgb16)).data]).toEqual([255, 128, 0, 0, 64, 255]);
    const grey16 = png(2, 1, 16, 0, Buffer.from([0, 255, 255, 100, 0]));
    expect([...(await decodeImage(grey16)).data]).toEqual([255, 255, 255, 100, 100, 100]);
    const grey8 = png(2, 1, 8, 0, Buffer.from([0, 7, 200]));
    expect([...(await decodeImage(grey8)).data]).toEqual([7, 7, 7, 200, 200, 200]);
    const greyAlpha = png(2, 1, 8, 4, Buffer.from([0, 7, 255, 7, 0]));
    expect([...(await decodeImage(greyAlpha)).data]).toEqual([7, 7, 7, 255, 255, 255]);
    const bit = png(2, 1, 1, 0, Buffer.from([0, 0b01000000]));
    expect([...(await decodeImage(bit)).data]).toEqual([0, 0, 0, 255, 255, 255]);
    const palette = await rawOf(halves(4, 1)).png({ palette: true }).toBuffer();
    expect([...(await decodeImage(palette)).data]).toEqual([...halves(4, 1).data]);
  });

  it('reads CMYK as sRGB', async () => {
    const bytes = await rawOf(halves(32, 16)).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe('cmyk');
    const [r, g, b] = pixel(await decodeImage(bytes), 3, 8);
    expect(r).toBeGreaterThan(180);
    expect(Math.max(g, b)).toBeLessThan(90);
  });

  it('takes the first frame of a moving GIF', async () => {
    const frames = createPicture(8, 16);
    frames.data.fill(0, 0, 8 * 8 * 3);
    const bytes = await sharp(frames.data, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .gif()
      .toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    const decoded = await decodeImage(bytes);
    expect([decoded.width, decoded.height]).toEqual([8, 8]);
    expect(new Set(decoded.data)).toEqual(new Set([0]));
  });

  it('shrinks big pictures early, to nearly the same small picture', async () => {
    const smooth = resize(noise(6, 4, 5), 900, 600);
    const bytes = await rawOf(smooth).jpeg({ quality: 95 }).toBuffer();
    const full = await decodeImage(bytes);
    const early = await decodeImage(bytes, { size: 32 });
    expect([early.width, early.height]).toEqual([192, 128]);
    expect(early).toEqual(await decodeImage(bytes, { size: 32 }));
    const a = resize(full, 48, 32).data;
    const b = resize(early, 48, 32).data;
    expect(Math.max(...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(8);
    expect((await decodeImage(bytes, { size: 76 })).width).toBe(900);
  });

  it('finds cut-off files of every format', async () => {
    const picture = noise(64, 64, 3);
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'gif'] as const) {
      const bytes = await rawOf(picture).toFormat(format).toBuffer();
      for (const share of [0.3, 0.6, 0.9, 0.98]) {
        const message = await failure(bytes.subarray(0, Math.floor(bytes.length * share)), { name: 'cut.x' });
        expect(message, `${format} ${share}`).toMatch(
          /^cut\.x: is cut off or damaged \(\w+: its end is missing\); make or download it again, or delete it$/,
        );
      }
    }
  });

  it('reads a picture whatever lies behind its end, and finds it cut off all the same', async () => {
    for (const name of FORMS) {
      const whole = await readFile(new URL(`../../test/fixtures/${name}`, import.meta.url));
      const [plain, ...others] = variants(whole);
      const picture = await decodeImage(plain!);
      for (const bytes of others.slice(0, 3)) expect(await decodeImage(bytes), name).toEqual(picture);
      // Half of the first is its picture and more; a lossy WebP has nothing that a filled-up rest would contradict.
      if (name === 'with-more-behind.jpg') continue;
      const cut = others.slice(3, name === 'lossy.webp' ? 5 : undefined);
      for (const bytes of cut)
        expect(await failure(bytes), name).toMatch(/is cut off or damaged|is damaged and cannot/);
    }
  });

  it('finds a cut-off JPEG that would be shrunk while it is decoded', async () => {
    const bytes = await rawOf(noise(512, 512, 3))
      .jpeg()
      .toBuffer();
    const message = await failure(bytes.subarray(0, bytes.length >> 1), { size: 32, name: 'big.jpg' });
    expect(message).toMatch(/^big\.jpg: is cut off or damaged \(JPEG: /);
  });

  it('finds a PNG with a flipped bit', async () => {
    const bytes = await encodePng(noise(64, 64, 3));
    bytes[bytes.length >> 1]! ^= 0x10;
    expect(await failure(bytes, { name: 'a.png' })).toMatch(
      /^a\.png: is damaged and cannot be decoded \(PNG: .*png.*\)/,
    );
  });

  it('says of each picture what is wrong with it, however many are decoded at once', async () => {
    const of = rawOf(noise(64, 64, 3));
    const [jpeg, png] = [await of.jpeg().toBuffer(), await of.png().toBuffer()];
    png[png.length >> 1]! ^= 0x10;
    const broken = Array.from({ length: 40 }, (_, i) => (i % 2 ? png : jpeg.subarray(0, 300 + 10 * i)));
    const messages = await Promise.all(broken.map((bytes) => failure(bytes)));
    for (const [i, message] of messages.entries()) {
      expect(message).toMatch(
        i % 2
          ? /^picture: is damaged and cannot be decoded \(PNG(: [^:]*png[^:]*: .*)?\); make/i
          : /^picture: is cut off or damaged \(JPEG: its end is missing\); make/,
      );
    }
  });

  it('names the file, what is wrong and what to do', async () => {
    const text = join(dir, 'cat.jpg');
    await writeFile(text, 'I am not a cat.\n');
    expect(await failure(text)).toBe(
      `${text}: is a text file; needed is a JPEG, PNG, WebP, AVIF or GIF picture`,
    );
    const missing = join(dir, 'nowhere.png');
    expect(await failure(missing)).toBe(`${missing}: there is no such file or folder; check the path`);
    expect(await failure(dir)).toBe(`${dir}: is a folder, not a file`);
    expect(await failure(new Uint8Array(0))).toBe('picture: is empty (0 bytes); delete it or get it again');
    expect(await failure(join(text, 'x.png'))).toContain('a part of this path is a file, not a folder');
    const cases: [string, string][] = [
      ['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', 'is an SVG drawing'],
      ['<!doctype html><title>404</title>', 'is a web page'],
      ['version https://git-lfs.github.com/spec/v1\noid sha256:0', "with 'git lfs pull'"],
      ['%PDF-1.7', 'is a PDF document'],
      ['BM\0\0\0\0', 'is a BMP picture'],
      ['II*\0\0\0\0\0', 'is a TIFF picture'],
      ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'is a HEIC picture'],
      ['\0\x01\x02\x03', 'is of an unknown format'],
    ];
    for (const [bytes, wanted] of cases)
      expect(await failure(Buffer.from(bytes, 'latin1'))).toContain(wanted);
  });

  it('refuses huge pictures before it decodes them', async () => {
    // 20,000 × 20,000 white pixels of one bit: 50 MB of zeros pack into 50 kB.
    const rows = Buffer.alloc(20_000 * 2501);
    const bomb = png(20_000, 20_000, 1, 0, rows);
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().rss;
    expect(await failure(bomb, { name: 'bomb.png' })).toBe(
      'bomb.png: has 20000 × 20000 pixels, 400 million; the limit is 100 million. Scale it down to 10000 × 10000 or less',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    const small = await encodePng(noise(20, 20, 1));
    expect(await failure(small, { maxPixels: 399 })).toContain('20 × 20 pixels');
    expect((await decodeImage(small, { maxPixels: 400 })).width).toBe(20);
    // Below a raised limit it is decoded in strips.
    const decoded = await decodeImage(bomb, { maxPixels: 400e6, size: 32 });
    expect([decoded.width, decoded.height]).toEqual([128, 128]);
  });
});

describe('thumbnail', () => {
  it('is a small JPEG that keeps the proportions', async () => {
    const small = await decodeImage(await thumbnail(halves(200, 100), 50));
    expect([small.width, small.height]).toEqual([50, 25]);
    expect(pixel(small, 5, 12)[0]).toBeGreaterThan(220);
    const meta = await sharp(await thumbnail(halves(20, 10))).metadata();
    expect([meta.format, meta.width]).toEqual(['jpeg', 20]);
    expect(await thumbnailUri(halves(20, 10))).toMatch(/^data:image\/jpeg;base64,\/9j\//);
  });
});
