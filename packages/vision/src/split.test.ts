import { Random } from '@graftjs/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stratifiedSplit } from './split.ts';

const labels = [
  'cat',
  'cat',
  'dog',
  'cat',
  'dog',
  'cat',
  'emu',
  'cat',
  'dog',
  'cat',
  'cat',
  'cat',
  'cat',
  'dog',
];

describe('stratifiedSplit', () => {
  it('holds the share of every class', () => {
    const many = Array.from({ length: 300 }, (_, i) => (i < 200 ? 0 : 1));
    const { train, validation, test } = stratifiedSplit(many, { validation: 0.2, test: 0.1 }, 1);
    const counts = (part: number[]) => [0, 1].map((c) => part.filter((i) => many[i] === c).length);
    expect([train, validation, test].map(counts)).toEqual([
      [140, 70],
      [40, 20],
      [20, 10],
    ]);
  });

  it('parts everything, keeps every class in training and, from two samples on, in validation', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0.01, max: 0.49, noNaN: true }),
        fc.constantFrom(0, 0.3),
        fc.integer({ min: 0, max: 1000 }),
        (classes, validation, test, seed) => {
          const split = stratifiedSplit(classes, { validation, test }, seed);
          const all = [...split.train, ...split.validation, ...split.test].sort((a, b) => a - b);
          expect(all).toEqual(classes.map((_, i) => i));
          for (const c of new Set(classes)) {
            const has = (part: number[]): boolean => part.some((i) => classes[i] === c);
            const n = classes.filter((other) => other === c).length;
            expect(has(split.train)).toBe(true);
            expect(has(split.validation)).toBe(n >= 2);
            if (test > 0) expect(has(split.test)).toBe(n >= 3);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('does not depend on the order of the samples', () => {
    const names = labels.map((label, i) => `${label}/${i}.jpg`);
    const wanted = stratifiedSplit(labels, { validation: 0.3 }, 4, names).validation.map((i) => names[i]);
    for (let trial = 0; trial < 5; trial++) {
      const order = [...new Random(trial, 'order').permutation(labels.length)];
      const shuffled = order.map((i) => names[i]!);
      const split = stratifiedSplit(
        order.map((i) => labels[i]!),
        { validation: 0.3 },
        4,
        shuffled,
      );
      expect(split.validation.map((i) => shuffled[i]).sort()).toEqual(wanted.sort());
    }
  });

  it('leaves the other classes alone when one is added, and depends on the seed', () => {
    const before = stratifiedSplit(labels, { validation: 0.3 }, 4).validation;
    const after = stratifiedSplit([...labels, 'yak', 'yak'], { validation: 0.3 }, 4).validation;
    expect(after.filter((i) => i < labels.length)).toEqual(before);
    const seeds = Array.from({ length: 10 }, (_, seed) => stratifiedSplit(labels, { validation: 0.3 }, seed));
    expect(new Set(seeds.map((s) => s.validation.join())).size).toBeGreaterThan(5);
  });

  it('refuses shares that leave nothing', () => {
    expect(() => stratifiedSplit(labels, { validation: 0.5, test: 0.5 })).toThrow(
      'leave nothing to train on',
    );
    expect(() => stratifiedSplit(labels, { test: -0.1 })).toThrow(
      'the test share must be at least 0 and below 1; got -0.1',
    );
    expect(() => stratifiedSplit(labels, { validation: NaN })).toThrow('got NaN');
  });
});
