import { argmax, max, mean, min, sum, variance, type Axes, type Shape, type Tensor } from '@graftjs/core';
import { primitives } from '@graftjs/core/extend';
import { errorAt, gap, type BoundedOperand } from '../bounds/bounded.ts';
import { contenders, maxError } from '../bounds/choices.ts';
import { chainOfSum, grain } from '../bounds/model.ts';
import { Terms } from '../bounds/terms.ts';
import { define, type Case } from '../cases/case.ts';
import { distinct, f32, i32, real, specials, values, wide, type InputSpec } from '../cases/data.ts';
import { firstMax } from '../oracle/choose.ts';
import { reduceGroups } from '../oracle/indexing.ts';
import { allocate, fill, integer, type Arithmetic } from '../oracle/values.ts';
import { SAME, type About } from './about.ts';

/** The contract of `reduce` sum: blocks of 1,024, eight interleaved partial sums in each. */
function blockedSum(x: ArrayLike<number>, group: readonly number[], add: Arithmetic['add']): number {
  let total = 0;
  for (let from = 0; from < group.length; from += 1024) {
    const p = [0, 0, 0, 0, 0, 0, 0, 0];
    group.slice(from, from + 1024).forEach((at, i) => (p[i % 8] = add(p[i % 8], x[at])));
    total = add(total, add(add(add(p[0], p[1]), add(p[2], p[3])), add(add(p[4], p[5]), add(p[6], p[7]))));
  }
  return total;
}

/** NaN above all numbers. */
function compare(a: number, b: number): number {
  const [p, q] = [Number.isNaN(a), Number.isNaN(b)];
  return p || q ? Number(p) - Number(q) : Number(a > b) - Number(a < b);
}

/**
 * By how much the position at each place may be off where values are known within ± error: at place k may be those that at
 * most k surely come before, and at most n − 1 − k surely after. A float32 is below `MAX_VALUE`, so +∞ and NaN are apart.
 */
function orderError(
  x: BoundedOperand,
  group: readonly number[],
  descending: boolean,
  at: ArrayLike<number>,
): number[] {
  const ends = group.map((i) => {
    const [v, e] = [x.buffer.value[i], errorAt(x, i)];
    const both = [v - e, v + e].map((end) =>
      Number.isNaN(v) ? Infinity : e === 0 ? Math.min(end, Number.MAX_VALUE) : end,
    );
    return descending ? both.map((end) => -end).reverse() : both;
  });
  const surely = (i: number, j: number): boolean =>
    ends[i][1] < ends[j][0] || (ends[i][1] === ends[j][0] && i < j);
  const places = group.map((_, i) => {
    const others = [...group.keys()].filter((j) => j !== i);
    return [
      others.filter((j) => surely(j, i)).length,
      group.length - 1 - others.filter((j) => surely(i, j)).length,
    ];
  });
  return Array.from(at, (right, k) =>
    Math.max(...places.flatMap(([first, last], i) => (first <= k && k <= last ? [Math.abs(i - right)] : []))),
  );
}

export const reduce: About<'reduce' | 'argsort'> = {
  argsort: {
    kernel(_, [x], { axis, descending }, out) {
      const y = allocate(out);
      for (const group of reduceGroups(x.spec.shape, [axis])) {
        const order = [...group.keys()].sort((i, j) => {
          const [a, b] = [x.buffer[group[i]], x.buffer[group[j]]];
          return (descending ? compare(b, a) : compare(a, b)) || i - j;
        });
        group.forEach((place, k) => (y[place] = order[k]));
      }
      return y;
    },
    error(_, [x], { axis, descending }, out, value) {
      if (x.buffer.error === null) return null;
      const errors = new Float64Array(value.length);
      for (const group of reduceGroups(x.spec.shape, [axis])) {
        const at = group.map((place) => value[place]);
        orderError(x, group, descending, at).forEach((error, k) => (errors[group[k]] = error));
      }
      return errors;
    },
    bound: SAME,
  },

  reduce: {
    kernel({ add }, [x], { kind, axes }, out) {
      const groups = reduceGroups(x.spec.shape, axes);
      const plus = out.dtype === 'int32' ? integer.add : add;
      const best = (o: number): number => firstMax(x.buffer, groups[o]);
      if (kind === 'sum') return fill(out, (o) => blockedSum(x.buffer, groups[o], plus));
      return fill(out, kind === 'argmax' ? best : (o) => x.buffer[groups[o][best(o)]]);
    },
    error(model, [x], { kind, axes }, out, value) {
      const groups = reduceGroups(x.spec.shape, axes);
      const known = x.buffer.error === null;
      if (known && (kind !== 'sum' || out.dtype === 'int32')) return null;
      if (kind === 'max') return Float64Array.from(groups, (group, o) => maxError(model, x, group, value[o]));
      // The distance to the farthest contender.
      if (kind === 'argmax')
        return Float64Array.from(groups, (group, o) =>
          Math.max(...contenders(x, group).map((k) => gap(k, value[o]))),
        );
      // n − 1 additions in any order; in the contract's blocked order fewer (`chainOfSum`).
      const terms = new Terms(value.length);
      groups.forEach((group, o) => {
        for (const i of group) terms.add(o, Math.abs(x.buffer.value[i]), errorAt(x, i));
      });
      if (out.dtype === 'int32') return terms.moved;
      return terms.bounds(model, (o) => chainOfSum(model, terms.count[o]), grain(x.buffer.value));
    },
    bound: (kind) => (kind === 'sum' ? 'chain of additions · u · Σ\\|x\\|' : SAME),
  },
};

