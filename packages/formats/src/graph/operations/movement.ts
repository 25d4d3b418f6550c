import * as core from '@graftjs/core';
import { isTensor, ShapeError, sizeOf, type DType, type Tensor } from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { boundedLists, boundedShape, hostArray, toTensor } from '../host-array.ts';
import {
  number,
  numbers,
  numbersAt,
  optionalNumbers,
  tensorAt,
  type GraphOp,
  type Inputs,
} from './arguments.ts';
import { axisOf, reshapeTarget, sliceRanges } from './axes.ts';

/** `axes` of extent 1 removed; negative ones count from the end. */
function squeeze(x: Tensor, axes: readonly number[]): Tensor {
  return [...axes]
    .map((i) => (i < 0 ? i + x.rank : i))
    .sort((i, j) => j - i)
    .reduce((y, axis) => core.squeeze(y, axis), x);
}

export const movement: Readonly<Record<string, GraphOp>> = {
  identity: (x) => x[0]!,
  /** The extents of axes `start` (default 0) to `end` (default all): computed at once, whatever the batch. */
  shape(x, a) {
    const { shape } = tensorAt(x, 0);
    const end = typeof a['end'] === 'number' ? a['end'] : undefined;
    const part = shape.slice(number(a, 'start', 0), end);
    return hostArray('int32', [part.length], part);
  },
  /** x, and the shape as an attribute or as a second input. `copyZeros`: an extent 0 stands for the one that is there. */
  reshape(x, a) {
    const input = tensorAt(x, 0);
    const wanted = x.length > 1 ? numbersAt(x, 1) : numbers(a, 'shape');
    return core.reshape(input, reshapeTarget(input.shape, wanted, a));
  },
  /** To two axes, cut in front of `axis`. */
  flatten(x, a) {
    const { shape } = tensorAt(x, 0);
    const axis = number(a, 'axis', 1);
    const at = axis < 0 ? axis + shape.length : axis;
    if (!(at >= 0 && at <= shape.length))
      throw new ShapeError(`flatten from axis ${axis} of ${shape.length} axes`);
    return core.reshape(tensorAt(x, 0), [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
  },
  transpose: (x, a) => core.transpose(tensorAt(x, 0), optionalNumbers(a, 'perm')),
  squeeze(x, a) {
    const axes = numbers(a, 'axes');
    return axes.length ? squeeze(tensorAt(x, 0), axes) : core.squeeze(tensorAt(x, 0));
  },
  expandDims: (x, a) => core.expandDims(tensorAt(x, 0), number(a, 'axis', 0)),
  /** New axes of extent 1, at `axes` of the result. */
  unsqueeze(x, a) {
    const input = tensorAt(x, 0);
    const axes = numbers(a, 'axes');
    const rank = input.rank + axes.length;
    const at = axes.map((i) => (i < 0 ? i + rank : i)).sort((i, j) => i - j);
    return at.reduce((y, axis) => core.expandDims(y, axis), input);
  },
  concat(x, a) {
    const inputs = x.map((_, i) => tensorAt(x, i));
    boundedShape([inputs.reduce((n, t) => n + t.size, 0)]);
    return core.concat(inputs, number(a, 'axis', 0));
  },
  /**
   * `mode`: 'constant' (the default, with a `value`), 'reflect', 'edge' or 'wrap'; negative amounts cut off. How much, of
   * all axes or of `axes`: attributes `before` and `after`, or the second input, all the amounts before and then those after.
   */
  pad(x, a) {
    const input = tensorAt(x, 0);
    const { before, after } = padAmounts(x, a, input.rank);
    boundedShape(input.shape.map((d, i) => d + Math.max(before[i]!, 0) + Math.max(after[i]!, 0)));
    const kept = input.shape.reduce((y, d, i) => {
      const [cut, rest] = [Math.max(-before[i]!, 0), Math.max(-after[i]!, 0)];
      return cut || rest ? core.slice(y, i, cut, Math.max(d - rest, cut)) : y;
    }, input);
    if (a['mode'] !== undefined && a['mode'] !== 'constant')
      boundedLists([...before, ...after].map(Math.abs));
    const amounts = {
      before: before.map((n) => Math.max(n, 0)),
      after: after.map((n) => Math.max(n, 0)),
    };
    switch (a['mode']) {
      case 'reflect':
        return core.padReflect(kept, amounts);
      case 'edge':
        return core.padReplicate(kept, amounts);
      case 'wrap':
        return padWrapped(kept, amounts.before, amounts.after);
      default:
        return core.pad(kept, { ...amounts, value: number(a, 'value', 0) });
    }
  },
  /** See `sliceRanges`; starts and ends may be further inputs. `drop`: axes of extent 1 to remove. */
  slice(x, a) {
    const input = tensorAt(x, 0);
    const given = x.length > 2 ? [numbersAt(x, 1), numbersAt(x, 2)] : [];
    const cut = sliceRanges(input.shape, a, ...given).reduce((y, { start, size, step }, axis) => {
      if (start === 0 && step === 1 && size === y.shape[axis]) return y;
      if (step > 0) return core.slice(y, axis, start, start + Math.max((size - 1) * step + 1, 0), step);
      return core.gather(
        y,
        Array.from({ length: size }, (_, i) => start + i * step),
        axis,
      );
    }, input);
    return squeeze(cut, optionalNumbers(a, 'drop') ?? []);
  },
  /** Part `index` of `count` along `axis`; all are as large as the first, but the last. */
  part(x, a) {
    const input = tensorAt(x, 0);
    const axis = number(a, 'axis', 0);
    const size = Math.ceil((input.shape.at(axis) ?? 0) / number(a, 'count', 1));
    const at = number(a, 'index', 0) * size;
    return core.slice(input, axis, at, at + size);
  },
  /** x, indices (of any shape, counted from the end where negative), along `axis`. */
  gather(x, a) {
    const input = tensorAt(x, 0);
    const axis = number(a, 'axis', 0);
    const at = axisOf(axis, input.rank);
    const extent = input.shape[at] ?? 1;
    const given = x[1]!;
    if (isTensor(given)) {
      const wrapped = core.select(core.less(given, 0), core.add(given, extent), given);
      return pick(input, core.flatten(wrapped, 0), given.shape, at);
    }
    const shape = typeof given === 'number' ? [] : given.shape;
    const indices = numbersAt(x, 1).map((i) => (i < 0 ? i + extent : i));
    if (indices.some((i) => !(i >= 0 && i < extent)))
      throw new ShapeError(
        `index ${indices.find((i) => !(i >= 0 && i < extent))} of an axis of extent ${extent}`,
      );
    return pick(input, toTensor(hostArray('int32', [indices.length], indices), input), shape, at);
  },
  /**
   * What lies `block` apart along the axes behind the batch becomes further samples, and back: TensorFlow's SpaceToBatchND
   * and BatchToSpaceND, with `paddings` before, and `crops` after it.
   */
  spaceToBatch(x, a) {
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
  },
  batchToSpace(x, a) {
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
  },
  /** x, shape: broadcasts both to each other. */
  expand(x) {
    const input = tensorAt(x, 0);
    const wanted = numbersAt(x, 1);
    const rank = Math.max(input.rank, wanted.length);
    const shape = Array.from({ length: rank }, (_, i) => {
      const [own, other] = [input.shape[i - rank + input.rank] ?? 1, wanted[i - rank + wanted.length] ?? 1];
      return own === 1 ? other : own;
    });
    return core.broadcastTo(input, boundedShape(shape));
  },
  /** shape → a tensor of it, full of `value`. */
  fill: (x, a) =>
    core.full(boundedShape(numbersAt(x, 0)), number(a, 'value', 0), { dtype: a['dtype'] as DType }),
};

/** An attribute that is a list of pairs. */
function pairs(a: Attrs, key: string, count: number): [number, number][] {
  const v = a[key];
  const isPair = (p: unknown): p is [number, number] =>
    Array.isArray(p) && p.length === 2 && p.every((d) => Number.isSafeInteger(d) && d >= 0);
  if (!Array.isArray(v) || v.length !== count || !v.every(isPair))
    throw new ShapeError(`attribute '${key}' must be ${count} pairs of numbers`);
  return v;
}

function padAmounts(x: Inputs, a: Attrs, rank: number): { before: number[]; after: number[] } {
  const given = x.length > 1 ? numbersAt(x, 1) : [...numbers(a, 'before'), ...numbers(a, 'after')];
  const axes = (optionalNumbers(a, 'axes') ?? Array.from({ length: rank }, (_, i) => i)).map((i) =>
    i < 0 ? i + rank : i,
  );
  if (given.length !== 2 * axes.length || !axes.every((i) => Number.isInteger(i) && i >= 0 && i < rank))
    throw new ShapeError(`padding by ${given.length} amounts of ${axes.length} of ${rank} axes`);
  const side = (from: number): number[] =>
    Array.from({ length: rank }, (_, i) => (axes.includes(i) ? given[from + axes.indexOf(i)]! : 0));
  return { before: side(0), after: side(axes.length) };
}

/** Pads with the other end: `a b c` → `b c a b c a b`. */
function padWrapped(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  return x.shape.reduce((y, n, axis) => {
    const [lo, hi] = [before[axis]!, after[axis]!];
    if (lo === 0 && hi === 0) return y;
    const from = Array.from({ length: lo + n + hi }, (_, i) => (((i - lo) % n) + n) % n);
    return core.gather(y, from, axis);
  }, x);
}

function pick(x: Tensor, flat: Tensor, shape: readonly number[], axis: number): Tensor {
  const target = [...x.shape.slice(0, axis), ...shape, ...x.shape.slice(axis + 1)];
  boundedShape(target);
  return core.reshape(core.gather(x, flat, axis), target);
}
