import sharp, { type Sharp } from 'sharp';
import type { Picture } from '../picture.ts';
import { resize } from '../resize.ts';

function raw({ width, height, data }: Picture): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** The picture as a PNG file: no pixel is changed. */
export function encodePng(picture: Picture): Promise<Uint8Array<ArrayBuffer>> {
  return raw(picture).png().toBuffer();
}

/**
 * A small JPEG for reports.
 * @param size longest side in pixels; a smaller picture keeps its size
 * @throws GraftError where a side of the picture is not a whole, positive number
 */
export function thumbnail(picture: Picture, size = 96): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height } = picture;
  const factor = Math.min(1, size / Math.max(width, height));
  const small = resize(
    picture,
    Math.max(1, Math.round(width * factor)),
    Math.max(1, Math.round(height * factor)),
  );
  return raw(small).jpeg({ quality: 80 }).toBuffer();
}

/**
 * The thumbnail as `data:image/jpeg;base64,…`, to put into `<img src>`.
 * @throws GraftError where a side of the picture is not a whole, positive number
 */
export async function thumbnailUri(picture: Picture, size = 96): Promise<string> {
  return `data:image/jpeg;base64,${Buffer.from(await thumbnail(picture, size)).toString('base64')}`;
}
