import {
  broadcastTo,
  concat,
  flip,
  gather,
  index,
  pad,
  reshape,
  sizeOf,
  split,
  stack,
  transpose,
  type PadAmounts,
  type Shape,
  type Tensor,
  type TensorSpec,
} from '@graftjs/core';
import { stridesOf, type OpAttrs, type Operand } from '@graftjs/core/backend';
import { sliceOp } from '@graftjs/core/extend';
import { errorAt } from '../bounds/bounded.ts';
import { inputError } from '../bounds/model.ts';
import { define, type Case } from '../cases/case.ts';
import { bool, f32, i32, type InputSpec } from '../cases/data.ts';
import { broadcastMap, coordinates, flat } from '../oracle/indexing.ts';
import { memo } from '../oracle/memo.ts';
import { fill, type Values } from '../oracle/values.ts';
import { SAME, type About, type AboutPrimitive } from './about.ts';

/** The ops that only move elements. */
type MovementOp = 'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo';

/** Where an output element comes from when it is `pad`'s constant. */
const CONSTANT = -1;

type MovementMap<N extends MovementOp> = (
  shapes: readonly Shape[],
  attrs: OpAttrs[N],
  output: Shape,
) => Int32Array;

const maps: { readonly [N in MovementOp]: MovementMap<N> } = {
  reshape: ([x]) => Int32Array.from({ length: sizeOf(x) }, (_, i) => i),
  transpose([x], { perm }, y) {
    const strides = stridesOf(x);
    return Int32Array.from(coordinates(y), (at) => at.reduce((from, p, i) => from + p * strides[perm[i]], 0));
  },
  slice: ([x], { start, step }, y) =>
    Int32Array.from(coordinates(y), (at) =>
      flat(
        x,
        at.map((p, i) => start[i] + p * step[i]),
      ),
    ),
  pad: ([x], { before, interior }, y) =>
    Int32Array.from(coordinates(y), (at) => {
      const from = at.map((p, i) => (p - before[i]) / (interior[i] + 1));
      return from.every((p, i) => Number.isInteger(p) && p >= 0 && p < x[i]) ? flat(x, from) : CONSTANT;
    }),
  concat(inputs, { axis }, y) {
    const from = inputs.flatMap((shape, k) => Array.from({ length: shape[axis] }, (_, at) => ({ k, at })));
    const offsets = inputs.map((_, k) => inputs.slice(0, k).reduce((n, s) => n + sizeOf(s), 0));
    return Int32Array.from(coordinates(y), (at) => {
      const piece = from[at[axis]];
      return offsets[piece.k] + flat(inputs[piece.k], at.with(axis, piece.at));
    });
  },
  broadcastTo: ([x], _, y) => broadcastMap(x, y),
};

/** For each output element its source, counted through the inputs as if they lay one behind the other; or `CONSTANT`. */
const movementMap: <N extends MovementOp>(name: N, ...args: Parameters<MovementMap<N>>) => Int32Array = memo(
  <N extends MovementOp>(name: N, ...args: Parameters<MovementMap<N>>): Int32Array => maps[name](...args),
);

/** Buffers one behind the other. */
function joined(inputs: readonly Operand<Values>[]): ArrayLike<number> {
  if (inputs.length === 1) return inputs[0].buffer;
  const all = new Float64Array(inputs.reduce((n, { buffer }) => n + buffer.length, 0));
  let at = 0;
  for (const { buffer } of inputs) {
    all.set(buffer, at);
    at += buffer.length;
  }
  return all;
}

