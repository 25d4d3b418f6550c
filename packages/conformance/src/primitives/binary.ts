import { clip, grad, hardtanh, relu6, sum, type Shape, type Tensor } from '@graftjs/core';
import type { BinaryKind } from '@graftjs/core/backend';
import { binaryOp } from '@graftjs/core/extend';
import { errorAt, gap } from '../bounds/bounded.ts';
import { ORACLE_FUNCTION_ERROR, rounding, ulp } from '../bounds/model.ts';
import { define, type Case } from '../cases/case.ts';
import {
  bool,
  f32,
  i32,
  nonzero,
  positive,
  range,
  real,
  specials,
  values,
  wide,
  type Fill,
  type InputSpec,
} from '../cases/data.ts';
import { broadcastMap } from '../oracle/indexing.ts';
import { integer, pairs } from '../oracle/values.ts';
import { ONE_ROUNDING, SAME, ULPS, type About } from './about.ts';

/** How far (a ± ea) ∘ (b ± eb) may be from y = a ∘ b, evaluated exactly. */
function spreadBinary(kind: BinaryKind, a: number, ea: number, b: number, eb: number, y: number): number {
  if (ea === 0 && eb === 0) return 0;
  switch (kind) {
    case 'add':
    case 'sub':
      return ea + eb;
    case 'mul':
      return (ea && ea * Math.abs(b)) + (eb && eb * Math.abs(a)) + (ea && eb && ea * eb);
    case 'div': // a'/b' − a/b = ((a' − a)·b − a·(b' − b)) / (b·b')
      if (Math.abs(b) <= eb) return Infinity;
      return (ea + (eb && eb * Math.abs(y))) / (Math.abs(b) - eb);
    case 'max':
      return Math.max(gap(Math.max(a + ea, b + eb), y), gap(y, Math.max(a - ea, b - eb)));
    case 'min':
      return Math.max(gap(Math.min(a + ea, b + eb), y), gap(y, Math.min(a - ea, b - eb)));
    case 'pow': {
      // Monotone in either argument for a > 0: the corners are the extremes. A whole exponent has a derivative elsewhere, too.
      if (a - ea > 0) {
        const corners = [a - ea, a + ea].flatMap((p) => [p ** (b - eb), p ** (b + eb)]);
        const most = Math.max(...corners);
        return Math.max(...corners.map((c) => gap(c, y))) + 2 * ORACLE_FUNCTION_ERROR * most;
      }
      if (eb > 0 || !Number.isInteger(b) || b < 0) return Infinity;
      return b === 0 ? 0 : b * ea * (Math.abs(a) + ea) ** (b - 1);
    }
  }
}

/** Is the float64 sum y of a and b their exact sum? (Knuth's TwoSum gives what it lost.) */
function addsExactly(a: number, b: number, y: number): boolean {
  const part = y - a;
  return a - (y - part) + (b - part) === 0;
}

export const binary: About<'binary'> = {
  binary: {
    kernel: ({ binary }, inputs, { kind }, out) => {
      // int32 multiplies modulo 2³²: a float64 product would have lost the low bits.
      const f =
        kind === 'mul' && out.dtype === 'int32'
          ? Math.imul
          : out.dtype === 'int32'
            ? integer[kind]
            : binary[kind];
      return pairs(inputs, out, f);
    },
    error: (model, inputs, { kind }, out, value) => {
      const [a, b] = inputs;
      const untouched = a.buffer.error === null && b.buffer.error === null;
      const rounds = out.dtype === 'float32' && kind !== 'max' && kind !== 'min';
      if (untouched && !rounds) return null;
      const [ia, ib] = inputs.map((t) => broadcastMap(t.spec.shape, out.shape));
      return Float64Array.from(value as ArrayLike<number>, (y, i) => {
        const [p, q] = [a.buffer.value[ia[i]], b.buffer.value[ib[i]]];
        const [ep, eq] = [errorAt(a, ia[i]), errorAt(b, ib[i])];
        const moved = spreadBinary(kind, p, ep, q, eq, y);
        if (!rounds || !Number.isFinite(y)) return moved;
        const exactly = model.precision === 53 && moved === 0 && (kind === 'add' || kind === 'sub');
        if (exactly && addsExactly(p, kind === 'add' ? q : -q, y)) return 0;
        if (kind !== 'pow')
          return moved + rounding(model, y, moved, kind === 'div' ? model.division : model.arithmetic);
        const size = (Math.abs(y) + moved) * (1 + ORACLE_FUNCTION_ERROR);
        return moved + model.pow * ulp(model, size) + ORACLE_FUNCTION_ERROR * size;
      });
    },
    bound: (kind) => (kind === 'max' || kind === 'min' ? SAME : kind === 'pow' ? ULPS : ONE_ROUNDING),
  },
};

