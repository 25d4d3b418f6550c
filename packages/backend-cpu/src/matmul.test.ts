import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectBits, f, noise, run, value } from '../test/support.ts';

interface Problem {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

function check({ batch, m, n, k, transposeA, transposeB }: Problem): void {
  const a = value(noise(batch * m * k, 1), transposeA ? [batch, k, m] : [batch, m, k]);
  const b = value(noise(batch * k * n, 2), transposeB ? [batch, n, k] : [batch, k, n]);
  const y = new Float32Array(batch * m * n);
  for (let s = 0; s < batch; s++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let acc = 0;
        for (let p = 0; p < k; p++) {
          const left = a.data[s * m * k + (transposeA ? p * m + i : i * k + p)]!;
          const right = b.data[s * k * n + (transposeB ? j * k + p : p * n + j)]!;
          acc = f(acc + f(left * right));
        }
        y[(s * m + i) * n + j] = acc;
      }
    }
  }
  expectBits(run('matmul', [a, b], { transposeA, transposeB }), y);
}

describe('matmul', () => {
  it('gives the bits of the naive loops', () => {
    const extent = fc.integer({ min: 0, max: 11 });
    fc.assert(
      fc.property(
        fc.record({
          batch: fc.integer({ min: 0, max: 3 }),
          m: extent,
          n: extent,
          k: extent,
          transposeA: fc.boolean(),
          transposeB: fc.boolean(),
        }),
        check,
      ),
      { numRuns: 300 },
    );
  });

  it('gives the same bits when every extent takes several blocks', () => {
    for (const transposeA of [false, true]) {
      check({ batch: 1, m: 69, n: 3, k: 2100, transposeA, transposeB: !transposeA });
      check({ batch: 1, m: 1, n: 530, k: 1030, transposeA, transposeB: transposeA });
      check({ batch: 1, m: 5, n: 1030, k: 3, transposeA, transposeB: transposeA });
    }
  });

  it('is exact on small integers', () => {
    const y = run('matmul', [value([1, 2, 3, 4, 5, 6], [2, 3]), value([7, 8, 9, 10, 11, 12], [3, 2])], {
      transposeA: false,
      transposeB: false,
    });
    expect(Array.from(y.data)).toEqual([58, 64, 139, 154]);
  });
});
