/** Fixtures in the forms that cameras, scanners and editors write: see make-fixtures.ts. */
export const FORMS: readonly string[] = [
  ...['plain.jpg', 'progressive.jpg', 'cmyk.jpg', 'grey.jpg', 'with-more-behind.jpg', 'on-its-side.jpg'],
  ...['plain.png', 'interlaced.png', 'sixteen-bits.png', 'palette.png', 'moving.png'],
  ...['plain.webp', 'lossy.webp', 'plain.gif', 'plain.avif'],
];

/** A file as it is, with things behind its end, and cut off. */
export function variants(whole: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const part = (end: number, behind: number, fill: number): Uint8Array<ArrayBuffer> => {
    const out = new Uint8Array(end + behind).fill(fill);
    out.set(whole.subarray(0, end));
    return out;
  };
  const { length } = whole;
  const half = length >> 1;
  return [
    part(length, 0, 0),
    part(length, 1, 10),
    part(length, 1000, 0),
    part(length, 1000, 0xa5),
    part(half, 0, 0),
    part(Math.floor(length * 0.3), 0, 0),
    // Cut off, and filled up: with zeros, as a download that reserved its room leaves it.
    part(half, half, 0),
  ];
}
