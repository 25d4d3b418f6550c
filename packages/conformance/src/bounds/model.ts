import type { UnaryKind } from '@graftjs/core/backend';

/**
 * How a backend rounds. Everything that conformance allows for follows from these numbers; there is no other tolerance.
 * One ulp of a value is the distance between the two float32 numbers around it.
 */
export interface ErrorModel {
  /** Largest error of an addition, subtraction or multiplication, in ulp: ½ where it rounds to nearest. */
  readonly arithmetic: number;
  /** Of a division. */
  readonly division: number;
  /** Of a function that rounds, in ulp; those not listed are exact. */
  readonly unary: Readonly<Partial<Record<UnaryKind, number>>>;
  readonly pow: number;
  /**
   * The order of additions. 'contract': as core's `primitives.ts` states it, so the longest chain is known. 'any': the
   * backend adds as it likes, and a term may go through as many additions as there are terms.
   */
  readonly order: 'contract' | 'any';
  /** Smallest positive number: 2⁻¹⁴⁹; 2⁻¹²⁶ where subnormal numbers are flushed to zero. */
  readonly smallest: number;
  /** Bits of the significand: 24. (53 judges the oracle itself, for finite differences.) */
  readonly precision: 24 | 53;
}

/**
 * Relative error of the oracle's own functions and of moving their argument by a rounding in float64. Math.* is good to
 * 2⁻⁵¹ and erf to 2⁻⁴⁸; an argument of up to 100 in exp, rounded, moves the result by 100 · 2⁻⁵³. Next to the 2⁻²⁴ of a
 * float32 it is nothing.
 */
export const ORACLE_FUNCTION_ERROR: number = 2 ** -44;

/** The same of its additions, multiplications and divisions. */
export const ORACLE_ERROR: number = 2 ** -52;

/** Largest relative error of one operation of `model`: u = 2⁻²⁴ where it rounds to nearest. */
export function unit(model: ErrorModel): number {
  return model.arithmetic * 2 ** (1 - model.precision);
}

/** k roundings on the way of a term: (1 + u)ᵏ − 1 ≤ k·u / (1 − k·u) (Higham, Accuracy and Stability, lemma 3.1). */
export function gamma(model: ErrorModel, k: number): number {
  const ku = k * unit(model);
  return ku < 1 ? ku / (1 - ku) : Infinity;
}

const bits = new DataView(new ArrayBuffer(8));

/** 2^⌊log2 |x|⌋, exactly. */
function powerBelow(x: number): number {
  bits.setFloat64(0, Math.abs(x));
  bits.setUint32(0, bits.getUint32(0) & 0x7ff00000);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** Are subnormal float32 numbers flushed to zero? */
export function flushes({ precision, smallest }: ErrorModel): boolean {
  return precision === 24 && smallest > 2 ** -149;
}

/** Distance of the model's numbers around x. Flushing loses all of a number below `smallest`, so half of this must be that. */
export function ulp(model: ErrorModel, x: number): number {
  return Math.max(powerBelow(x) * 2 ** (1 - model.precision), model.smallest * (flushes(model) ? 2 : 1));
}

/** The model's rounding to nearest, where it is known to be that. */
export function nearest(model: ErrorModel, x: number): number | undefined {
  const kept = !flushes(model) || Math.abs(x) >= model.smallest || x === 0;
  return model.precision === 24 && kept ? Math.fround(x) : undefined;
}

/** What the rounding to float32 does to a number on its way in: an uploaded value, a constant in the attributes. */
export function inputError(model: ErrorModel, v: number): number {
  const rounded = Math.fround(v);
  if (model.precision === 53 || !Number.isFinite(rounded)) return 0;
  return nearest(model, v) === undefined ? Math.abs(v) : Math.abs(rounded - v);
}

/**
 * Error of one rounding, of a result that the oracle has as `v` and that is known to ± `moved`; `ulps` is the most the
 * operation may be off. Operands without error and a result that is a float32 leave nothing to round, unless the operation
 * is not even faithful (more than 1 ulp). (float64 of the
 * exact result, rounded once more to float32, is the float32 of the exact result: 53 ≥ 2 · 24 + 2, Figueroa 1995.)
 */
export function rounding(model: ErrorModel, v: number, moved: number, ulps: number): number {
  if (!Number.isFinite(v)) return 0;
  const known = moved === 0 ? nearest(model, v) : undefined;
  if (known === Infinity || known === -Infinity) return 0; // overflow is settled by the backend
  if (known === v && ulps <= 1) return 0;
  if (known !== undefined && ulps === 0.5) return Math.abs(known - v) + ORACLE_ERROR * Math.abs(v);
  const size = Math.abs(v) + moved;
  return ulps * ulp(model, size) + ORACLE_ERROR * size;
}

/**
 * The largest power of two of which all values are multiples; Infinity for all zeros. A sum of multiples of g is exact,
 * in every order, as long as the sum of their absolute values stays within 2²⁴ · g.
 */
export function grain(values: ArrayLike<number>): number {
  let g = Infinity;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v === 0) continue;
    g = Math.min(g, powerBelow(v));
    if (!Number.isFinite(v) || g === 0) return 0;
    while (!Number.isInteger(v / g)) g /= 2;
  }
  return g;
}

/** Are sums of multiples of `g`, of total size `size`, free of rounding? */
export function sumsExactly(model: ErrorModel, size: number, g: number): boolean {
  return size <= 2 ** 24 * g && g >= model.smallest;
}

/** Additions that a term of an n-term `reduce` sum goes through, at most; the first one, to +0, is exact. */
export function chainOfSum(model: ErrorModel, n: number): number {
  const any = Math.max(n - 1, 0);
  if (model.order === 'any') return any;
  // A partial sum of every eighth element in a block of 1,024, three levels that join the eight, then the blocks.
  const inBlock = Math.ceil(Math.min(n, 1024) / 8) - 1;
  return Math.min(any, inBlock + 3 + Math.ceil(n / 1024) - 1);
}
