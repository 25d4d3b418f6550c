/**
 * Makes the pictures in `fixtures/`, whose decoding in browsers is tested:
 *
 *   pnpm --filter @graftjs/vision run fixtures
 */
import { writeFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type SharpOptions } from 'sharp';

const target = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

/** A PNG chunk: length, type, data, checksum. */
function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

const create = (width: number, height: number, background: string): SharpOptions => ({
  create: { width, height, channels: 3, background },
});

// These bytes, of which the profile says that they are Display P3.
const pixels = Uint8Array.from([200, 100, 50, 60, 120, 180, 90, 160, 70, 128, 128, 128]);
const plain = await sharp(pixels, { raw: { width: 4, height: 1, channels: 3 } })
  .png()
  .toBuffer();
const { icc } = await sharp(await sharp(plain).withIccProfile('p3').png().toBuffer()).metadata();
const profile = chunk('iCCP', Buffer.concat([Buffer.from('p3\0\0'), deflateSync(icc!)]));
const afterHeader = 8 + 25; // signature, IHDR
writeFileSync(
  target('display-p3.png'),
  Buffer.concat([plain.subarray(0, afterHeader), profile, plain.subarray(afterHeader)]),
);

// A camera on its side: the left half is blue as it is stored, the upper half as it is meant.
const left = await sharp(create(16, 16, '#1030d0'))
  .png()
  .toBuffer();
const stored = sharp(create(32, 16, '#d03010')).composite([{ input: left, left: 0, top: 0 }]);
writeFileSync(
  target('on-its-side.jpg'),
  await stored.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).withMetadata({ orientation: 6 }).toBuffer(),
);
