import { matmul, type Shape } from '@graftjs/core';
import { matmulOp } from '@graftjs/core/extend';
import { define, type Case } from '../cases/case.ts';
import { f32, nonfinite, values } from '../cases/data.ts';
import { bilinear } from './bilinear.ts';
import type { About } from './about.ts';

export const product: About<'matmul'> = { matmul: bilinear('matmul') };

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

const multiplied = (
  batch: Shape,
  [m, k, n]: readonly [number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): Case =>
  define(
    family,
    'matmul',
    `matmul [${[...batch, m, k].join()}]${transposeA ? 'ᵀ' : ''} × [${[...batch, k, n].join()}]${transposeB ? 'ᵀ' : ''}`,
    [f32([...batch, ...(transposeA ? [k, m] : [m, k])]), f32([...batch, ...(transposeB ? [n, k] : [k, n])])],
    (a, b) => matmulOp.apply([a, b], { transposeA, transposeB }),
  );

const transposed = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

export const matmulCases: readonly Case[] = [
  ...sizes.flatMap((size) => transposed.map(([a, b]) => multiplied([], size, a, b))),
  ...transposed.map(([a, b]) => multiplied([2, 3], [3, 5, 4], a, b)),
  multiplied([0], [2, 3, 4], false, false),
  define(
    family,
    'matmul',
    'matmul with infinities and NaN',
    [f32([5, 7], nonfinite), f32([7, 6], values(0, 1, -0.5, 2, 0))],
    (a, b) => matmul(a, b),
    { special: true },
  ),
  define(family, 'matmul', 'matmul, the batch axes broadcast', [f32([2, 1, 3, 4]), f32([5, 4, 2])], (a, b) =>
    matmul(a, b),
  ),
];
