import { sniffFile } from '@graftjs/formats';

/** Pictures that `decodeImage` reads, by what sharp calls them. */
export const FORMATS = ['JPEG', 'PNG', 'WebP', 'AVIF', 'GIF'] as const;
export type ImageFormat = (typeof FORMATS)[number];

/** Endings of file names that are taken for pictures. */
export const EXTENSIONS: readonly string[] =
  '.jpg .jpeg .jpe .jfif .pjpeg .pjp .png .apng .webp .avif .gif'.split(' ');

/** `JPEG, PNG, WebP, AVIF or GIF` */
export const FORMAT_LIST: string = `${FORMATS.slice(0, -1).join(', ')} or ${FORMATS.at(-1)}`;

const isRead = (format: string | undefined): format is ImageFormat =>
  (FORMATS as readonly (string | undefined)[]).includes(format);

/** Tells the format by the first bytes: what `decodeImage` reads, or what else it is, for a message. */
export function sniffFormat(bytes: Uint8Array): { format: ImageFormat } | { other: string } {
  const kind = sniffFile(bytes);
  if (!kind) return { other: 'of an unknown format' };
  if (isRead(kind.picture)) return { format: kind.picture };
  return { other: kind.id === 'lfs-pointer' ? `${kind.what}; ${kind.advice}` : kind.what };
}

const endsWith = (bytes: Uint8Array, end: readonly number[]): boolean =>
  end.every((b, i) => bytes[bytes.length - end.length + i] === b);

/**
 * Whether a picture is there up to its end, whatever lies behind that: phones put a film or a second picture there, and
 * downloads an odd byte. A file that was cut off has no such end. Where the end is in its place and the way there is
 * damaged, the decoder says more.
 */
export function isComplete(bytes: Uint8Array, format: ImageFormat): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (format) {
    case 'JPEG':
      return endsWith(bytes, [0xff, 0xd9]) || jpegEnds(bytes);
    case 'PNG':
      return endsWith(bytes, [0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]) || pngEnds(view);
    case 'GIF':
      return gifEnds(bytes);
    case 'WebP':
      return view.byteLength >= 8 && view.getUint32(4, true) + 8 <= view.byteLength; // a RIFF chunk and its size
    case 'AVIF':
      return boxesEnd(view);
  }
}

/**
 * ISO 10918-1, annex B: markers FF xx, most of them with a length; behind SOS coded data, in which FF is followed by 00 or
 * by a restart marker, D0 to D7. EOI is FF D9. Those of an embedded small picture lie inside a segment and are passed over.
 */
function jpegEnds(bytes: Uint8Array): boolean {
  let at = 2;
  while (at + 1 < bytes.length) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0 || (marker >= 0xd0 && marker <= 0xd7)) {
      at = bytes.indexOf(0xff, at + 1); // coded data
      if (at < 0) return false;
    } else if (marker === 0xff) at++;
    else if (marker === 0xd9) return true;
    else if (marker === 0x01 || marker === 0xd8) at += 2;
    else if (at + 3 < bytes.length) at += 2 + Math.max(2, bytes[at + 2]! * 256 + bytes[at + 3]!);
    else return false;
  }
  return false;
}

/** Chunks of length, type, data and CRC, up to IEND, which is empty: whose CRC it lacks, lacks nothing. */
function pngEnds(view: DataView): boolean {
  let at = 8;
  while (at + 8 <= view.byteLength) {
    if (view.getUint32(at + 4) === 0x49454e44) return true;
    at += 12 + view.getUint32(at);
  }
  return false;
}

/**
 * GIF89a: header, tables of colours, blocks (21: an extension, 2C: a picture) of sub-blocks with their lengths, 3B
 * at the end, which some programs leave out.
 */
function gifEnds(bytes: Uint8Array): boolean {
  const table = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + table(bytes[10] ?? 0);
  let pictures = 0;
  while (at < bytes.length && bytes[at] !== 0x3b) {
    if (bytes[at] === 0x2c && pictures++ >= 0) at += 11 + table(bytes[at + 9] ?? 0);
    else if (bytes[at] === 0x21) at += 2;
    else return pictures > 0; // something behind the end
    while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!;
    at++;
  }
  return pictures > 0 && at <= bytes.length;
}

/**
 * Whether the boxes of a file (ISO 14496-12, 4.2: 32-bit size, type; size 1: 64-bit size after the type; size 0: up to
 * the end) are all there: `meta`, which says what the picture is, and `mdat`, which holds it, at least.
 */
function boxesEnd(view: DataView): boolean {
  const seen = new Set<number>();
  const [meta, mdat] = [0x6d657461, 0x6d646174];
  let at = 0;
  while (at + 8 <= view.byteLength) {
    const [size, type] = [view.getUint32(at), view.getUint32(at + 4)];
    seen.add(type);
    if (size === 0) at = view.byteLength;
    else if (size === 1) {
      if (at + 16 > view.byteLength) return false;
      at += Number(view.getBigUint64(at + 8));
    } else if (size < 8)
      break; // no box
    else at += size;
    if (seen.has(meta) && seen.has(mdat)) return at <= view.byteLength;
  }
  return false;
}
