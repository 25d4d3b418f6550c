import {
  cast,
  clip,
  grad,
  hardtanh,
  oneHot,
  relu6,
  select,
  sum,
  type DType,
  type Shape,
  type Tensor,
} from '@graftjs/core';
import { type BinaryKind, type CompareKind, type UnaryKind } from '@graftjs/core/backend';
import { binaryOp, compareOp, unaryOp } from '@graftjs/core/extend';
import { unaryKinds } from '../unary-kinds.ts';
import type { Case } from './case.ts';
import {
  bool,
  f32,
  i32,
  indices,
  nonzero,
  positive,
  range,
  real,
  specials,
  values,
  wide,
  type Fill,
  type InputSpec,
} from './data.ts';

const family = 'elementwise';

const unary = (kind: UnaryKind): Pick<Case, 'op' | 'family' | 'run'> => ({
  op: kind === 'not' ? 'unary not' : `unary ${kind}`,
  family,
  run: (x) => unaryOp.apply([x], { kind }),
});

const unaryCases: Case[] = [
  ...Object.entries(unaryKinds).flatMap(([name, { fill, far, ulps }]): Case[] => {
    if (name === 'not') return [];
    const kind = name as UnaryKind;
    const exact = ulps === undefined;
    return [
      { ...unary(kind), name: `${kind} [2, 3, 5]`, inputs: [f32([2, 3, 5], fill)], exact },
      { ...unary(kind), name: `${kind} scalar`, inputs: [f32([], fill)], exact },
      { ...unary(kind), name: `${kind} of nothing`, inputs: [f32([0, 3], fill)], exact },
      // 1,031 elements: no multiple of any vector width, and more than one block.
      { ...unary(kind), name: `${kind} far`, inputs: [f32([1031], far ?? fill)], exact, gradients: [] },
      { ...unary(kind), name: `${kind} of specials`, inputs: [f32([24], specials)], special: true },
    ];
  }),
  ...(['neg', 'abs', 'sign', 'relu'] as const).map((kind): Case => ({
    ...unary(kind),
    name: `${kind} int32`,
    inputs: [i32([7, 3])],
  })),
  { ...unary('not'), name: 'not', inputs: [bool([3, 7])] },
  {
    ...unary('round'),
    name: 'round halves to even',
    inputs: [f32([8], values(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 8388607.5))],
    gradients: [],
  },
];

/** The forms of broadcasting, as pairs of shapes. */
const forms: readonly (readonly [string, Shape, Shape])[] = [
  ['alike', [3, 5], [3, 5]],
  ['a scalar at the right', [3, 5], []],
  ['a scalar at the left', [], [3, 5]],
  ['a row', [4, 5], [5]],
  ['a column', [4, 1], [4, 5]],
  ['outer', [4, 1], [1, 5]],
  ['per channel', [2, 3, 4, 5], [3, 1, 1]],
  ['from both sides', [2, 1, 4, 1], [3, 1, 5]],
  ['nothing', [0, 3], [3]],
  ['two scalars', [], []],
  ['five axes', [2, 1, 3, 1, 2], [1, 2, 1, 3, 2]],
  ['seven axes', [2, 1, 2, 1, 2, 1, 3], [1, 2, 1, 2, 1, 2, 3]],
];

const binaryFills: Readonly<Record<BinaryKind, readonly [Fill, Fill]>> = {
  add: [real, real],
  sub: [real, real],
  mul: [real, real],
  div: [real, nonzero],
  pow: [positive, range(-2, 3)],
  // One of them in (1, 2) or (−2, −1), the other within (−1, 1): never equal, and either may win.
  max: [real, values(1.5, -1.25, 1.125, -1.75)],
  min: [real, values(1.5, -1.25, 1.125, -1.75)],
};
const binaryKinds = Object.keys(binaryFills) as BinaryKind[];
const inexact = new Set<BinaryKind>(['div', 'pow']);

const binary = (kind: BinaryKind): Pick<Case, 'op' | 'family' | 'run' | 'exact'> => ({
  op: `binary ${kind}`,
  family,
  run: (a, b) => binaryOp.apply([a, b], { kind }),
  exact: !inexact.has(kind),
});

