import { composite } from '../op.ts';
import { fail, wantRoom, wantWhole } from '../ops/check.ts';
import { gatherFrom } from '../ops/pieces.ts';
import type { Tensor } from '../tensor.ts';
import { showShape } from '../types.ts';

/** Elements to add on each axis, the batch and channel axes included. */
export interface BorderAmounts {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

function border(
  op: string,
  x: Tensor,
  { before, after }: BorderAmounts,
  source: (i: number, n: number) => number,
  check?: (before: number, after: number, n: number) => void,
): Tensor {
  if (before.length !== x.rank || after.length !== x.rank) {
    fail(op, `${before.length} amounts before and ${after.length} after for ${x.rank} axes`);
  }
  const shape = x.shape.map((n, axis) => {
    const [lo, hi] = [before[axis]!, after[axis]!];
    wantWhole(op, `the amount before axis ${axis}`, lo);
    wantWhole(op, `the amount after axis ${axis}`, hi);
    if (lo + hi > 0 && n === 0) fail(op, `axis ${axis} of ${showShape(x.shape)} has no element to repeat`);
    check?.(lo, hi, n);
    return lo + n + hi;
  });
  wantRoom(op, { dtype: x.dtype, shape }, x.backend);
  return composite(() =>
    x.shape.reduce((y, n, axis) => {
      const [lo, hi] = [before[axis]!, after[axis]!];
      if (lo === 0 && hi === 0) return y;
      return gatherFrom(op, y, axis, lo + n + hi, (i) => source(i - lo, n));
    }, x),
  );
}

/**
 * Pads with the mirror image, without repeating the edge: `a b c` → `c b a b c b a`.
 * @param x Any shape.
 * @throws ShapeError where an amount is not smaller than the axis' extent, or there is not one for each axis.
 * @example
 * padReflect(tensor([1, 2, 3]), { before: [2], after: [1] }); // → [3, 2, 1, 2, 3, 2]
 */
export function padReflect(x: Tensor, amounts: BorderAmounts): Tensor {
  const mirrored = (i: number, n: number): number => (i < 0 ? -i : i < n ? i : 2 * (n - 1) - i);
  return border('padReflect', x, amounts, mirrored, (lo, hi, n) => {
    if (lo + hi > 0 && Math.max(lo, hi) >= n)
      fail('padReflect', `an extent of ${n} has only ${Math.max(n - 1, 0)} elements to mirror: pad less`);
  });
}

/**
 * Pads with the edge: `a b c` → `a a a b c c c`.
 * @param x Any shape.
 * @throws ShapeError where there is not one amount for each axis, one is negative, or there is no edge to repeat.
 * @example
 * padReplicate(tensor([1, 2, 3]), { before: [2], after: [1] }); // → [1, 1, 1, 2, 3, 3]
 */
export function padReplicate(x: Tensor, amounts: BorderAmounts): Tensor {
  return border('padReplicate', x, amounts, (i, n) => Math.min(Math.max(i, 0), n - 1));
}
