/** Pictures that `decodeImage` reads, by what sharp calls them. */
export const FORMATS = ['JPEG', 'PNG', 'WebP', 'AVIF', 'GIF'] as const;
export type ImageFormat = (typeof FORMATS)[number];

/** Endings of file names that are taken for pictures. */
export const EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.jfif', '.png', '.webp', '.avif', '.gif'];

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
