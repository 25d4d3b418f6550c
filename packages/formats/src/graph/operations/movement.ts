import * as core from '@graftjs/core';
import { isTensor, ShapeError, sizeOf, type DType, type Tensor } from '@graftjs/core';
import { broadcastStrides, stridesOf } from '@graftjs/core/backend';
import type { Attrs } from '../graph.ts';
import {
  boundedLists,
  boundedShape,
  hostArray,
  newHostArray,
  toTensor,
  type HostArray,
} from '../host-array.ts';
import { axisOf, flattened, reshapeTarget, sliceRanges, type AxisRange } from './axes.ts';
import { broadcast, largest, listOf, sameType, strided, without, withShape } from './host.ts';
import {
  number,
  numbers,
  numbersAt,
  optionalNumbers,
  tensorAt,
  type GraphOp,
  type Inputs,
} from './operation.ts';

/** `axes` of extent 1 removed; negative ones count from the end. */
function squeeze(x: Tensor, axes: readonly number[]): Tensor {
  return [...axes]
    .map((i) => (i < 0 ? i + x.rank : i))
    .sort((i, j) => j - i)
    .reduce((y, axis) => core.squeeze(y, axis), x);
}

/** How it is said of host arrays: `axes` of extent 1 removed, all such where none are named. */
function squeezeHost([x]: readonly HostArray[], a: Attrs): HostArray {
  const { shape } = x!;
  const axes = (optionalNumbers(a, 'axes') ?? []).map((i) => axisOf(i, shape.length));
  return withShape(x!, axes.length ? without(shape, axes) : shape.filter((d) => d !== 1));
}
/** New axes of extent 1, at `axes` of the result. */
function unsqueezeHost(x: HostArray, axes: readonly number[]): HostArray {
  const rank = x.shape.length + axes.length;
  const at = axes.map((i) => axisOf(i, rank));
  const rest = [...x.shape];
  return withShape(
    x,
    Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : rest.shift()!)),
  );
}

