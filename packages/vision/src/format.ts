/** Pictures that `decodeImage` reads, by what sharp calls them. */
export const FORMATS = ['JPEG', 'PNG', 'WebP', 'AVIF', 'GIF'] as const;
export type ImageFormat = (typeof FORMATS)[number];

/** Endings of file names that are taken for pictures. */
export const EXTENSIONS: readonly string[] =
  '.jpg .jpeg .jpe .jfif .pjpeg .pjp .png .apng .webp .avif .gif'.split(' ');

/** `JPEG, PNG, WebP, AVIF or GIF` */
export const FORMAT_LIST: string = `${FORMATS.slice(0, -1).join(', ')} or ${FORMATS.at(-1)}`;

const ascii = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, to));

const AVIF_BRANDS = ['avif', 'avis'];
const HEIC_BRANDS = ['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis'];

/** Tells the format by the first bytes: what `decodeImage` reads, or what else it is, for a message. */
export function sniffFormat(bytes: Uint8Array): { format: ImageFormat } | { other: string } {
  const head = ascii(bytes, 0, 16);
  if (head.startsWith('\xff\xd8\xff')) return { format: 'JPEG' };
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return { format: 'PNG' };
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return { format: 'GIF' };
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return { format: 'WebP' };
  if (head.slice(4, 8) === 'ftyp') {
    const end = Math.min(bytes.length, 64);
    const brands: string[] = [];
    for (let i = 8; i + 4 <= end; i += 4) brands.push(ascii(bytes, i, i + 4));
    if (brands.some((brand) => AVIF_BRANDS.includes(brand))) return { format: 'AVIF' };
    return { other: brands.some((brand) => HEIC_BRANDS.includes(brand)) ? 'a HEIC picture' : 'a video' };
  }
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return { other: 'a TIFF picture' };
  if (head.startsWith('BM')) return { other: 'a BMP picture' };
  if (head.startsWith('%PDF')) return { other: 'a PDF document' };
  if (head.startsWith('PK\x03\x04')) return { other: 'a zip archive' };
  const start = ascii(bytes, 0, Math.min(bytes.length, 512));
  if (start.startsWith('version https://git-lfs')) {
    return { other: "a Git LFS pointer; fetch the file itself with 'git lfs pull'" };
  }
  if (start.includes('<svg')) return { other: 'an SVG drawing' };
  if (/^\s*<(!doctype html|html)/i.test(start)) return { other: 'a web page' };
  // eslint-disable-next-line no-control-regex -- control characters are what tells binary data from text
  return { other: /[\0-\x08\x0e-\x1a]/.test(start) ? 'of an unknown format' : 'a text file' };
}

const endsWith = (bytes: Uint8Array, end: readonly number[]): boolean =>
  end.every((b, i) => bytes[bytes.length - end.length + i] === b);

/** Whether a file ends as its format wants. One that was cut off does not; what follows a picture may hide that. */
export function isComplete(bytes: Uint8Array, format: ImageFormat): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (format) {
    case 'JPEG':
      return endsWith(bytes, [0xff, 0xd9]); // the marker EOI
    case 'PNG':
      return endsWith(bytes, [0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]); // the chunk IEND and its CRC
    case 'GIF':
      return endsWith(bytes, [0x3b]); // the trailer
    case 'WebP':
      return view.byteLength >= 8 && view.getUint32(4, true) + 8 <= view.byteLength; // a RIFF chunk and its size
    case 'AVIF':
      return boxesEnd(view);
  }
}

/**
 * Whether the boxes of a file (ISO 14496-12, 4.2: 32-bit size, type; size 1: 64-bit size after the type; size 0: up to
 * the end) fill it.
 */
function boxesEnd(view: DataView): boolean {
  let at = 0;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at);
    if (size === 0) return true;
    if (size === 1 && at + 16 > view.byteLength) return false;
    at += size === 1 ? Number(view.getBigUint64(at + 8)) : size;
  }
  return at === view.byteLength;
}