const binaryCases: Case[] = [
  ...binaryKinds.flatMap((kind): Case[] => {
    const [left, right] = binaryFills[kind];
    return forms.map(([form, a, b]) => ({
      ...binary(kind),
      name: `${kind}, ${form}`,
      inputs: [f32(a, left), f32(b, right)],
    }));
  }),
  ...(['add', 'sub', 'mul', 'div', 'max', 'min'] as const).flatMap((kind): Case[] => [
    { ...binary(kind), name: `${kind} far`, inputs: [f32([1031], wide), f32([1031], wide)], gradients: [] },
    {
      ...binary(kind),
      name: `${kind} of specials`,
      inputs: [f32([22, 1], specials), f32([22], specials)],
      special: true,
    },
  ]),
  {
    ...binary('pow'),
    name: 'pow far',
    inputs: [f32([1031], range(1e-3, 50)), f32([1031], range(-20, 20))],
    gradients: [],
  },
  {
    ...binary('pow'),
    name: 'pow, whole exponents of negative numbers',
    inputs: [f32([3, 4], nonzero), f32([4], values(0, 1, 2, 3))],
    gradients: [0],
  },
  {
    ...binary('pow'),
    name: 'pow of specials',
    inputs: [
      f32([9, 1], values(0, -0, 1, -1, 2.5, -0.5, NaN, Infinity, -Infinity)),
      f32([9], values(0, 1, -1, 2, -3, 0.5, NaN, Infinity, -Infinity)),
    ],
    special: true,
  },
  {
    ...binary('pow'),
    name: 'gradient of pow in the base, at its poles',
    inputs: [f32([40], values(0, -0, 1, -1, 2.5)), f32([40], values(0, 1, -1, 2, 3, 0.5, -2, -0))],
    run: (a, b) => grad((x) => sum(binaryOp.apply([x, b], { kind: 'pow' })))(a),
    special: true,
  },
  {
    ...binary('pow'),
    name: 'gradient of pow in the exponent, at its poles',
    inputs: [f32([30], values(0, -0, 1, 2.5, 0.5)), f32([30], values(0, 1, 2, 3, 0.5, -0))],
    run: (a, b) => grad((y) => sum(binaryOp.apply([a, y], { kind: 'pow' })))(b),
    special: true,
  },
  ...(['add', 'sub', 'mul', 'max', 'min'] as const).flatMap((kind): Case[] => [
    { ...binary(kind), name: `${kind} int32`, inputs: [i32([4, 1, 3]), i32([5, 1])] },
    {
      ...binary(kind),
      name: `${kind} int32 wraps`,
      inputs: [i32([3, 1], values(2147483647, -2147483648, 123456789)), i32([3], values(1, -1, 987654321))],
    },
  ]),
  ...(['max', 'min'] as const).map((kind): Case => ({
    ...binary(kind),
    name: `${kind} bool`,
    inputs: [bool([4, 3]), bool([3])],
  })),
];

const compareKinds: readonly CompareKind[] = [
  'equal',
  'notEqual',
  'less',
  'lessEqual',
  'greater',
  'greaterEqual',
];

const compareCases: Case[] = compareKinds.flatMap((kind): Case[] => {
  const base: Pick<Case, 'op' | 'family' | 'run' | 'gradients'> = {
    op: `compare ${kind}`,
    family,
    run: (a, b) => compareOp.apply([a, b], { kind }),
    gradients: [],
  };
  const ties = values(-1, 0, 0.5, 0.5, 2);
  return [
    { ...base, name: `${kind} float32`, inputs: [f32([6, 5], ties), f32([6, 1])] },
    { ...base, name: `${kind} float32 ties`, inputs: [f32([5, 1], ties), f32([5], ties)] },
    { ...base, name: `${kind} int32`, inputs: [i32([2, 3, 4]), i32([3, 1])] },
    { ...base, name: `${kind} bool`, inputs: [bool([7]), bool([2, 7])] },
    {
      ...base,
      name: `${kind} of specials`,
      inputs: [f32([22, 1], specials), f32([22], specials)],
      special: true,
    },
  ];
});

const specOf: Readonly<Record<DType, (shape: Shape) => InputSpec>> = { float32: f32, int32: i32, bool };
const dtypes = Object.keys(specOf) as DType[];

