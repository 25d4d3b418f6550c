import { type DType, type Shape, sizeOf } from '@graftjs/core/backend';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectBits, f, indices, noise, run, value } from '../test/support.ts';

/** The elements that each output reduces, in row-major order, output by output. */
function groups(data: ArrayLike<number>, shape: Shape, axes: readonly number[]): number[][] {
  const kept = shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const lists = new Map<string, number[]>(indices(kept).map((at) => [at.join(), []]));
  indices(shape).forEach((at, i) =>
    lists.get(at.map((p, axis) => (axes.includes(axis) ? 0 : p)).join())!.push(data[i]!),
  );
  return [...lists.values()];
}

function sum(list: readonly number[]): number {
  let total = 0;
  for (let block = 0; block < list.length; block += 1024) {
    const p = [0, 0, 0, 0, 0, 0, 0, 0];
    list.slice(block, block + 1024).forEach((v, i) => (p[i % 8] = f(p[i % 8]! + v)));
    const [a, b, c, d, e, g, h, k] = p as [number, number, number, number, number, number, number, number];
    total = f(total + f(f(f(a + b) + f(c + d)) + f(f(e + g) + f(h + k))));
  }
  return total;
}

const problems = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 0, max: 5 }) },
      { weight: 1, arbitrary: fc.integer({ min: 6, max: 40 }) },
    ),
    { maxLength: 4 },
  )
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      axes: fc.subarray(shape.map((_, i) => i)),
      keepDims: fc.boolean(),
    }),
  );

describe('reduce', () => {
  it('sums in the order of the contract', () => {
    fc.assert(
      fc.property(problems, ({ shape, axes, keepDims }) => {
        const x = value(noise(sizeOf(shape)), shape);
        expectBits(run('reduce', [x], { kind: 'sum', axes, keepDims }), groups(x.data, shape, axes).map(sum));
      }),
      { numRuns: 300 },
    );
  });

  it('sums in the order of the contract over many blocks', () => {
    const cases: [Shape, number[]][] = [
      [[5000], [0]],
      [[3, 2500], [1]],
      [[2500, 3], [0]],
      [[2, 300, 3], [1]],
      [
        [4, 3, 500],
        [0, 2],
      ],
      [
        [40, 3, 7, 7],
        [0, 2, 3],
      ],
      [
        [40, 7, 7, 3],
        [0, 1, 2],
      ],
      [[1100, 300], [0]],
      [
        [8, 2, 8, 2, 40],
        [0, 2, 4],
      ],
    ];
    for (const [shape, axes] of cases) {
      const x = value(noise(sizeOf(shape)), shape);
      expectBits(
        run('reduce', [x], { kind: 'sum', axes, keepDims: false }),
        groups(x.data, shape, axes).map(sum),
      );
    }
  });

  it('takes the first of equal maxima, and NaN before all', () => {
    fc.assert(
      fc.property(
        problems,
        fc.constantFrom<DType>('float32', 'int32'),
        ({ shape, axes, keepDims }, dtype) => {
          if (axes.some((a) => shape[a] === 0)) return;
          const data = noise(sizeOf(shape)).map((v) =>
            v > 0.8 && dtype === 'float32' ? NaN : Math.round(v * 2),
          );
          const x = value(data, shape, dtype);
          const lists = groups(x.data, shape, axes);
          const where = lists.map((list) => {
            const nan = list.findIndex(Number.isNaN);
            return nan >= 0 ? nan : list.reduce((best, v, i) => (v > list[best]! ? i : best), 0);
          });
          expectBits(
            run('reduce', [x], { kind: 'max', axes, keepDims }),
            lists.map((list, i) => list[where[i]!]!),
          );
          if (axes.length === 1) expectBits(run('reduce', [x], { kind: 'argmax', axes, keepDims }), where);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('wraps int32 sums', () => {
    const x = value([2147483647, 1, 5, -7], [2, 2], 'int32');
    expect(Array.from(run('reduce', [x], { kind: 'sum', axes: [1], keepDims: false }).data)).toEqual([
      -2147483648, -2,
    ]);
  });
});
