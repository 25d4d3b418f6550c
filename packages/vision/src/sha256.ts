// SHA-256 (FIPS 180-4). Browsers have it only asynchronously and only on secure pages, and a source's key is a plain
// property. For short texts; files are hashed by Node.

const primes = (n: number): number[] => {
  const found: number[] = [];
  for (let p = 2; found.length < n; p++) if (found.every((q) => p % q !== 0)) found.push(p);
  return found;
};

/** The first 32 bits of the fraction of p's `degree`-th root: the largest r with r^degree ≤ p × 2^(32 degree). */
function rootBits(p: number, degree: bigint): number {
  const target = BigInt(p) << (32n * degree);
  let low = 0n;
  for (let bit = 36n; bit >= 0n; bit--) if ((low + (1n << bit)) ** degree <= target) low += 1n << bit;
  return Number(low & 0xffffffffn);
}

type Eight = [number, number, number, number, number, number, number, number];

const K = Uint32Array.from(primes(64), (p) => rootBits(p, 3n));
const START = Uint32Array.from(primes(8), (p) => rootBits(p, 2n));

const rotate = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

/** SHA-256 of a text's UTF-8 bytes, as 64 hexadecimal digits. */
export function sha256(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(((bytes.length + 8) >> 6) * 64 + 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const hash = START.slice();
  const w = new Uint32Array(64);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15]!;
      const b = w[i - 2]!;
      const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
      const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
    }
    let [a, b, c, d, e, f, g, h] = hash as unknown as Eight;
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (hash[i] = hash[i]! + value));
  }
  return [...hash].map((value) => value.toString(16).padStart(8, '0')).join('');
}