/** Values and errors alike: each element from where the map says. */
function moved<N extends MovementOp>(name: N): AboutPrimitive<N> {
  const mapOf = (inputs: readonly Operand<unknown>[], attrs: OpAttrs[N], out: TensorSpec): Int32Array =>
    movementMap(
      name,
      inputs.map((t) => t.spec.shape),
      attrs,
      out.shape,
    );
  return {
    kernel({ number }, inputs, attrs, out) {
      const x = joined(inputs);
      const map = mapOf(inputs, attrs, out);
      const value = 'value' in attrs ? number(attrs.value) : 0;
      return fill(out, (i) => (map[i] === CONSTANT ? value : x[map[i]]));
    },
    // `pad`'s constant was rounded to float32.
    error(model, inputs, attrs, out) {
      const constant = 'value' in attrs ? inputError(model, attrs.value) : 0;
      if (constant === 0 && inputs.every((t) => t.buffer.error === null)) return null;
      const errors = inputs.flatMap((t) => Array.from(t.buffer.value, (_, i) => errorAt(t, i)));
      return Float64Array.from(mapOf(inputs, attrs, out), (from) =>
        from === CONSTANT ? constant : errors[from],
      );
    },
    bound: SAME,
  };
}

export const movement: About<MovementOp> = {
  reshape: moved('reshape'),
  transpose: moved('transpose'),
  slice: moved('slice'),
  pad: moved('pad'),
  concat: moved('concat'),
  broadcastTo: moved('broadcastTo'),
};

const family = 'movement';

export const moves = (
  op: string,
  what: string,
  inputs: InputSpec | readonly InputSpec[],
  run: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
): Case => define(family, op, `${op} ${what}`, inputs, run);

const reshapes: readonly (readonly [Shape, Shape])[] = [
  [
    [2, 3, 4],
    [4, 6],
  ],
  [[6], [1, 2, 1, 3]],
  [[1, 1], []],
  [[], [1]],
  [
    [0, 3],
    [3, 0, 2],
  ],
];

const transposes: readonly (readonly [Shape, readonly number[]])[] = [
  [[], []],
  [[5], [0]],
  [
    [3, 5],
    [1, 0],
  ],
  [
    [2, 3, 4],
    [2, 0, 1],
  ],
  [
    [2, 3, 4],
    [0, 2, 1],
  ],
  [
    [2, 5, 3, 7],
    [0, 2, 3, 1],
  ],
  [
    [2, 5, 3, 7],
    [0, 3, 1, 2],
  ],
  [
    [1, 1, 9, 1],
    [3, 2, 0, 1],
  ],
  [
    [2, 3, 2, 3, 2],
    [4, 2, 0, 3, 1],
  ],
  [
    [17, 33],
    [1, 0],
  ],
  [
    [0, 3, 2],
    [1, 2, 0],
  ],
];

const slices: readonly (readonly [Shape, number[], number[], number[]])[] = [
  [[7], [2], [3], [1]],
  [[7], [0], [4], [2]],
  [
    [9, 5],
    [1, 2],
    [3, 3],
    [3, 1],
  ],
  [
    [4, 5, 6],
    [3, 0, 5],
    [1, 5, 1],
    [1, 1, 4],
  ],
  [
    [2, 3, 8, 8],
    [0, 1, 0, 1],
    [2, 2, 4, 3],
    [1, 1, 2, 3],
  ],
  [
    [3, 4],
    [3, 0],
    [0, 4],
    [1, 1],
  ],
  [
    [0, 4],
    [0, 1],
    [0, 2],
    [1, 2],
  ],
  [[], [], [], []],
];

const pads: readonly (readonly [Shape, PadAmounts])[] = [
  [[5], { before: [2], after: [1] }],
  [[5], { before: [0], after: [0], interior: [2] }],
  [[3, 4], { before: [1, 0], after: [0, 3], interior: [1, 0], value: -2.5 }],
  [[2, 3], { before: [0, 1], after: [1, 0], value: -Infinity }],
  [[2, 1, 3, 3], { before: [0, 0, 1, 2], after: [0, 0, 2, 1], interior: [0, 0, 1, 1] }],
  [[0, 2], { before: [1, 0], after: [2, 1], interior: [3, 0] }],
  [[1, 2], { before: [0, 0], after: [0, 0], interior: [4, 4] }],
  [[], { before: [], after: [] }],
];

