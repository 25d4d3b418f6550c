import { fileReason } from '@graftjs/formats/node';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp, { type Metadata } from 'sharp';
import { ImageError } from '../errors.ts';
import { FORMAT_LIST, isComplete, sniffFormat, type ImageFormat } from '../format.ts';
import { createPicture, type Picture } from '../picture.ts';
import { reducedSize } from '../reduce.ts';

export interface DecodeOptions {
  /** What to call the picture in messages. Default: its path, or 'picture'. */
  readonly name?: string;
  /** Pictures with more pixels are refused before they are decoded. Default 100 million. */
  readonly maxPixels?: number;
  /**
   * The side in pixels that the picture will be reduced to. One whose shorter side is at least 8 times that comes with a
   * shorter side of 4 times that, which is quick for JPEG (it never makes the rest) and light on memory. The result then
   * depends on sharp's version. Default: the picture comes in full.
   */
  readonly size?: number;
}

const MAX_PIXELS = 100e6;
const MAX_FILE_BYTES = 512 * 2 ** 20;

/** A file's bytes, or an `ImageError` that says why not. */
export async function readImageFile(path: string, name: string = path): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) {
      throw new ImageError(name, `is ${Math.round(size / 2 ** 20)} MB large; pictures may have up to 512 MB`);
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(name, fileProblem(error), { cause: error });
  }
}

/** A file system error in words; of those that people meet most, with what to do. */
export function fileProblem(error: unknown): string {
  const { code, path } = error as NodeJS.ErrnoException;
  // Bytes that are no UTF-8 come as U+FFFD, by which the file is not found again.
  if (code === 'ENOENT' && path?.includes('\ufffd')) return 'has a name that is no UTF-8; rename it';
  if (code === 'ENOENT') return 'there is no such file or folder; check the path';
  if (code === 'EACCES' || code === 'EPERM')
    return 'cannot be read: permission denied; change its permissions';
  if (code === 'ENOTDIR') return 'a part of this path is a file, not a folder; check the path';
  return fileReason(error) ?? `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

const ADVICE = 'make or download it again, or delete it';

/**
 * What is wrong with a picture that cannot be decoded. What libvips says stands in
 * a buffer that all its threads share: decoding side by side, it may be empty or speak of another picture.
 */
function decodeProblem(error: unknown, format: ImageFormat): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n');
  const decoder = { JPEG: /jpe?g/i, PNG: /png/i, WebP: /webp/i, AVIF: /heif/i, GIF: /gif/i }[format];
  const detail = lines.find((line) => decoder.test(line))?.trim();
  return `is damaged and cannot be decoded (${format}${detail === undefined ? '' : `: ${detail}`}); ${ADVICE}`;
}

/** A `URL` that begins with file:, in words that do not need Node's types or the DOM's. */
export interface FileUrl {
  readonly href: string;
}

/**
 * Decodes JPEG, PNG, WebP, AVIF or GIF (of a moving one the first frame). The picture comes upright (EXIF orientation
 * applied), in 8-bit sRGB (from 16 bits, grey, CMYK, palette, or another colour profile), laid over white where it is
 * transparent. The work happens in sharp's own threads.
 * @param input path of a file, or its bytes
 * @throws ImageError naming the file, for whatever cannot be read or is no whole picture
 */
export async function decodeImage(
  input: string | FileUrl | Uint8Array,
  options: DecodeOptions = {},
): Promise<Picture> {
  const path =
    input instanceof Uint8Array ? null : typeof input === 'string' ? input : fileURLToPath(input.href);
  const name = options.name ?? path ?? 'picture';
  const bytes = input instanceof Uint8Array ? input : await readImageFile(path!, name);
  if (bytes.length === 0) throw new ImageError(name, 'is empty (0 bytes); delete it or get it again');
  const kind = sniffFormat(bytes);
  if ('other' in kind) {
    throw new ImageError(name, `is ${kind.other}; needed is a ${FORMAT_LIST} picture`);
  }
  // Decoders make do with the beginning of a picture and whatever follows it; training on that would not be noticed.
  if (!isComplete(bytes, kind.format))
    throw new ImageError(name, `is cut off or damaged (${kind.format}: its end is missing); ${ADVICE}`);
  try {
    const meta = await sharp(bytes, { limitInputPixels: false }).metadata();
    checkSize(name, meta, options.maxPixels ?? MAX_PIXELS);
    return await pixels(bytes, meta, options.size);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(name, decodeProblem(error, kind.format), { cause: error });
  }
}

function checkSize(name: string, { width, height }: Metadata, maxPixels: number): void {
  const million = (n: number): string => (n / 1e6).toLocaleString('en', { maximumFractionDigits: 1 });
  if (width * height > maxPixels) {
    const scale = Math.sqrt(maxPixels / (width * height));
    const fitting = `${Math.floor(width * scale)} × ${Math.floor(height * scale)}`;
    throw new ImageError(
      name,
      `has ${width} × ${height} pixels, ${million(width * height)} million; the limit is ${million(maxPixels)} million. ` +
        `Scale it down to ${fitting} or less`,
    );
  }
}

async function pixels(bytes: Uint8Array, meta: Metadata, size: number | undefined): Promise<Picture> {
  let image = sharp(bytes, { limitInputPixels: false, failOn: 'error', autoOrient: true });
  const { width, height } = meta.autoOrient;
  const reduced = size === undefined ? undefined : reducedSize(width, height, size);
  if (reduced) image = image.resize({ ...reduced, fit: 'fill', kernel: 'linear' });
  const { data, info } = await image
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return createPicture(info.width, info.height, toRgb(data, info.channels));
}

/** Grey in one channel becomes three. */
function toRgb(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return data;
  const out = new Uint8Array((data.length / channels) * 3);
  for (let i = 0, o = 0; o < out.length; i += channels, o += 3) out.fill(data[i]!, o, o + 3);
  return out;
}
