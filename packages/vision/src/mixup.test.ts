import { describe, expect, it } from 'vitest';
import { Random } from '@graftjs/core';
import { mixup } from './mixup.ts';
import { fixedDraws } from './testing.ts';

/** Sample i is [i, 10 i], its target one-hot. */
const batch = (count: number) => ({
  count,
  inputs: Float32Array.from({ length: 2 * count }, (_, k) => (k % 2 ? 10 : 1) * (k >> 1)),
  targets: Float32Array.from({ length: count * count }, (_, k) => (k % (count + 1) === 0 ? 1 : 0)),
});

describe('mixup', () => {
  it('mixes inputs and targets in the same shares', () => {
    const { inputs, targets } = mixup(batch(8), 1, new Random(1, 'mixup'));
    for (let i = 0; i < 8; i++) {
      const row = targets.subarray(i * 8, i * 8 + 8);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(row[i]).toBeGreaterThanOrEqual(0.5);
      const mean = row.reduce((sum, share, j) => sum + share * j, 0);
      expect(inputs[2 * i]).toBeCloseTo(mean, 5);
      expect(inputs[2 * i + 1]).toBeCloseTo(10 * mean, 4);
    }
  });

  it('mixes little for a small alpha, and evenly for 1', () => {
    const meanShare = (alpha: number): number => {
      const { targets } = mixup(batch(400), alpha, new Random(2, 'mixup'));
      let sum = 0;
      for (let i = 0; i < 400; i++) sum += targets[i * 401]!;
      return sum / 400;
    };
    expect(meanShare(1)).toBeCloseTo(0.75, 1);
    expect(meanShare(0.1)).toBeGreaterThan(0.92);
  });

  it('is the same for the same stream', () => {
    const twice = [1, 2].map(() => mixup(batch(8), 0.2, new Random(5, 'mixup/3')));
    expect(twice[0]).toEqual(twice[1]);
  });

  it('keeps its bits', () => {
    const { inputs } = mixup(batch(4), 0.4, fixedDraws(1));
    expect(Array.from(inputs)).toMatchInlineSnapshot(`
      [
        0.7411408424377441,
        7.411408424377441,
        1.3020743131637573,
        13.020743370056152,
        1.9931280612945557,
        19.9312801361084,
        2.0881919860839844,
        20.881919860839844,
      ]
    `);
  });

  it('refuses what does not fit', () => {
    expect(() => mixup(batch(4), 0, new Random(1))).toThrow('alpha must be above 0 and at most 4; got 0');
    expect(() => mixup({ ...batch(4), count: 3 }, 1, new Random(1))).toThrow('are not rows of 3 samples');
  });
});
