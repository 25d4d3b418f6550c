/**
 * Makes the pictures in `fixtures/`, whose decoding in browsers is tested:
 *
 *   pnpm --filter @graftjs/vision run fixtures
 */
import { writeFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp, type SharpOptions } from 'sharp';

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

// One picture in the forms that cameras, scanners and editors write.
const [width, height] = [24, 16];
const gradient = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
  const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
  return [x * 10, y * 15, 255 - x * 5 - y * 5][c]!;
});
const picture = (): Sharp => sharp(gradient, { raw: { width, height, channels: 3 } });
const fine = { quality: 95, chromaSubsampling: '4:4:4' };
const jpeg = await picture().jpeg(fine).toBuffer();
const forms: Record<string, Uint8Array> = {
  'plain.jpg': jpeg,
  'progressive.jpg': await picture()
    .jpeg({ ...fine, progressive: true })
    .toBuffer(),
  'cmyk.jpg': await picture().toColourspace('cmyk').jpeg(fine).toBuffer(),
  'grey.jpg': await picture().greyscale().jpeg(fine).toBuffer(),
  // Phones put a second picture or a film behind the end of the first.
  'with-more-behind.jpg': Buffer.concat([
    jpeg,
    Buffer.from('\0\0ftypmp42'),
    jpeg.subarray(0, 300),
    Buffer.alloc(500),
  ]),
  'plain.png': await picture().png().toBuffer(),
  'interlaced.png': await picture().png({ progressive: true }).toBuffer(),
  'sixteen-bits.png': await picture().toColourspace('rgb16').png().toBuffer(),
  'palette.png': await picture().png({ palette: true, colours: 64 }).toBuffer(),
  'plain.webp': await picture().webp({ lossless: true }).toBuffer(),
  'lossy.webp': await picture().webp({ quality: 95 }).toBuffer(),
  'plain.gif': await picture().gif().toBuffer(),
  'plain.avif': await picture().avif({ quality: 95 }).toBuffer(),
};
// A moving PNG: acTL says of how many frames, fcTL where the first one goes, fdAT holds another.
const control = Buffer.alloc(8);
control.writeUInt32BE(2, 0);
const frame = (sequence: number): Buffer => {
  const out = Buffer.alloc(26);
  [sequence, width, height, 0, 0].forEach((v, i) => out.writeUInt32BE(v, i * 4));
  out.writeUInt16BE(1, 20);
  out.writeUInt16BE(10, 22);
  return out;
};
const still = Buffer.from(forms['plain.png']!);
const end = still.length - 12; // IEND
const other = Buffer.concat([Buffer.from([0, 0, 0, 2]), deflateSync(Buffer.alloc((width * 3 + 1) * height))]);
forms['moving.png'] = Buffer.concat([
  still.subarray(0, afterHeader),
  chunk('acTL', control),
  chunk('fcTL', frame(0)),
  still.subarray(afterHeader, end),
  chunk('fcTL', frame(1)),
  chunk('fdAT', other),
  still.subarray(end),
]);
for (const [name, bytes] of Object.entries(forms)) writeFileSync(target(name), bytes);
