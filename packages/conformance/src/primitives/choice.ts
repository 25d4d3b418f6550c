import { cast, less, maximum, oneHot, select, sub, type DType, type Shape } from '@graftjs/core';
import type { CompareKind } from '@graftjs/core/backend';
import { compareOp } from '@graftjs/core/extend';
import { errorAt, gap, type BoundedOperand } from '../bounds/bounded.ts';
import { rounding } from '../bounds/model.ts';
import { define, type Case } from '../cases/case.ts';
import { bool, f32, i32, indices, specials, values, type InputSpec } from '../cases/data.ts';
import { broadcastMap } from '../oracle/indexing.ts';
import { fill, pairs, toInt32 } from '../oracle/values.ts';
import { ONE_ROUNDING, SAME, type About } from './about.ts';

const compareWith: Readonly<Record<CompareKind, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
};

/** Can `a ± ea` and `b ± eb` compare otherwise than a and b do? Both extremes of a − b must agree with it. */
function undecided(kind: CompareKind, a: number, ea: number, b: number, eb: number): boolean {
  if (ea === 0 && eb === 0) return false;
  const test = compareWith[kind];
  const outcome = test(a, b);
  const touching = a - ea <= b + eb && b - eb <= a + ea;
  const equality = kind === 'equal' || kind === 'notEqual';
  return equality ? touching : test(a + ea, b - eb) !== outcome || test(a - ea, b + eb) !== outcome;
}

export const choice: About<'compare' | 'select' | 'cast'> = {
  compare: {
    kernel: (_, inputs, { kind }, out) => pairs(inputs, out, (a, b) => Number(compareWith[kind](a, b))),
    // 1 where the outcome depends on errors, 0 elsewhere.
    error: (_, inputs, { kind }, out) => {
      const [a, b] = inputs;
      if (a.buffer.error === null && b.buffer.error === null) return null;
      const [ia, ib] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
      return Float64Array.from(ia, (p, i) => {
        const [x, y] = [a.buffer.value[p], b.buffer.value[ib[i]]];
        return Number(undecided(kind, x, errorAt(a, p), y, errorAt(b, ib[i])));
      });
    },
    bound: SAME,
  },
  select: {
    kernel: (_, inputs, __, out) => {
      const [c, a, b] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
      const [condition, yes, no] = inputs.map((t) => t.buffer);
      return fill(out, (i) => (condition[c[i]] ? yes[a[i]] : no[b[i]]));
    },
    // The error of the branch taken; where the condition is undecided, the distance to the other branch as well.
    error: (_, inputs, __, out, value) => {
      if (inputs.every((t) => t.buffer.error === null)) return null;
      const [condition, a, b] = inputs;
      const [ic, ia, ib] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
      const distance = (t: BoundedOperand, at: number, y: number): number =>
        gap(t.buffer.value[at], y) + errorAt(t, at);
      return Float64Array.from(value as ArrayLike<number>, (y, i) => {
        if (errorAt(condition, ic[i]) > 0) return Math.max(distance(a, ia[i], y), distance(b, ib[i], y));
        return condition.buffer.value[ic[i]] ? errorAt(a, ia[i]) : errorAt(b, ib[i]);
      });
    },
    bound: SAME,
  },
  cast: {
    kernel: ({ number }, [x], { dtype }, out) => {
      const convert = { float32: number, int32: toInt32, bool: (v: number) => Number(v !== 0) }[dtype];
      return fill(out, (i) => convert(x.buffer[i]));
    },
    error: (model, [x], { dtype }, _, value) => {
      const from = x.spec.dtype;
      if (x.buffer.error === null && !(from === 'int32' && dtype === 'float32')) return null;
      return Float64Array.from(value as ArrayLike<number>, (y, i) => {
        const [v, e] = [x.buffer.value[i], errorAt(x, i)];
        if (dtype === 'bool') return Number(e > 0 && Math.abs(v) <= e);
        if (dtype === 'float32') return e + (from === 'int32' ? rounding(model, v, e, 0.5) : 0);
        return Math.max(gap(toInt32(v + e), y), gap(y, toInt32(v - e)));
      });
    },
    bound: ONE_ROUNDING,
  },
};

const family = 'elementwise';
const unseen = { gradients: [] };
const special = { special: true };

