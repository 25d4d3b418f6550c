import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bfloat16ToNumber,
  decodeBfloat16,
  decodeFloat16,
  encodeBfloat16,
  encodeFloat16,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
} from './half.ts';

const allBits = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The nearest of all finite candidates, ties to the even bit pattern: the definition, by search. */
function nearestBits(value: number, decode: (bits: number) => number, infinity: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  let [low, high] = [0, infinity];
  while (high - low > 1) {
    const mid = (low + high) >> 1;
    if (decode(mid) <= magnitude) low = mid;
    else high = mid;
  }
  // The step beyond the largest finite value counts as if the exponent went on.
  const above = high === infinity ? 2 * decode(infinity - 1) - decode(infinity - 2) : decode(high);
  const [down, up] = [magnitude - decode(low), above - magnitude];
  return sign | (down < up || (down === up && low % 2 === 0) ? low : high);
}

describe('float16', () => {
  it('takes every bit pattern there and back', () => {
    const back = encodeFloat16(decodeFloat16(allBits));
    const isNaN16 = (b: number): boolean => (b & 0x7c00) === 0x7c00 && (b & 0x3ff) !== 0;
    expect(allBits.filter((b, i) => !isNaN16(b) && back[i] !== b)).toHaveLength(0);
    expect(allBits.filter((b, i) => isNaN16(b) !== isNaN16(back[i]!))).toHaveLength(0);
  });
  it('knows its landmarks', () => {
    expect([1, -2, 65504, 2 ** -24, 2 ** -14].map(numberToFloat16)).toEqual([
      0x3c00, 0xc000, 0x7bff, 1, 0x400,
    ]);
    expect([65519.99, 65520, -Infinity].map((v) => float16ToNumber(numberToFloat16(v)))).toEqual([
      65504,
      Infinity,
      -Infinity,
    ]);
    expect(Object.is(float16ToNumber(0x8000), -0)).toBe(true);
  });
  it('rounds to the nearest, halves to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65519, max: 65519 }), (v) => {
        expect(numberToFloat16(v)).toBe(nearestBits(v, float16ToNumber, 0x7c00));
      }),
      { numRuns: 2000, seed: 1 },
    );
    // Exact ties, normal and subnormal.
    for (const bits of [0x3c00, 0x3c01, 0x0001, 0x0002, 0x03ff]) {
      const tie = (float16ToNumber(bits) + float16ToNumber(bits + 1)) / 2;
      expect(numberToFloat16(tie)).toBe(bits + (bits & 1));
    }
  });
});

describe('bfloat16', () => {
  it('takes every bit pattern there and back', () => {
    const back = encodeBfloat16(decodeBfloat16(allBits));
    const isNaN16 = (b: number): boolean => (b & 0x7fff) > 0x7f80;
    expect(allBits.filter((b, i) => (isNaN16(b) ? !isNaN16(back[i]!) : back[i] !== b))).toHaveLength(0);
  });
  it('rounds to the nearest, halves to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: Math.fround(-1e38), max: Math.fround(1e38) }), (v) => {
        expect(numberToBfloat16(v)).toBe(nearestBits(v, bfloat16ToNumber, 0x7f80));
      }),
      { numRuns: 2000, seed: 2 },
    );
  });
});
