import type { Random, Shape, TensorSpec } from '@graftjs/core';

/** 'real' numbers, or 'whole' ones, small enough that nothing is rounded. */
export type DataKind = 'real' | 'whole';

/** Makes the values of an input. */
export type Fill = (random: Random, size: number, kind: DataKind) => number[];

/** An input of a case. */
export interface InputSpec extends TensorSpec {
  readonly fill: Fill;
}

/** Uniform in [0, 1) with 48 bits: with 24, sums of values would often be exact and show nothing about rounding. */
function uniform(random: Random, size: number): number[] {
  const [high, low] = [random.uniformArray(size), random.uniformArray(size)];
  return Array.from(high, (u, i) => u + low[i] * 2 ** -24);
}

/** Real values from uniform numbers, rounded to float32; whole ones from the same. */
function fillWith(real: (u: number) => number, whole: (u: number) => number): Fill {
  return (random, size, kind) =>
    uniform(random, size).map((u) => (kind === 'real' ? Math.fround(real(u)) : whole(u)));
}

const between = (low: number, high: number) => (u: number) => low + Math.floor(u * (high - low + 1));
/** [−1, 1) → ±[low, high). */
const away = (u: number, low: number, high: number): number =>
  u < 0.5 ? -(low + 2 * u * (high - low)) : low + (2 * u - 1) * (high - low);

/** Uniform in [−1, 1). */
export const real: Fill = fillWith((u) => 2 * u - 1, between(-4, 4));
/** Uniform in [½, 2). */
export const positive: Fill = fillWith((u) => 0.5 + 1.5 * u, between(1, 4));
/** ±[¼, 1¼): no value near 0, where reciprocals grow and relu has its kink. */
export const nonzero: Fill = fillWith(
  (u) => away(u, 0.25, 1.25),
  (u) => away(u, 1, 4) | 0,
);
/** Of all magnitudes from 2⁻²⁰ to 2²⁰. */
export const wide: Fill = fillWith(
  (u) => {
    const scaled = u * 4096;
    const magnitude = 2 ** ((Math.floor(scaled) % 2048) / 51.2 - 20);
    return (scaled < 2048 ? -1 : 1) * magnitude * (1 + (scaled % 1));
  },
  between(-4, 4),
);
/** Within [low, high). */
export const range = (low: number, high: number): Fill =>
  fillWith((u) => low + u * (high - low), between(Math.ceil(low), Math.floor(high)));

/**
 * All different, no two nearer than 2/size, in random order, none near 0: choices (max, argmax) are settled whatever the
 * rounding. Whole: few values and many ties, of which the first must win.
 */
export const distinct: Fill = (random, size, kind) => {
  const u = uniform(random, size);
  if (kind === 'whole') return u.map(between(-2, 2));
  const order = u.map((_, i) => i).sort((i, j) => u[i] - u[j]);
  const y = new Array<number>(size);
  order.forEach((at, i) => (y[at] = Math.fround((4 * (i + 0.25 + 0.5 * u[i])) / size - 2)));
  return y;
};

/** Whole numbers in [0, n), whatever the kind. */
export const indices = (n: number): Fill => fillWith(between(0, n - 1), between(0, n - 1));
export const booleans: Fill = fillWith(
  (u) => Number(u < 0.5),
  (u) => Number(u < 0.5),
);
/** These values, again and again, whatever the kind. */
export const values =
  (...list: number[]): Fill =>
  (_, size) =>
    Array.from({ length: size }, (__, i) => list[i % list.length]);

/** Zeros of both signs, infinities, NaN, the smallest and largest numbers, ties of rounding. */
export const specials: Fill = values(
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, NaN, Infinity, -Infinity],
  ...[
    2 ** -149,
    -(2 ** -149),
    2 ** -126,
    -(2 ** -126),
    3.4028234663852886e38,
    -3.4028234663852886e38,
    88,
    -104,
    2 ** 23,
    -3,
  ],
);

/** Infinities and NaN among small numbers, for sums: nothing in between overflows. */
export const nonfinite: Fill = values(1, -2, 0.5, Infinity, 0, -1, 3, NaN, -0.25, 2, -Infinity, 0, 1.5);

export const f32 = (shape: Shape, fill: Fill = real): InputSpec => ({ dtype: 'float32', shape, fill });
export const i32 = (shape: Shape, fill: Fill = fillWith(between(-9, 9), between(-9, 9))): InputSpec => ({
  dtype: 'int32',
  shape,
  fill,
});
export const bool = (shape: Shape): InputSpec => ({ dtype: 'bool', shape, fill: booleans });