const family = 'elementwise';

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

const operate =
  (kind: BinaryKind): ((a: Tensor, b: Tensor) => Tensor) =>
  (a, b) =>
    binaryOp.apply([a, b], { kind });

const of = (
  kind: BinaryKind,
  what: string,
  inputs: readonly InputSpec[],
  more: Partial<Case> = {},
  run: (a: Tensor, b: Tensor) => Tensor | readonly Tensor[] = operate(kind),
): Case =>
  define(family, `binary ${kind}`, `${kind}${what}`, inputs, (a, b) => run(a, b), {
    exact: !inexact.has(kind),
    ...more,
  });

const special = { special: true };
const unseen = { gradients: [] };

const primitives: Case[] = [
  ...binaryKinds.flatMap((kind) => {
    const [left, right] = binaryFills[kind];
    return forms.map(([form, a, b]) => of(kind, `, ${form}`, [f32(a, left), f32(b, right)]));
  }),
  ...(['add', 'sub', 'mul', 'div', 'max', 'min'] as const).flatMap((kind) => [
    of(kind, ' far', [f32([1031], wide), f32([1031], wide)], unseen),
    of(kind, ' of specials', [f32([22, 1], specials), f32([22], specials)], special),
  ]),
  of('pow', ' far', [f32([1031], range(1e-3, 50)), f32([1031], range(-20, 20))], unseen),
  of('pow', ', whole exponents of negative numbers', [f32([3, 4], nonzero), f32([4], values(0, 1, 2, 3))], {
    gradients: [0],
  }),
  of(
    'pow',
    ' of specials',
    [
      f32([9, 1], values(0, -0, 1, -1, 2.5, -0.5, NaN, Infinity, -Infinity)),
      f32([9], values(0, 1, -1, 2, -3, 0.5, NaN, Infinity, -Infinity)),
    ],
    special,
  ),
  of(
    'pow',
    '',
    [f32([40], values(0, -0, 1, -1, 2.5)), f32([40], values(0, 1, -1, 2, 3, 0.5, -2, -0))],
    { ...special, name: 'gradient of pow in the base, at its poles' },
    (a, b) => grad((x) => sum(operate('pow')(x, b)))(a),
  ),
  of(
    'pow',
    '',
    [f32([30], values(0, -0, 1, 2.5, 0.5)), f32([30], values(0, 1, 2, 3, 0.5, -0))],
    { ...special, name: 'gradient of pow in the exponent, at its poles' },
    (a, b) => grad((y) => sum(operate('pow')(a, y)))(b),
  ),
  ...(['add', 'sub', 'mul', 'max', 'min'] as const).flatMap((kind) => [
    of(kind, ' int32', [i32([4, 1, 3]), i32([5, 1])]),
    of(kind, ' int32 wraps', [
      i32([3, 1], values(2147483647, -2147483648, 123456789)),
      i32([3], values(1, -1, 987654321)),
    ]),
  ]),
  ...(['max', 'min'] as const).map((kind) => of(kind, ' bool', [bool([4, 3]), bool([3])])),
];

/** Limits as networks have them: one number, NaN on the other side. */
const limits: Case[] = ([6, -0.5, 0, -0, NaN, Infinity, -Infinity] as const).flatMap((limit) =>
  ([[], [1]] as const).flatMap((shape) =>
    (['max', 'min'] as const).flatMap((kind) => {
      const [all, one] = [f32([22], specials), f32(shape, values(limit))];
      const text = `${Object.is(limit, -0) ? '-0' : limit} [${shape.join()}]`;
      return [
        of(kind, ` of specials and ${text}`, [all, one], special),
        of(kind, ` of ${text} and specials`, [one, all], special),
      ];
    }),
  ),
);

const compositeCases: Case[] = [
  ...(
    [
      ['clip', (x: Tensor): Tensor => clip(x, -1, 1)],
      ['relu6', relu6],
      ['hardtanh', (x: Tensor): Tensor => hardtanh(x, -2, 3)],
    ] as const
  ).map(([op, run]) =>
    define('composite', op, `${op} of specials`, f32([22], specials), (x) => run(x), special),
  ),
  define('composite', 'clip', 'clip', f32([5, 7], range(-3, 3)), (x) => clip(x, -1.0625, 1.0625), {
    exact: false,
  }),
];

export const binaryCases: readonly Case[] = [...primitives, ...limits, ...compositeCases];
