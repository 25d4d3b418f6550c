/** High and low word of a 32 × 32-bit product. */
function mulHigh(a: number, b: number): number {
  const [al, ah, bl, bh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const low = al * bl;
  const mid = ah * bl + (low >>> 16);
  const mid2 = al * bh + (mid % 65536);
  return (ah * bh + Math.floor(mid / 65536) + Math.floor(mid2 / 65536)) >>> 0;
}

/**
 * Philox 4x32-10: four random words from a 128-bit counter and a 64-bit key, written to `out`. Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3" (2011).
 */
export function philox(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, out: Uint32Array): void {
  for (let round = 0; round < 10; round++) {
    const h0 = mulHigh(0xd2511f53, c0);
    const l0 = Math.imul(0xd2511f53, c0);
    const h1 = mulHigh(0xcd9e8d57, c2);
    const l1 = Math.imul(0xcd9e8d57, c2);
    const n0 = (h1 ^ c1 ^ k0) >>> 0;
    const n2 = (h0 ^ c3 ^ k1) >>> 0;
    c0 = n0;
    c1 = l1 >>> 0;
    c2 = n2;
    c3 = l0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}
