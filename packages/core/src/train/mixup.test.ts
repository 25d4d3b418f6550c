import { describe, expect, test } from 'vitest';
import { Random } from '../rng/index.ts';
import { mixupPairs } from './mixup.ts';

describe('mixup', () => {
  test('gives every sample a partner, and keeps the larger share', () => {
    const { partner, weight } = mixupPairs(50, 1, new Random(1, 'mixup'));
    expect([...partner].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    for (const w of weight) {
      expect(w).toBeGreaterThanOrEqual(0.5);
      expect(w).toBeLessThanOrEqual(1);
    }
  });

  test('mixes little for a small alpha, and evenly for 1', () => {
    const mean = (alpha: number): number =>
      mixupPairs(400, alpha, new Random(2, 'mixup')).weight.reduce((a, b) => a + b) / 400;
    expect(mean(1)).toBeCloseTo(0.75, 1);
    expect(mean(0.1)).toBeGreaterThan(0.92);
  });

  test('is the same for the same stream', () => {
    const [a, b] = [1, 2].map(() => mixupPairs(8, 0.2, new Random(5, 'mixup/3')));
    expect(a).toEqual(b);
  });

  test('refuses an alpha out of range', () => {
    for (const alpha of [0, -1, 5, NaN])
      expect(() => mixupPairs(4, alpha, new Random(1))).toThrow('alpha must be above 0 and at most 4');
  });
});