const compareKinds: readonly CompareKind[] = [
  'equal',
  'notEqual',
  'less',
  'lessEqual',
  'greater',
  'greaterEqual',
];

const compareCases: Case[] = compareKinds.flatMap((kind): Case[] => {
  const compared = (what: string, a: InputSpec, b: InputSpec, more: Partial<Case> = {}): Case =>
    define(
      family,
      `compare ${kind}`,
      `${kind} ${what}`,
      [a, b],
      (x, y) => compareOp.apply([x, y], { kind }),
      {
        ...unseen,
        ...more,
      },
    );
  const ties = values(-1, 0, 0.5, 0.5, 2);
  return [
    compared('float32', f32([6, 5], ties), f32([6, 1])),
    compared('float32 ties', f32([5, 1], ties), f32([5], ties)),
    compared('int32', i32([2, 3, 4]), i32([3, 1])),
    compared('bool', bool([7]), bool([2, 7])),
    compared('of specials', f32([22, 1], specials), f32([22], specials), special),
  ];
});

const specOf: Readonly<Record<DType, (shape: Shape) => InputSpec>> = { float32: f32, int32: i32, bool };
const dtypes = Object.keys(specOf) as DType[];

const selected = (what: string, inputs: InputSpec[], more: Partial<Case> = {}): Case =>
  define(family, 'select', `select${what}`, inputs, select, more);

const selectCases: Case[] = [
  ...dtypes.map((dtype) =>
    selected(` ${dtype}`, [bool([3, 4]), specOf[dtype]([3, 4]), specOf[dtype]([3, 4])]),
  ),
  ...(
    [
      [[2, 3, 1], [4], [3, 4]],
      [[3, 4], [], [3, 1]],
      [[], [2, 3], [3]],
      [[1, 5], [4, 1], []],
      [[0, 2], [2], []],
    ] as const
  ).map(([c, a, b]) => selected(` [${c.join()}] [${a.join()}] [${b.join()}]`, [bool(c), f32(a), f32(b)])),
  selected(' keeps NaN of the branch taken only', [bool([24]), f32([24], specials), f32([24])], special),
];

/** Rows longer than what one thread takes at once, ends that no vector fills, and rows shorter than one. */
const rowCases: Case[] = (
  [
    ['long rows', [3, 4103], [4103]],
    ['long rows, one number each', [3, 4103], [3, 1]],
    ['short rows', [701, 3], [3]],
    ['short rows, one number each', [2, 351, 5], [351, 1]],
    ['long rows in planes', [2, 3, 1, 1031], [3, 2, 1]],
  ] as const
).flatMap(([form, a, b]): Case[] => [
  define(family, 'binary sub', `sub, ${form}`, [f32(a), f32(b)], sub, unseen),
  define(family, 'binary max', `max bool, ${form}`, [bool(a), bool(b)], maximum),
  define(family, 'compare less', `less, ${form}`, [f32(b), f32(a)], less, unseen),
  selected(`, ${form}`, [bool(a), f32(b), f32(a)], unseen),
]);

const casts = (what: string, input: InputSpec, to: DType, more: Partial<Case>): Case =>
  define(family, 'cast', `cast ${what}`, input, (x) => cast(x, to), more);

const castCases: Case[] = [
  ...dtypes.flatMap((from) =>
    dtypes.map((to) => casts(`${from} to ${to}`, specOf[from]([3, 7]), to, unseen)),
  ),
  casts(
    'float32 to int32 truncates',
    f32([10], values(-2.7, -1.5, -0.9, -0, 0.9, 1.5, 2.7, 1e6 + 0.5, -16777216, NaN)),
    'int32',
    special,
  ),
  casts(
    'float32 to int32 saturates',
    f32([6], values(3e9, -3e9, Infinity, -Infinity, 2147483648, 2147483520)),
    'int32',
    special,
  ),
  casts(
    'of large int32 to float32 rounds',
    i32([4], values(16777217, -16777219, 2147483647, -2147483648)),
    'float32',
    { exact: false },
  ),
];

export const choiceCases: readonly Case[] = [
  ...compareCases,
  ...selectCases,
  ...rowCases,
  ...castCases,
  define('composite', 'oneHot', 'oneHot with an index outside', i32([2, 5], indices(6)), (x) => oneHot(x, 4)),
];