const concats: readonly (readonly [number, readonly Shape[]])[] = [
  [0, [[3]]],
  [0, [[3], [1], [4]]],
  [
    1,
    [
      [2, 3],
      [2, 1],
      [2, 2],
      [2, 5],
    ],
  ],
  [
    2,
    [
      [2, 1, 3],
      [2, 1, 1],
    ],
  ],
  [
    1,
    [
      [2, 3, 2, 2],
      [2, 5, 2, 2],
    ],
  ],
  [
    3,
    [
      [1, 2, 2, 3],
      [1, 2, 2, 4],
    ],
  ],
  [
    0,
    [
      [0, 2],
      [3, 2],
    ],
  ],
];

const broadcasts: readonly (readonly [Shape, Shape])[] = [
  [[], [2, 3]],
  [[3], [2, 3]],
  [
    [2, 1],
    [2, 3],
  ],
  [[1], [0]],
  [
    [3, 1, 1],
    [2, 3, 4, 5],
  ],
  [
    [2, 1, 3, 1],
    [2, 4, 3, 5],
  ],
  [
    [1, 1, 2],
    [3, 1, 2],
  ],
  [
    [2, 3],
    [2, 3],
  ],
];

const primitives: Case[] = [
  ...reshapes.map(([from, to]) =>
    moves('reshape', `[${from.join()}] to [${to.join()}]`, f32(from), (x) => reshape(x, to)),
  ),
  ...transposes.map(([shape, perm]) =>
    moves('transpose', `[${shape.join()}] by [${perm.join()}]`, f32(shape), (x) => transpose(x, perm)),
  ),
  ...slices.map(([shape, start, size, step]) =>
    moves(
      'slice',
      `[${shape.join()}] from ${start.join()} size ${size.join()} step ${step.join()}`,
      f32(shape),
      (x) => sliceOp.apply([x], { start, size, step }),
    ),
  ),
  ...pads.map(([shape, amounts], i) => ({
    ...moves('pad', `[${shape.join()}] ${i}`, f32(shape), (x) => pad(x, amounts)),
    ...(amounts.value === -Infinity && { gradients: [] }),
  })),
  ...concats.map(([axis, shapes]) =>
    moves(
      'concat',
      `axis ${axis} of [${shapes.join('], [')}]`,
      shapes.map((s) => f32(s)),
      (...x) => concat(x, axis),
    ),
  ),
  ...broadcasts.map(([from, to]) =>
    moves('broadcastTo', `[${from.join()}] to [${to.join()}]`, f32(from), (x) => broadcastTo(x, to)),
  ),
];

/** Other dtypes go the same ways. */
const dtypes: Case[] = [i32, bool].flatMap((make) => {
  const { dtype } = make([]);
  return [
    moves('reshape', dtype, make([2, 6]), (x) => reshape(x, [3, 4])),
    moves('transpose', dtype, make([2, 3, 4]), (x) => transpose(x, [1, 2, 0])),
    moves('slice', dtype, make([5, 4]), (x) =>
      sliceOp.apply([x], { start: [1, 0], size: [2, 3], step: [2, 1] }),
    ),
    moves('pad', dtype, make([3, 2]), (x) =>
      pad(x, { before: [1, 0], after: [0, 2], interior: [0, 1], value: 1 }),
    ),
    moves('concat', dtype, [make([2, 3]), make([2, 2])], (...x) => concat(x, 1)),
    moves('broadcastTo', dtype, make([3, 1]), (x) => broadcastTo(x, [2, 3, 4])),
  ];
});

const composites: Case[] = [
  moves('index', 'numbers, ranges and steps', f32([4, 6, 5]), (x) => index(x, -1, [1, 6, 2], null)),
  moves('flip', 'two axes', f32([3, 4, 2]), (x) => flip(x, [0, 2])),
  moves('stack', 'along a middle axis', [f32([2, 3]), f32([2, 3]), f32([2, 3])], (...x) => stack(x, 1)),
  moves('gather', 'by numbers', f32([4, 3]), (x) => gather(x, [3, 0, 0], 0)),
  moves('split', 'into three', f32([2, 6, 2]), (x) => split(x, [1, 2, 3], 1)),
].map((c): Case => ({ ...c, family: 'composite' }));

export const movementCases: readonly Case[] = [...primitives, ...dtypes, ...composites];