const selectCases: Case[] = [
  ...dtypes.map((dtype): Case => ({
    name: `select ${dtype}`,
    op: 'select',
    family,
    inputs: [bool([3, 4]), specOf[dtype]([3, 4]), specOf[dtype]([3, 4])],
    run: (c, a, b) => select(c, a, b),
  })),
  ...(
    [
      [[2, 3, 1], [4], [3, 4]],
      [[3, 4], [], [3, 1]],
      [[], [2, 3], [3]],
      [[1, 5], [4, 1], []],
      [[0, 2], [2], []],
    ] as const
  ).map(([c, a, b]): Case => ({
    name: `select [${c.join()}] [${a.join()}] [${b.join()}]`,
    op: 'select',
    family,
    inputs: [bool(c), f32(a), f32(b)],
    run: (x, y, z) => select(x, y, z),
  })),
  {
    name: 'select keeps NaN of the branch taken only',
    op: 'select',
    family,
    inputs: [bool([24]), f32([24], specials), f32([24])],
    run: (c, a, b) => select(c, a, b),
    special: true,
  },
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
  { ...binary('sub'), name: `sub, ${form}`, inputs: [f32(a), f32(b)], gradients: [] },
  { ...binary('max'), name: `max bool, ${form}`, inputs: [bool(a), bool(b)] },
  {
    name: `less, ${form}`,
    op: 'compare less',
    family,
    inputs: [f32(b), f32(a)],
    run: (x, y) => compareOp.apply([x, y], { kind: 'less' }),
    gradients: [],
  },
  {
    name: `select, ${form}`,
    op: 'select',
    family,
    inputs: [bool(a), f32(b), f32(a)],
    run: (c, x, y) => select(c, x, y),
    gradients: [],
  },
]);

const castCases: Case[] = [
  ...dtypes.flatMap((from) =>
    dtypes.map((to): Case => ({
      name: `cast ${from} to ${to}`,
      op: 'cast',
      family,
      inputs: [specOf[from]([3, 7])],
      run: (x) => cast(x, to),
      gradients: [],
    })),
  ),
  {
    name: 'cast float32 to int32 truncates',
    op: 'cast',
    family,
    inputs: [f32([10], values(-2.7, -1.5, -0.9, -0, 0.9, 1.5, 2.7, 1e6 + 0.5, -16777216, NaN))],
    run: (x) => cast(x, 'int32'),
    special: true,
  },
  {
    name: 'cast float32 to int32 saturates',
    op: 'cast',
    family,
    inputs: [f32([6], values(3e9, -3e9, Infinity, -Infinity, 2147483648, 2147483520))],
    run: (x) => cast(x, 'int32'),
    special: true,
  },
  {
    name: 'cast of large int32 to float32 rounds',
    op: 'cast',
    family,
    inputs: [i32([4], values(16777217, -16777219, 2147483647, -2147483648))],
    run: (x) => cast(x, 'float32'),
    exact: false,
  },
];

/** Limits as networks have them: one number, NaN on the other side. */
const limits: Case[] = ([6, -0.5, 0, -0, NaN, Infinity, -Infinity] as const).flatMap((limit) =>
  ([[], [1]] as const).flatMap((shape) =>
    (['max', 'min'] as const).flatMap((kind): Case[] => [
      {
        ...binary(kind),
        name: `${kind} of specials and ${Object.is(limit, -0) ? '-0' : limit} [${shape.join()}]`,
        inputs: [f32([22], specials), f32(shape, values(limit))],
        special: true,
      },
      {
        ...binary(kind),
        name: `${kind} of ${Object.is(limit, -0) ? '-0' : limit} [${shape.join()}] and specials`,
        inputs: [f32(shape, values(limit)), f32([22], specials)],
        special: true,
      },
    ]),
  ),
);

const compositeCases: Case[] = [
  ...limits,
  ...(
    [
      ['clip', (x: Tensor): Tensor => clip(x, -1, 1)],
      ['relu6', relu6],
      ['hardtanh', (x: Tensor): Tensor => hardtanh(x, -2, 3)],
    ] as const
  ).map(([op, run]): Case => ({
    name: `${op} of specials`,
    op,
    family: 'composite',
    inputs: [f32([22], specials)],
    run: (x) => run(x),
    special: true,
  })),
  {
    name: 'clip',
    op: 'clip',
    family: 'composite',
    inputs: [f32([5, 7], range(-3, 3))],
    run: (x) => clip(x, -1.0625, 1.0625),
    exact: false,
  },
  {
    name: 'oneHot with an index outside',
    op: 'oneHot',
    family: 'composite',
    inputs: [i32([2, 5], indices(6))],
    run: (x) => oneHot(x, 4),
  },
];

export const elementwiseCases: readonly Case[] = [
  ...unaryCases,
  ...binaryCases,
  ...compareCases,
  ...selectCases,
  ...rowCases,
  ...castCases,
  ...compositeCases,
];
