import { composite } from '../op.ts';
import { gather } from '../ops/index.ts';
import { fail } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';

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
): Tensor {
  if (before.length !== x.rank || after.length !== x.rank) {
    fail(op, `${before.length} amounts before and ${after.length} after for ${x.rank} axes`);
  }
  return composite(() =>
    x.shape.reduce((y, n, axis) => {
      const [lo, hi] = [before[axis]!, after[axis]!];
      if (lo < 0 || hi < 0) fail(op, `amounts on axis ${axis} must be 0 or more (before ${lo}, after ${hi})`);
      if (lo === 0 && hi === 0) return y;
      return gather(
        y,
        Array.from({ length: lo + n + hi }, (_, i) => source(i - lo, n)),
        axis,
      );
    }, x),
  );
}

/**
 * Pads with the mirror image, without repeating the edge: `a b c` → `c b a b c b a`.
 * @throws ShapeError where an amount is not smaller than the axis' extent.
 */
export function padReflect(x: Tensor, amounts: BorderAmounts): Tensor {
  return border('padReflect', x, amounts, (i, n) => {
    if (i <= -n || i >= 2 * n - 1)
      fail('padReflect', `an extent of ${n} has only ${n - 1} elements to mirror: pad less`);
    return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
  });
}

/** Pads with the edge: `a b c` → `a a a b c c c`. */
export function padReplicate(x: Tensor, amounts: BorderAmounts): Tensor {
  return border('padReplicate', x, amounts, (i, n) => Math.min(Math.max(i, 0), n - 1));
}
