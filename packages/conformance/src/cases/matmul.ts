import { matmul, type Shape } from '@graftjs/core';
import { matmulOp } from '@graftjs/core/extend';
import type { Case } from './case.ts';
import { f32, nonfinite, values } from './data.ts';

const family = 'matmul';

/** m, k, n: single rows and columns, nothing at all, on both sides of the tiles that kernels like (4, 8, 16). */
const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 7, 1],
  [1, 5, 9],
  [9, 5, 1],
  [3, 4, 5],
  [4, 8, 8],
  [5, 9, 17],
  [16, 16, 16],
  [2, 100, 3],
  [37, 65, 50],
  [3, 0, 2],
  [0, 3, 2],
];

const product = (
  batch: Shape,
  [m, k, n]: readonly [number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): Case => ({
  name: `matmul [${[...batch, m, k].join()}]${transposeA ? 'ᵀ' : ''} × [${[...batch, k, n].join()}]${transposeB ? 'ᵀ' : ''}`,
  op: 'matmul',
  family,
  inputs: [
    f32([...batch, ...(transposeA ? [k, m] : [m, k])]),
    f32([...batch, ...(transposeB ? [n, k] : [k, n])]),
  ],
  run: (a, b) => matmulOp.apply([a, b], { transposeA, transposeB }),
});

const transposed = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

export const matmulCases: readonly Case[] = [
  ...sizes.flatMap((size) => transposed.map(([a, b]) => product([], size, a, b))),
  ...transposed.map(([a, b]) => product([2, 3], [3, 5, 4], a, b)),
  product([0], [2, 3, 4], false, false),
  {
    name: 'matmul with infinities and NaN',
    op: 'matmul',
    family,
    inputs: [f32([5, 7], nonfinite), f32([7, 6], values(0, 1, -0.5, 2, 0))],
    run: (a, b) => matmulOp.apply([a, b], { transposeA: false, transposeB: false }),
    special: true,
  },
  {
    name: 'matmul, the batch axes broadcast',
    op: 'matmul',
    family,
    inputs: [f32([2, 1, 3, 4]), f32([5, 4, 2])],
    run: (a, b) => matmul(a, b),
  },
];
