import * as core from '@graftjs/core';
import { ShapeError, sizeOf, type Tensor } from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { boundedShape } from '../host-array.ts';
import { number, numbers, onTensors, tensorAt, type GraphOp, type Inputs } from './operation.ts';

function spaceToBatch(x: Inputs, a: Attrs): Tensor {
  const block = numbers(a, 'block');
  const amounts = pairs(a, 'paddings', block.length);
  const rest = tensorAt(x, 0).rank - 1 - block.length;
  const around = (k: number): number[] => [
    0,
    ...amounts.map((p) => p[k]!),
    ...new Array<number>(rest).fill(0),
  ];
  boundedShape(tensorAt(x, 0).shape.map((d, i) => d + around(0)[i]! + around(1)[i]!));
  const y = core.pad(tensorAt(x, 0), { before: around(0), after: around(1), value: 0 });
  const [n = 1, ...extents] = y.shape;
  const [space, tail] = [extents.slice(0, block.length), extents.slice(block.length)];
  const parts = space.flatMap((d, i) => [d / block[i]!, block[i]!]);
  const [odd, even] = [block.map((_, i) => 2 * i + 2), block.map((_, i) => 2 * i + 1)];
  const behind = tail.map((_, i) => 2 * block.length + 1 + i);
  const cut = core.transpose(core.reshape(y, [n, ...parts, ...tail]), [...odd, 0, ...even, ...behind]);
  return core.reshape(cut, [n * sizeOf(block), ...space.map((d, i) => d / block[i]!), ...tail]);
}
function batchToSpace(x: Inputs, a: Attrs): Tensor {
  const block = numbers(a, 'block');
  const crops = pairs(a, 'crops', block.length);
  const { shape } = tensorAt(x, 0);
  const [space, tail] = [shape.slice(1, block.length + 1), shape.slice(block.length + 1)];
  const n = shape[0]! / sizeOf(block);
  const many = block.length;
  const order = [
    many,
    ...block.flatMap((_, i) => [many + 1 + i, i]),
    ...tail.map((_, i) => 2 * many + 1 + i),
  ];
  const y = core.reshape(
    core.transpose(core.reshape(tensorAt(x, 0), [...block, n, ...shape.slice(1)]), order),
    [n, ...space.map((d, i) => d * block[i]!), ...tail],
  );
  return crops.reduce((z, [lo, hi], i) => core.slice(z, i + 1, lo, z.shape[i + 1]! - hi), y);
}
/** An attribute that is a list of pairs. */
function pairs(a: Attrs, key: string, count: number): [number, number][] {
  const v = a[key];
  const isPair = (p: unknown): p is [number, number] =>
    Array.isArray(p) && p.length === 2 && p.every((d) => Number.isSafeInteger(d) && d >= 0);
  if (!Array.isArray(v) || v.length !== count || !v.every(isPair))
    throw new ShapeError(`attribute '${key}' must be ${count} pairs of numbers`);
  return v;
}

export const blocks: Readonly<Record<string, GraphOp>> = onTensors({
  depthToSpace: (x, a) =>
    core.pixelShuffle(tensorAt(x, 0), number(a, 'block', 1), { order: a['columnFirst'] ? 'CRD' : 'DCR' }),
  spaceToDepth: (x, a) => core.pixelUnshuffle(tensorAt(x, 0), number(a, 'block', 1), { order: 'DCR' }),
  /**
   * What lies `block` apart along the axes behind the batch becomes further samples, and back: TensorFlow's SpaceToBatchND
   * and BatchToSpaceND, with `paddings` before, and `crops` after it.
   */
  spaceToBatch,
  batchToSpace,
});
