import { ImageError } from '../errors.ts';
import { FORMAT_LIST, isComplete, sniffFormat } from '../format.ts';
import { fromRgba, type Picture } from '../picture.ts';
import { AreaReducer, reducedSize } from '../reduce.ts';

export interface DecodeOptions {
  /** What to call the picture in messages. Default: the file's name, or 'picture'. */
  readonly name?: string;
  /** Pictures with more pixels are refused. Default 100 million. */
  readonly maxPixels?: number;
  /**
   * The side in pixels that the picture will be reduced to. One whose shorter side is at least 8 times that comes with a
   * shorter side of 4 times that, as in `@graftjs/vision/node`, and is never in memory whole. Default: it comes in full.
   */
  readonly size?: number;
}

const MAX_PIXELS = 100e6;
/** Rows that are read at a time: some megabytes. */
const STRIP = 256;

/* What browsers and their workers lend, as far as it is used; Node's types do not declare it. */
interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}
interface Context {
  fillStyle: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  drawImage(image: Bitmap, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): Rgba;
}
interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}
interface Host {
  createImageBitmap(source: Blob, options: object): Promise<Bitmap>;
  OffscreenCanvas: new (
    width: number,
    height: number,
  ) => { getContext(kind: '2d', options: object): Context | null };
}
const host = globalThis as unknown as Host;

/**
 * Decodes JPEG, PNG, WebP, AVIF or GIF in a page or, better, in a worker, with the browser's own decoders: upright, in
 * sRGB, laid over white where it is transparent, as `decodeImage` of `@graftjs/vision/node` does. Of a lossless picture
 * without transparency and without a colour profile both give the same bytes.
 * @param source a file that was dropped or chosen, or a bitmap, such as `await createImageBitmap(video)`, which is closed
 * @throws ImageError naming the file, for whatever is no whole picture
 */
export async function decodeImage(source: Blob | Bitmap, options: DecodeOptions = {}): Promise<Picture> {
  const name = options.name ?? ('name' in source ? String(source.name) : 'picture');
  const bitmap = source instanceof Blob ? await decode(source, name) : source;
  try {
    const { width, height } = bitmap;
    const most = options.maxPixels ?? MAX_PIXELS;
    if (width * height > most) {
      throw new ImageError(
        name,
        `has ${width} × ${height} pixels; the limit is ${most / 1e6} million. Scale it down`,
      );
    }
    const reduced = options.size === undefined ? undefined : reducedSize(width, height, options.size);
    if (!reduced) return fromRgba(readRows(bitmap, name, 0, height));
    const reducer = new AreaReducer(width, height, reduced.width, reduced.height);
    for (let y = 0; y < height; y += STRIP) {
      reducer.add(readRows(bitmap, name, y, Math.min(STRIP, height - y)).data);
    }
    return reducer.finish();
  } finally {
    bitmap.close();
  }
}

/** Some rows of a bitmap, laid over white. */
function readRows(bitmap: Bitmap, name: string, from: number, rows: number): Rgba {
  const { width } = bitmap;
  // Read often: on the processor, where no graphics driver rounds.
  const context = new host.OffscreenCanvas(width, rows).getContext('2d', {
    alpha: false,
    willReadFrequently: true,
  });
  if (!context) throw new ImageError(name, `has rows of ${width} pixels, for which there is no memory`);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, rows);
  context.drawImage(bitmap, 0, -from);
  return context.getImageData(0, 0, width, rows);
}

async function decode(blob: Blob, name: string): Promise<Bitmap> {
  const bytes = new Uint8Array(await read(blob, name));
  if (bytes.length === 0) throw new ImageError(name, 'is empty (0 bytes); choose another file');
  const kind = sniffFormat(bytes);
  if ('other' in kind) throw new ImageError(name, `is ${kind.other}; needed is a ${FORMAT_LIST} picture`);
  // Browsers make do with the beginning of a picture; training on it would not be noticed.
  if (!isComplete(bytes, kind.format)) {
    throw new ImageError(name, `is cut off or damaged (${kind.format}: its end is missing)`);
  }
  try {
    return await host.createImageBitmap(blob, { imageOrientation: 'from-image', premultiplyAlpha: 'none' });
  } catch (error) {
    throw new ImageError(name, `is damaged and cannot be decoded (${kind.format})`, { cause: error });
  }
}

async function read(blob: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (error) {
    throw new ImageError(name, 'cannot be read; a folder is no picture', { cause: error });
  }
}