const family = 'reduce';

const reduces = (
  op: string,
  what: string,
  input: InputSpec,
  run: (x: Tensor) => Tensor,
  more: Partial<Case> = {},
): Case => define(family, `reduce ${op}`, `${op} ${what}`, input, (x) => run(x), more);

const forms: readonly (readonly [Shape, Axes | undefined])[] = [
  [[], undefined],
  [[7], 0],
  [[3, 5], 0],
  [[3, 5], 1],
  [[3, 5], undefined],
  [[2, 3, 4], 1],
  [
    [2, 3, 4],
    [0, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 2, 3],
  ],
  [
    [2, 4, 5, 3],
    [0, 1, 2],
  ],
  [
    [2, 3, 4, 5],
    [2, 3],
  ],
  [
    [1, 6, 1],
    [0, 2],
  ],
  [[0, 3], 1],
];

/** Around the blocks of 1,024 and the eight partial sums of the contract. */
const lengths = [8, 9, 1024, 1025, 3001];

const show = (shape: Shape, axes: Axes | undefined): string =>
  `[${shape.join()}] over ${axes === undefined ? 'all' : axes.toString()}`;

const reductions: Case[] = [
  ...forms.flatMap(([shape, axes]) => [
    reduces('sum', show(shape, axes), f32(shape), (x) => sum(x, axes)),
    reduces('max', show(shape, axes), f32(shape, distinct), (x) => max(x, axes)),
  ]),
  reduces('sum', 'over an empty axis', f32([0, 3]), (x) => sum(x, 0)),
  reduces('sum', 'keeping the axes', f32([2, 3, 4]), (x) => sum(x, [0, 2], { keepDims: true })),
  reduces('max', 'keeping the axes', f32([2, 3, 4], distinct), (x) => max(x, [0, 2], { keepDims: true })),
  ...lengths.flatMap((n) => [
    { ...reduces('sum', `${n} in a row`, f32([n]), (x) => sum(x)), ...(n > 1025 && { gradients: [] }) },
    { ...reduces('sum', `${n} in columns`, f32([n, 3]), (x) => sum(x, 0)), gradients: [] },
  ]),
  { ...reduces('sum', 'of all magnitudes', f32([2, 500], wide), (x) => sum(x, 1)), gradients: [] },
  reduces('sum', 'int32 over 1', i32([4, 6]), (x) => sum(x, 1)),
  reduces('max', 'int32 over 0', i32([4, 6]), (x) => max(x, 0)),
  ...(
    [
      [[9], 0],
      [[3, 5], 0],
      [[3, 5], 1],
      [[2, 3, 4], 1],
      [[2, 300], 1],
    ] as const
  )
    .map(([shape, axis]) =>
      reduces('argmax', `[${shape.join()}] on axis ${axis}`, f32(shape, distinct), (x) => argmax(x, axis)),
    )
    .map((c) => ({ ...c, gradients: [] })),
  reduces('argmax', 'int32 over 1', i32([4, 6]), (x) => argmax(x, 1)),
  {
    ...reduces('argmax', 'takes the first of equals', f32([4, 5], values(1, 3, 3, 2, 3, 0, 0)), (x) =>
      argmax(x, 1),
    ),
    gradients: [],
  },
  {
    ...reduces('max', 'gives ties to the first', f32([4, 5], values(1, 3, 3, 2, 3, 0, 0)), (x) => max(x, 1)),
    gradients: [],
  },
  ...(['max', 'argmax'] as const).map((op): Case => ({
    ...reduces(
      op,
      'with NaN and infinities',
      f32([5, 4], values(1, NaN, 2, Infinity, -Infinity, -1, -0, 0, 3)),
      (x) => (op === 'max' ? max(x, 1) : argmax(x, 1)),
    ),
    special: true,
  })),
  {
    ...reduces('max', 'takes the first of zeros of both signs', f32([3, 4], values(-0, 0, -1, -0, -2)), (x) =>
      max(x, 1),
    ),
    gradients: [],
  },
  // Rows and columns of more than one vector, with an end that none fills.
  ...([1, 0] as const).flatMap((axis): Case[] => [
    ...(['max', 'argmax'] as const).map((op): Case => ({
      ...reduces(
        op,
        `with NaN and infinities, 15 by 13 over ${axis}`,
        f32([15, 13], values(1, 2, Infinity, -Infinity, -1, -0, 0, 3, 4, 0.5, 0.25, -2, 7, -3, 6, -4, NaN)),
        (x) => (op === 'max' ? max(x, axis) : argmax(x, axis)),
      ),
      special: true,
    })),
    ...(['max', 'argmax'] as const).map((op): Case => ({
      ...reduces(
        op,
        `of zeros of both signs and ties, 15 by 13 over ${axis}`,
        f32([15, 13], values(-1, -2, -0, -3, 0, -1, -0, -4, -5, 0, -2)),
        (x) => (op === 'max' ? max(x, axis) : argmax(x, axis)),
      ),
      special: true,
    })),
    { ...reduces('max', `[1500, 3] over ${axis}`, f32([1500, 3]), (x) => max(x, axis)), gradients: [] },
  ]),
  { ...reduces('max', '3001 in a row', f32([3001], distinct), (x) => max(x)), gradients: [] },
  { ...reduces('sum', 'int32, 3001 in a row', i32([3001]), (x) => sum(x)) },
  { ...reduces('sum', 'short runs', f32([130, 3, 3, 3]), (x) => sum(x, [0, 2, 3])), gradients: [] },
  { ...reduces('sum', 'of specials', f32([11, 2], specials), (x) => sum(x, 1)), special: true },
];

