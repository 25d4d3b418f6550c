import fc from 'fast-check';
import {
  broadcastTo,
  concat,
  max,
  pad,
  reshape,
  sum,
  transpose,
  type Shape,
  type Tensor,
} from '@graftjs/core';
import { binaryOp, gatherOp, matmulOp, scatterAddOp, sliceOp } from '@graftjs/core/extend';
import type { Case, Family } from './cases/case.ts';
import { convCasesOf } from './primitives/conv.ts';
import { convAffineCase } from './cases/fused.ts';
import { distinct, f32, i32, indices, type InputSpec } from './cases/data.ts';
import { LAYOUTS, type ConvGeometry, type PoolGeometry } from './cases/geometry.ts';
import { poolCasesOf } from './primitives/pool.ts';
import { checkAll, describeFailure, type Subject } from './check.ts';

/** Random cases of one family: what holds for the listed cases must hold for all of these. */
export interface Property {
  readonly name: string;
  readonly cases: fc.Arbitrary<readonly Case[]>;
  readonly runs: number;
}

const SEED = 20240501;

const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const layouts = fc.constantFrom(...LAYOUTS);

/** Extents per axis along with the window that fits them. */
interface Axis {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: readonly [number, number];
}

/** Any window on one axis that fits; a pool's padding is at most half of the window. */
function axis(most: number, forPool: boolean): fc.Arbitrary<Axis> {
  return fc
    .record({ kernel: int(1, most), stride: int(1, 4), dilation: int(1, 3), room: int(0, 2 * most) })
    .chain(({ kernel, stride, dilation, room }) => {
      const reach = dilation * (kernel - 1) + 1;
      const limit = forPool ? Math.floor(reach / 2) : 3;
      return fc.tuple(int(0, limit), int(0, limit)).map((padding) => ({
        ...{ kernel, stride, dilation, padding },
        input: Math.max(1, reach - padding[0] - padding[1]) + room,
      }));
    });
}

/** One, two or three axes; the more, the smaller. */
function axes(forPool: boolean): fc.Arbitrary<Axis[]> {
  return int(1, 3).chain((rank) =>
    fc.array(axis([5, 4, 2][rank - 1], forPool), { minLength: rank, maxLength: rank }),
  );
}

const columns = (
  list: readonly Axis[],
): Pick<ConvGeometry, 'input' | 'kernel' | 'stride' | 'dilation' | 'padding'> => ({
  input: list.map((a) => a.input),
  kernel: list.map((a) => a.kernel),
  stride: list.map((a) => a.stride),
  dilation: list.map((a) => a.dilation),
  padding: list.map((a) => a.padding),
});

const convolutions = fc
  .record({
    list: axes(false),
    batch: int(0, 2),
    groups: int(1, 3),
    ins: int(1, 5),
    outs: int(1, 4),
    layout: layouts,
    after: fc.record({
      scale: fc.boolean(),
      shift: fc.boolean(),
      activation: fc.constantFrom('none', 'relu', 'relu6'),
    }),
  })
  .map(({ list, batch, groups, ins, outs, layout, after }) => {
    const sizes = { ...columns(list), batch, groups, channels: groups * ins, filters: groups * outs };
    const g = { ...sizes, what: JSON.stringify(sizes) };
    return [...convCasesOf(g, layout), convAffineCase(g, layout, after)];
  });

const pools = fc
  .record({
    list: axes(true),
    batch: int(0, 2),
    channels: int(1, 6),
    ceilMode: fc.boolean(),
    layout: layouts,
  })
  .map(({ list, layout, ...rest }) => {
    const g: Omit<PoolGeometry, 'what'> = { ...columns(list), ...rest };
    return poolCasesOf({ ...g, what: JSON.stringify(g) }, layout);
  });

const extents = (rank: number, least = 0): fc.Arbitrary<number[]> =>
  fc.array(int(least, 5), { minLength: rank, maxLength: rank });
const shapes = (least = 0): fc.Arbitrary<number[]> => int(0, 4).chain((rank) => extents(rank, least));

function one(
  op: string,
  family: Family,
  what: unknown,
  inputs: InputSpec[],
  run: (...inputs: Tensor[]) => Tensor,
): Case[] {
  return [{ name: `random ${op} ${JSON.stringify(what)}`, op, family, inputs, run }];
}
const moves = (
  op: string,
  what: unknown,
  inputs: InputSpec[],
  run: (...inputs: Tensor[]) => Tensor,
): Case[] => one(op, 'movement', what, inputs, run);

