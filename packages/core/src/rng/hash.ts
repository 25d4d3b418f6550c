/**
 * 64-bit FNV-1a of the UTF-8 bytes of a string, as [low, high] unsigned words (Fowler, Noll, Vo; draft-eastlake-fnv).
 * A lone surrogate counts as the three bytes of its code point.
 */
export function fnv1a64(text: string): [low: number, high: number] {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  const add = (byte: number): void => {
    low = (low ^ byte) >>> 0;
    // Times the prime 2⁴⁰ + 0x1b3, modulo 2⁶⁴. low · 0x1b3 < 2⁴¹ is exact in a double.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 4294967296) + (low << 8)) >>> 0;
    low = product >>> 0;
  };
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) {
      add(code);
    } else if (code < 0x800) {
      add(0xc0 | (code >> 6));
      add(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      add(0xe0 | (code >> 12));
      add(0x80 | ((code >> 6) & 0x3f));
      add(0x80 | (code & 0x3f));
    } else {
      add(0xf0 | (code >> 18));
      add(0x80 | ((code >> 12) & 0x3f));
      add(0x80 | ((code >> 6) & 0x3f));
      add(0x80 | (code & 0x3f));
    }
  }
  return [low, high];
}
