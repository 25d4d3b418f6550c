import { showShape, type TensorSpec, type TypedArray } from '@graftjs/core';

/** What numbers should be, and by how much they may differ from it: see `Bounded`. */
export interface Expected {
  readonly value: ArrayLike<number>;
  readonly error: Float64Array | null;
}

/** How a backend's numbers compare with what they should be. */
export interface Comparison {
  /** Largest error, as a share of the bound there; more than 1 is a failure. */
  readonly share: number;
  /** What is wrong, or null. */
  readonly problem: string | null;
}

export interface CompareOptions {
  /** Is −0 another number than +0? */
  readonly signedZero: boolean;
  /** May an element have no bound? Such a one is not looked at. */
  readonly unbounded?: boolean;
}

function same(a: number, b: number, { signedZero }: CompareOptions): boolean {
  return signedZero ? Object.is(a, b) : a === b || (Number.isNaN(a) && Number.isNaN(b));
}

/** The coordinates of element `index`. */
function place(index: number, { shape }: TensorSpec): string {
  const at: number[] = [];
  for (let i = shape.length - 1, rest = index; i >= 0; i--) {
    at.unshift(rest % shape[i]);
    rest = Math.floor(rest / shape[i]);
  }
  return showShape(at);
}

/** The error as a share of the bound; where the bound is 0, only the same number will do. */
function shareOf(y: number, v: number, bound: number, options: CompareOptions): number {
  if (bound === 0) return same(y, v, options) ? 0 : Infinity;
  const share = Math.abs(y - v) / bound;
  return Number.isNaN(share) ? Infinity : share;
}

/** Every element within its bound. */
export function withinBound(
  got: TypedArray,
  want: Expected,
  spec: TensorSpec,
  options: CompareOptions,
): Comparison {
  if (got.length !== want.value.length) {
    return { share: Infinity, problem: `${got.length} elements, not ${want.value.length}` };
  }
  let worst: Comparison = { share: 0, problem: null };
  for (let i = 0; i < got.length; i++) {
    const [y, v, bound] = [got[i], want.value[i], want.error === null ? 0 : want.error[i]];
    if (bound === Infinity) {
      if (options.unbounded) continue;
      return {
        share: Infinity,
        problem: `at ${place(i, spec)} nothing bounds the error: the case's data leave a choice open`,
      };
    }
    const share = shareOf(y, v, bound, options);
    if (share <= worst.share) continue;
    const problem =
      share > 1
        ? `at ${place(i, spec)} it is ${y}, not ${v} ± ${bound} (${share.toPrecision(3)} × the bound)`
        : null;
    worst = { share, problem };
  }
  return worst;
}

/** Every element the same. NaN is NaN, whatever its bits. */
export function sameBits(got: ArrayLike<number>, want: ArrayLike<number>, spec: TensorSpec): Comparison {
  if (got.length !== want.length)
    return { share: Infinity, problem: `${got.length} elements, not ${want.length}` };
  let different = 0;
  let first = -1;
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], want[i])) continue;
    different++;
    if (first < 0) first = i;
  }
  if (different === 0) return { share: 0, problem: null };
  const where = `the first at ${place(first, spec)}: ${got[first]}, not ${want[first]}`;
  return { share: Infinity, problem: `${different} of ${got.length} elements have other bits, ${where}` };
}