const perAxis = <T>(shape: Shape, each: (extent: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.tuple(...shape.map(each));

const movements: fc.Arbitrary<readonly Case[]> = shapes().chain((shape) => {
  const rank = shape.length;
  const order = fc.shuffledSubarray([...shape.keys()], { minLength: rank });
  const one_axis = int(0, Math.max(rank - 1, 0));
  const all: fc.Arbitrary<Case[]>[] = [
    order.map((perm) => moves('transpose', { shape, perm }, [f32(shape)], (x) => transpose(x, perm))),
    order.map((perm) => {
      const to = perm.map((i) => shape[i]);
      return moves('reshape', { shape, to }, [f32(shape)], (x) => reshape(x, to));
    }),
    perAxis(shape, (n) =>
      fc
        .record({ start: int(0, n), step: int(1, 3), part: fc.double({ min: 0, max: 1, noNaN: true }) })
        .map((s) => ({
          ...s,
          size: Math.round(s.part * Math.ceil((n - s.start) / s.step)),
        })),
    ).map((list) => {
      const [start, size, step] = [
        list.map((s) => s.start),
        list.map((s) => s.size),
        list.map((s) => s.step),
      ];
      return moves('slice', { shape, start, size, step }, [f32(shape)], (x) =>
        sliceOp.apply([x], { start, size, step }),
      );
    }),
    perAxis(shape, () => fc.tuple(int(0, 2), int(0, 2), int(0, 2))).map((list) => {
      const [before, after, interior] = [0, 1, 2].map((k) => list.map((p) => p[k]));
      return moves('pad', { shape, list }, [f32(shape)], (x) =>
        pad(x, { before, after, interior, value: 3 }),
      );
    }),
    fc
      .tuple(
        perAxis(shape, () => fc.boolean()),
        int(0, rank),
      )
      .map(([repeated, drop]) => {
        const from = shape.map((n, i) => (repeated[i] ? 1 : n)).slice(drop);
        return moves('broadcastTo', { from, shape }, [f32(from)], (x) => broadcastTo(x, shape));
      }),
  ];
  if (rank > 0) {
    all.push(
      fc.tuple(one_axis, fc.array(int(0, 4), { minLength: 1, maxLength: 4 })).map(([at, sizes]) => {
        const inputs = sizes.map((n) => f32(shape.with(at, n)));
        return moves('concat', { shape, at, sizes }, inputs, (...x) => concat(x, at));
      }),
      fc
        .tuple(one_axis, int(1, 6), int(0, 7))
        .map(([at, size, n]) => [
          ...moves(
            'gather',
            { shape, at, size, n },
            [f32(shape.with(at, size)), i32([n], indices(size))],
            (x, index) => gatherOp.apply([x, index], { axis: at }),
          ),
          ...moves(
            'scatterAdd',
            { shape, at, size, n },
            [f32(shape.with(at, n)), i32([n], indices(size))],
            (x, index) => scatterAddOp.apply([x, index], { axis: at, size }),
          ),
        ]),
    );
  }
  return fc.oneof(...all);
});

const reductions: fc.Arbitrary<readonly Case[]> = shapes(1).chain((shape) =>
  fc
    .tuple(fc.subarray([...shape.keys()]), fc.boolean())
    .map(([list, keepDims]) => [
      ...one('reduce sum', 'reduce', { shape, list, keepDims }, [f32(shape)], (x) =>
        sum(x, list, { keepDims }),
      ),
      ...one('reduce max', 'reduce', { shape, list, keepDims }, [f32(shape, distinct)], (x) =>
        max(x, list, { keepDims }),
      ),
    ]),
);

const broadcasts: fc.Arbitrary<readonly Case[]> = fc
  .tuple(shapes(), fc.constantFrom('add', 'sub', 'mul'), fc.infiniteStream(fc.boolean()), fc.boolean())
  .map(([shape, kind, coins, swap]) => {
    const some = (): Shape => {
      const alike = shape.map((n) => (coins.next().value === true ? 1 : n));
      return alike.slice(coins.next().value === true ? Math.min(1, alike.length) : 0);
    };
    const pair = swap ? [some(), shape] : [shape, some()];
    return one(`binary ${kind}`, 'elementwise', pair, [f32(pair[0]), f32(pair[1])], (a, b) =>
      binaryOp.apply([a, b], { kind: kind as 'add' }),
    );
  });

const products: fc.Arbitrary<readonly Case[]> = fc
  .tuple(
    fc.array(int(0, 3), { maxLength: 2 }),
    int(0, 20),
    int(0, 20),
    int(0, 20),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([batch, m, k, n, transposeA, transposeB]) =>
    one(
      'matmul',
      'matmul',
      { batch, m, k, n, transposeA, transposeB },
      [
        f32([...batch, ...(transposeA ? [k, m] : [m, k])]),
        f32([...batch, ...(transposeB ? [n, k] : [k, n])]),
      ],
      (a, b) => matmulOp.apply([a, b], { transposeA, transposeB }),
    ),
  );

export const properties: readonly Property[] = [
  { name: 'convolutions and their gradients', cases: convolutions, runs: 60 },
  { name: 'pools and their gradients', cases: pools, runs: 50 },
  { name: 'movements', cases: movements, runs: 150 },
  { name: 'reductions', cases: reductions, runs: 50 },
  { name: 'broadcasting', cases: broadcasts, runs: 80 },
  { name: 'matrix products', cases: products, runs: 40 },
];

/** Looks for a counterexample, and for the smallest like it. Null: none was found. The seed is fixed. */
export async function checkProperty({ cases, runs }: Property, subject: Subject): Promise<string | null> {
  const holds = fc.asyncProperty(cases, async (list) => {
    const failed = (await checkAll(subject, list)).filter(({ status }) => status === 'failed');
    if (failed.length) throw new Error(failed.map(describeFailure).join('\n'));
  });
  const details = await fc.check(holds, { seed: SEED, numRuns: runs });
  return fc.defaultReportMessage(details) ?? null;
}
