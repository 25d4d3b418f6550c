import {
  broadcastTo,
  concat,
  flip,
  gather,
  index,
  pad,
  reshape,
  split,
  stack,
  transpose,
  type PadAmounts,
  type Shape,
  type Tensor,
} from '@graftjs/core';
import { gatherOp, scatterAddOp, sliceOp } from '@graftjs/core/extend';
import type { Case } from './case.ts';
import { bool, f32, i32, indices, values, type InputSpec } from './data.ts';

const family = 'movement';

function moves(
  op: string,
  what: string,
  inputs: InputSpec | InputSpec[],
  run: (...inputs: Tensor[]) => Tensor,
): Case {
  return { name: `${op} ${what}`, op, family, inputs: Array.isArray(inputs) ? inputs : [inputs], run };
}

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

const gathers: readonly (readonly [Shape, number, number])[] = [
  [[6], 0, 9],
  [[5, 3], 0, 4],
  [[5, 3], 1, 7],
  [[2, 4, 3], 1, 4],
  [[2, 4, 3], 2, 1],
  [[4, 2], 0, 0],
];

const scatter = (x: Tensor, at: Tensor, axis: number, size: number): Tensor =>
  scatterAddOp.apply([x, at], { axis, size });

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
  ...gathers.flatMap(([shape, axis, n]) => [
    moves(
      'gather',
      `${n} of [${shape.join()}] on axis ${axis}`,
      [f32(shape), i32([n], indices(shape[axis]))],
      (x, at) => gatherOp.apply([x, at], { axis }),
    ),
    moves(
      'scatterAdd',
      `${n} into [${shape.join()}] on axis ${axis}`,
      [f32(shape.with(axis, n)), i32([n], indices(shape[axis]))],
      (x, at) => scatter(x, at, axis, shape[axis]),
    ),
  ]),
  moves('scatterAdd', 'all to one place', [f32([50, 2]), i32([50], values(1))], (x, at) =>
    scatter(x, at, 0, 3),
  ),
  moves('scatterAdd', 'int32', [i32([6]), i32([6], indices(3))], (x, at) => scatter(x, at, 0, 3)),
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
    moves('gather', dtype, [make([5, 2]), i32([3], indices(5))], (x, at) =>
      gatherOp.apply([x, at], { axis: 0 }),
    ),
  ];
});

const composites: Case[] = [
  moves('index', 'numbers, ranges and steps', f32([4, 6, 5]), (x) => index(x, -1, [1, 6, 2], null)),
  moves('flip', 'two axes', f32([3, 4, 2]), (x) => flip(x, [0, 2])),
  moves('stack', 'along a middle axis', [f32([2, 3]), f32([2, 3]), f32([2, 3])], (...x) => stack(x, 1)),
  moves('gather', 'by numbers', f32([4, 3]), (x) => gather(x, [3, 0, 0], 0)),
  {
    name: 'split into three',
    op: 'split',
    family,
    inputs: [f32([2, 6, 2])],
    run: (x: Tensor) => split(x, [1, 2, 3], 1),
  },
].map((c): Case => ({ ...c, family: 'composite' }));

export const movementCases: readonly Case[] = [...primitives, ...dtypes, ...composites];