const sorts = (what: string, input: InputSpec, axis: number, more: Partial<Case> = {}): Case[] =>
  [false, true].map((descending) =>
    define(
      family,
      'argsort',
      `argsort ${descending ? 'descending' : 'ascending'} ${what}`,
      input,
      (x) => primitives.argsort.apply([x], { axis, descending }),
      { gradients: [], ...more },
    ),
  );

const argsorts: Case[] = [
  ...sorts('[9]', f32([9], distinct), 0),
  ...[0, 1, 2].flatMap((axis) => sorts(`[3, 5, 4] on axis ${axis}`, f32([3, 5, 4], distinct), axis)),
  ...sorts('[2, 1031] on axis 1', f32([2, 1031], distinct), 1),
  ...sorts('[300, 3] on axis 0, of all magnitudes', f32([300, 3], wide), 0),
  ...sorts('one element each', f32([4, 1]), 1),
  ...sorts('of nothing', f32([3, 0, 2]), 1),
  ...sorts('of no lines', f32([0, 4]), 1),
  ...sorts('int32', i32([7, 6]), 1),
  ...sorts(
    'int32, the farthest',
    i32([2, 5], values(2147483647, -2147483648, 0, -1, 2147483646, -2147483647)),
    1,
  ),
  ...sorts('of equals: the first first', f32([4, 9], values(1, 3, 3, 2, 3, 0, 0)), 1),
  ...sorts(
    'with NaN and infinities',
    f32([4, 11], values(1, NaN, 2, Infinity, -Infinity, -1, NaN, 0, 3)),
    1,
    {
      special: true,
    },
  ),
  ...sorts('of zeros of both signs', f32([3, 8], values(-0, 0, -1, -0, 2)), 1, { special: true }),
  ...sorts('of specials', f32([3, 44], specials), 1, { special: true }),
];

const composites: Case[] = [
  reduces('mean', 'over [0, 2, 3]', f32([2, 3, 4, 5]), (x) => mean(x, [0, 2, 3])),
  reduces('min', 'over an axis', f32([3, 5], distinct), (x) => min(x, 1)),
  reduces('variance', 'over [0, 2, 3]', f32([2, 3, 4, 5], real), (x) => variance(x, [0, 2, 3])),
  reduces('variance', 'unbiased', f32([6, 5], real), (x) => variance(x, 0, { correction: 1 })),
].map((c): Case => ({ ...c, op: c.op.replace('reduce ', ''), family: 'composite', exact: false }));

export const reduceCases: readonly Case[] = [...reductions, ...argsorts, ...composites];