/** What only changes a shape, by what the shape, the attributes and further inputs say. */
const reshaping = (target: (shape: core.Shape, a: Attrs, given?: number[]) => number[]): GraphOp => ({
  run(x, a) {
    const input = tensorAt(x, 0);
    return core.reshape(input, target(input.shape, a, x.length > 1 ? numbersAt(x, 1) : undefined));
  },
  host: ([x, given], a) => withShape(x!, target(x!.shape, a, given && listOf(given))),
  keepsValues: true,
  movesChannels: true,
  nearClassifier: 'around',
});
/** What takes ranges of the axes. */
const cutting = (rangesOf: (shape: core.Shape, a: Attrs, ...given: number[][]) => AxisRange[]): GraphOp => ({
  run(x, a) {
    const input = tensorAt(x, 0);
    const given = x.length > 2 ? [numbersAt(x, 1), numbersAt(x, 2)] : [];
    const cut = rangesOf(input.shape, a, ...given).reduce((y, { start, size, step }, axis) => {
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
  host([x, ...given], a) {
    const ranges = rangesOf(x!.shape, a, ...given.map(listOf));
    const own = stridesOf(x!.shape);
    const start = ranges.reduce((n, r, i) => n + r.start * own[i]!, 0);
    const out = strided(
      x!,
      ranges.map((r) => r.size),
      ranges.map((r, i) => r.step * own[i]!),
      start,
    );
    return withShape(out, without(out.shape, optionalNumbers(a, 'drop') ?? []));
  },
});

function extentsOf(shape: core.Shape, a: Attrs): HostArray {
  const part = shape.slice(number(a, 'start', 0), number(a, 'end', shape.length));
  return hostArray('int32', [part.length], part);
}
function concatHost(inputs: readonly HostArray[], a: Attrs): HostArray {
  const first = inputs[0]!;
  const axis = axisOf(a['axis'], first.shape.length);
  for (const x of inputs) {
    sameType(first, x);
    if (x.shape.length !== first.shape.length || x.shape.some((d, i) => i !== axis && d !== first.shape[i]))
      throw new ShapeError(`[${x.shape.join(', ')}] does not fit [${first.shape.join(', ')}]`);
  }
  const extent = inputs.reduce((n, x) => n + x.shape[axis]!, 0);
  const out = newHostArray(first.dtype, first.shape.with(axis, extent), largest(inputs));
  const outer = sizeOf(first.shape.slice(0, axis));
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const x of inputs) {
      const n = x.values.length / outer;
      out.values.set(x.values.subarray(o * n, (o + 1) * n), at);
      at += n;
    }
  return out;
}
function gatherHost([x, indices]: readonly HostArray[], a: Attrs): HostArray {
  const axis = axisOf(a['axis'] ?? 0, x!.shape.length);
  const extent = x!.shape[axis]!;
  const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
  const out = newHostArray(x!.dtype, shape, x!.values.length);
  const inner = sizeOf(x!.shape.slice(axis + 1));
  const outer = sizeOf(x!.shape.slice(0, axis));
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const i of indices!.values) {
      const from = (o * extent + axisOf(i, extent, { what: 'index' })) * inner;
      out.values.set(x!.values.subarray(from, from + inner), at);
      at += inner;
    }
  return out;
}
/** Element `[i_perm[0], i_perm[1], …]` of the result is `[i_0, i_1, …]` of x; without `perm`, axes in reverse. */
export function permuted(x: HostArray, given?: readonly number[]): HostArray {
  const rank = x.shape.length;
  const perm = given ?? x.shape.map((_, i) => rank - 1 - i);
  if (perm.length !== rank || new Set(perm.map((p) => axisOf(p, rank))).size !== rank)
    throw new ShapeError(`[${perm.join(', ')}] is not a permutation of ${rank} axes`);
  const own = stridesOf(x.shape);
  return strided(
    x,
    perm.map((p) => x.shape[p]!),
    perm.map((p) => own[p]!),
  );
}
function tileHost([x, times]: readonly HostArray[]): HostArray {
  const each = listOf(times);
  if (each.length !== x!.shape.length)
    throw new ShapeError(`${each.length} repeats of ${x!.shape.length} axes`);
  const apart = strided(
    x!,
    x!.shape.flatMap((d, i) => [each[i]!, d]),
    stridesOf(x!.shape).flatMap((v) => [0, v]),
  );
  return withShape(
    apart,
    x!.shape.map((d, i) => d * each[i]!),
  );
}
function tile(x: Inputs): Tensor {
  const input = tensorAt(x, 0);
  const repeats = numbersAt(x, 1);
  if (repeats.length !== input.rank || repeats.some((r) => !(Number.isInteger(r) && r >= 0)))
    throw new ShapeError(`repeats [${repeats.join(', ')}] for ${input.rank} axes`);
  const shape = boundedShape(input.shape.map((d, i) => d * repeats[i]!));
  const apart = core.reshape(
    input,
    input.shape.flatMap((d) => [1, d]),
  );
  const wide = core.broadcastTo(
    apart,
    input.shape.flatMap((d, i) => [repeats[i]!, d]),
  );
  return core.reshape(wide, shape);
}
function pad(x: Inputs, a: Attrs): Tensor {
  const input = tensorAt(x, 0);
  const { before, after } = padAmounts(x, a, input.rank);
  boundedShape(input.shape.map((d, i) => d + Math.max(before[i]!, 0) + Math.max(after[i]!, 0)));
  const kept = input.shape.reduce((y, d, i) => {
    const [cut, rest] = [Math.max(-before[i]!, 0), Math.max(-after[i]!, 0)];
    return cut || rest ? core.slice(y, i, cut, Math.max(d - rest, cut)) : y;
  }, input);
  if (a['mode'] !== undefined && a['mode'] !== 'constant') boundedLists([...before, ...after].map(Math.abs));
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
}
function gather(x: Inputs, a: Attrs): Tensor {
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
}

export const movement: Readonly<Record<string, GraphOp>> = {
  identity: { run: (x) => x[0]!, host: (x) => x[0]!, keepsValues: true, nearClassifier: 'around' },
  /** The extents of axes `start` (default 0) to `end` (default all): computed at once, whatever the batch. */
  shape: {
    run: (x, a) => extentsOf(tensorAt(x, 0).shape, a),
    host: ([x], a) => extentsOf(x!.shape, a),
    element: 'int64',
    toHost: true,
    nearClassifier: 'around',
  },
  /** x, and the shape as an attribute or as a second input. `copyZeros`: an extent 0 stands for the one that is there. */
  reshape: reshaping((shape, a, given) => reshapeTarget(shape, given ?? numbers(a, 'shape'), a)),
  /** To two axes, cut in front of `axis`. */
  flatten: reshaping((shape, a) => flattened(shape, number(a, 'axis', 1))),
  transpose: {
    run: (x, a) => core.transpose(tensorAt(x, 0), optionalNumbers(a, 'perm')),
    host: ([x], a) => permuted(x!, optionalNumbers(a, 'perm')),
    keepsValues: true,
    nearClassifier: 'around',
  },
  squeeze: {
    run(x, a) {
      const axes = numbers(a, 'axes');
      return axes.length ? squeeze(tensorAt(x, 0), axes) : core.squeeze(tensorAt(x, 0));
    },
    host: squeezeHost,
    keepsValues: true,
    movesChannels: true,
    nearClassifier: 'around',
  },
  /** A new axis of extent 1, at `axis` of the result. */
  expandDims: {
    run: (x, a) => core.expandDims(tensorAt(x, 0), number(a, 'axis', 0)),
    host: ([x], a) => unsqueezeHost(x!, [number(a, 'axis', 0)]),
    keepsValues: true,
    movesChannels: true,
  },
  /** New axes of extent 1, at `axes` of the result. */
  unsqueeze: {
    run(x, a) {
      const input = tensorAt(x, 0);
      const axes = numbers(a, 'axes');
      const rank = input.rank + axes.length;
      const at = axes.map((i) => (i < 0 ? i + rank : i)).sort((i, j) => i - j);
      return at.reduce((y, axis) => core.expandDims(y, axis), input);
    },
    host: ([x], a) => unsqueezeHost(x!, optionalNumbers(a, 'axes') ?? []),
    keepsValues: true,
    movesChannels: true,
    nearClassifier: 'around',
  },
  concat: {
    run(x, a) {
      const inputs = x.map((_, i) => tensorAt(x, i));
      boundedShape([inputs.reduce((n, t) => n + t.size, 0)]);
      return core.concat(inputs, number(a, 'axis', 0));
    },
    host: concatHost,
    nearClassifier: 'around',
  },
  /**
   * `mode`: 'constant' (the default, with a `value`), 'reflect', 'edge' or 'wrap'; negative amounts cut off. How much, of
   * all axes or of `axes`: attributes `before` and `after`, or the second input, all the amounts before and then those after.
   */
  pad: { run: pad },
  /** See `sliceRanges`; starts and ends may be further inputs. `drop`: axes of extent 1 to remove. */
  slice: { ...cutting(sliceRanges), nearClassifier: 'around' },
  /** Part `index` of `count` along `axis`; all are as large as the first, but the last. */
  part: cutting((shape, a) => {
    const axis = number(a, 'axis', 0);
    const size = Math.ceil((shape.at(axis) ?? 0) / number(a, 'count', 1));
    const start = number(a, 'index', 0) * size;
    return sliceRanges(shape, { axes: [axis], starts: [start], ends: [start + size] });
  }),
  /** x, indices (of any shape, counted from the end where negative), along `axis`. */
  gather: { run: gather, host: gatherHost, movesChannels: true, nearClassifier: 'around' },
  /** x, how often each axis is repeated. */
  tile: { run: tile, host: tileHost },
  /** x, shape: broadcasts both to each other. */
  expand: {
    run(x) {
      const input = tensorAt(x, 0);
      const wanted = numbersAt(x, 1);
      const rank = Math.max(input.rank, wanted.length);
      const shape = Array.from({ length: rank }, (_, i) => {
        const [own, other] = [input.shape[i - rank + input.rank] ?? 1, wanted[i - rank + wanted.length] ?? 1];
        return own === 1 ? other : own;
      });
      return core.broadcastTo(input, boundedShape(shape));
    },
    host([x, shape]) {
      const to = broadcast([x!.shape, listOf(shape)]);
      return strided(x!, to, broadcastStrides(x!.shape, to.length));
    },
  },
  /** shape → a tensor of it, full of `value`. */
  fill: {
    run: (x, a) =>
      core.full(boundedShape(numbersAt(x, 0)), number(a, 'value', 0), { dtype: a['dtype'] as DType }),
    host([shape], a) {
      const out = newHostArray(a['dtype'] as DType, listOf(shape));
      out.values.fill(a['value'] as number);
      return out;
    },
  },
  /** start, end, step: what lies between, the end left out. */
  range: {
    host([start, end, step]) {
      const [a, b, s] = [start!.values[0]!, end!.values[0]!, step!.values[0]!];
      const n = Math.max(Math.ceil((b - a) / s), 0);
      const out = newHostArray(start!.dtype, [n]);
      for (let i = 0; i < n; i++) out.values[i] = a + i * s;
      return out;
    },
  },
};

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
