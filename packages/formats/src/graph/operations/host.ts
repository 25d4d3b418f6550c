import { ShapeError, sizeOf, type DType, type Shape } from '@graftjs/core';
import { stridesOf } from '@graftjs/core/backend';
import type { Attrs } from '../graph.ts';
import { axisOf, reshapeTarget, sliceRanges } from './axes.ts';
import { hostArray, newHostArray, type HostArray } from '../host-array.ts';

type Inputs = readonly HostArray[];
type HostOp = (inputs: Inputs, attrs: Attrs) => HostArray;

const intsOf = (a: Attrs, key: string): number[] | undefined => {
  const v = a[key];
  return Array.isArray(v) && v.every((x) => typeof x === 'number') ? (v as number[]) : undefined;
};
const list = (x: HostArray | undefined): number[] => Array.from(x?.values ?? []);
const largest = (inputs: Inputs): number => Math.max(0, ...inputs.map((x) => x.values.length));
const withShape = (x: HostArray, shape: Shape): HostArray => {
  if (sizeOf(shape) !== x.values.length)
    throw new ShapeError(`[${x.shape.join(', ')}] does not reshape to [${shape.join(', ')}]`);
  return { ...x, shape };
};

function broadcast(shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let extent = 1;
    for (const s of shapes) {
      const d = s[i - rank + s.length] ?? 1;
      if (d !== 1 && extent !== 1 && d !== extent)
        throw new ShapeError(
          `shapes ${shapes.map((x) => `[${x.join(', ')}]`).join(' and ')} do not broadcast`,
        );
      if (d !== 1) extent = d;
    }
    return extent;
  });
}

/** Calls `visit` with the flat position in each of `strides` for every index of `shape`, row-major. */
function walk(
  shape: Shape,
  strides: readonly (readonly number[])[],
  visit: (at: number[], i: number) => void,
): void {
  const index = new Array<number>(shape.length).fill(0);
  const at = strides.map(() => 0);
  const size = sizeOf(shape);
  for (let i = 0; i < size; i++) {
    visit(at, i);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      for (let k = 0; k < at.length; k++) at[k]! += strides[k]![axis]!;
      if (index[axis]! < shape[axis]!) break;
      for (let k = 0; k < at.length; k++) at[k]! -= strides[k]![axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** Strides for reading `from` as if it had the shape `to`: 0 along what is repeated. */
function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  const skip = to.length - from.length;
  return to.map((_, i) => (i < skip || from[i - skip] === 1 ? 0 : own[i - skip]!));
}

function elementwise(inputs: Inputs, dtype: DType, f: (...values: number[]) => number): HostArray {
  const shape = broadcast(inputs.map((x) => x.shape));
  const out = newHostArray(dtype, shape, largest(inputs));
  const strides = inputs.map((x) => broadcastStrides(x.shape, shape));
  const args = new Array<number>(inputs.length);
  walk(shape, strides, (at, i) => {
    for (let k = 0; k < args.length; k++) args[k] = inputs[k]!.values[at[k]!]!;
    out.values[i] = f(...args);
  });
  return out;
}

const unary =
  (f: (x: number) => number, dtype?: DType): HostOp =>
  (x) =>
    elementwise([x[0]!], dtype ?? x[0]!.dtype, f);
/** Values of different types do not mix. */
function same(a: HostArray, b: HostArray): DType {
  if (a.dtype !== b.dtype) throw new ShapeError(`types differ: ${a.dtype} and ${b.dtype}`);
  return a.dtype;
}
const binary =
  (f: (a: number, b: number) => number, ints = f): HostOp =>
  (x) => {
    const dtype = same(x[0]!, x[1]!);
    return elementwise([x[0]!, x[1]!], dtype, dtype === 'float32' ? f : ints);
  };
const compare =
  (f: (a: number, b: number) => boolean): HostOp =>
  (x) => {
    same(x[0]!, x[1]!);
    return elementwise([x[0]!, x[1]!], 'bool', (a, b) => (f(a, b) ? 1 : 0));
  };
const reduction =
  (start: number, f: (a: number, b: number) => number, mean = false): HostOp =>
  ([x], a) => {
    const axes = new Set(
      (intsOf(a, 'axes') ?? x!.shape.map((_, i) => i)).map((i) => axisOf(i, x!.shape.length)),
    );
    const kept = x!.shape.map((d, i) => (axes.has(i) ? 1 : d));
    const out = newHostArray(x!.dtype, kept, x!.values.length);
    const sums = new Float64Array(out.values.length).fill(start);
    walk(x!.shape, [stridesOf(x!.shape), broadcastStrides(kept, x!.shape)], ([from, to]) => {
      sums[to!] = f(sums[to!]!, x!.values[from!]!);
    });
    const n = x!.values.length / sums.length;
    out.values.set(mean ? sums.map((s) => s / n) : sums);
    return a['keepDims'] === true
      ? out
      : withShape(
          out,
          kept.filter((_, i) => !axes.has(i)),
        );
  };

function integerQuotient(a: number, b: number): number {
  if (b === 0) throw new ShapeError('an integer is divided by 0');
  return Math.trunc(a / b);
}

/** −0, which whole numbers have none of, is 0. */
const whole = (v: number): number => v + 0;
/** With the sign of the divisor. */
function floorModulo(a: number, b: number): number {
  if (b === 0) throw new ShapeError('an integer is divided by 0');
  return whole(a - b * Math.floor(a / b));
}
function roundHalfEven(v: number): number {
  const down = Math.floor(v);
  const left = v - down;
  return left > 0.5 || (left === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/**
 * The graph's operations on host arrays: what shapes are computed with, and what constants are folded with. Those that
 * are not here run as tensors.
 */
export const hostOps: Readonly<Record<string, HostOp>> = {
  identity: (x) => x[0]!,
  shape: ([x], a) => {
    const rank = x!.shape.length;
    const end = typeof a['end'] === 'number' ? a['end'] : rank;
    const part = x!.shape.slice(typeof a['start'] === 'number' ? a['start'] : 0, end);
    return hostArray('int32', [part.length], part);
  },
  cast: ([x], a) => {
    const dtype = a['dtype'] as DType;
    if (dtype === 'bool') return elementwise([x!], dtype, (v) => (v !== 0 ? 1 : 0));
    return elementwise([x!], dtype, dtype === 'int32' ? Math.trunc : (v) => v);
  },
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b, integerQuotient),
  integerQuotient: binary(integerQuotient),
  integerRemainder: binary((a, b) => whole(a - b * integerQuotient(a, b))),
  integerModulo: binary((a, b) => floorModulo(a, b)),
  integerPower: binary((a, b) => Math.trunc(a ** b)),
  /** What an integer type of `bits` bits makes of a result beyond it. */
  wrap: ([x], a) => {
    const size = 2 ** (a['bits'] as number);
    const low = a['signed'] === true ? size / 2 : 0;
    return elementwise([x!], x!.dtype, (v) => floorModulo(v + low, size) - low);
  },
  pow: binary((a, b) => a ** b),
  maximum: binary(Math.max),
  minimum: binary(Math.min),
  neg: unary((v) => -v),
  abs: unary(Math.abs),
  sqrt: unary(Math.sqrt),
  rsqrt: unary((v) => 1 / Math.sqrt(v)),
  reciprocal: unary((v) => 1 / v),
  square: unary((v) => v * v),
  sign: unary(Math.sign),
  floor: unary(Math.floor),
  ceil: unary(Math.ceil),
  round: unary(roundHalfEven),
  relu: unary((v) => Math.max(v, 0)),
  relu6: unary((v) => Math.min(Math.max(v, 0), 6)),
  clip: ([x], a) => {
    const { low = -Infinity, high = Infinity } = a as { low?: number; high?: number };
    return elementwise([x!], x!.dtype, (v) => Math.min(Math.max(v, low), high));
  },
  equal: compare((a, b) => a === b),
  notEqual: compare((a, b) => a !== b),
  less: compare((a, b) => a < b),
  lessEqual: compare((a, b) => a <= b),
  greater: compare((a, b) => a > b),
  greaterEqual: compare((a, b) => a >= b),
  logicalNot: unary((v) => 1 - v),
  logicalAnd: binary(Math.min),
  logicalOr: binary(Math.max),
  /** x, scale, zero point, the latter two of one element or one per element of `axis`: (x − zero point) · scale. */
  dequantize: ([x, scale, zeroPoint], a) => {
    const out = newHostArray('float32', x!.shape, x!.values.length);
    const each = scale!.values.length;
    const axis = each === 1 ? 0 : axisOf(a['axis'] ?? 1, x!.shape.length);
    const zeros = zeroPoint?.values ?? [0];
    if (each !== 1 && each !== x!.shape[axis])
      throw new ShapeError(`${each} scales for axis ${axis} of [${x!.shape.join(', ')}]`);
    if (zeros.length !== each && zeros.length !== 1)
      throw new ShapeError(`${zeros.length} zero points and ${each} scales`);
    const inner = each === 1 ? Infinity : sizeOf(x!.shape.slice(axis + 1));
    for (let i = 0; i < out.values.length; i++) {
      const k = Math.floor(i / inner) % each;
      out.values[i] = (x!.values[i]! - zeros[zeros.length === 1 ? 0 : k]!) * scale!.values[k]!;
    }
    return out;
  },
  select: ([c, a, b]) => elementwise([c!, a!, b!], same(a!, b!), (condition, x, y) => (condition ? x : y)),

  sum: reduction(0, (a, b) => a + b),
  mean: reduction(0, (a, b) => a + b, true),
  prod: reduction(1, (a, b) => a * b),
  max: reduction(-Infinity, Math.max),
  min: reduction(Infinity, Math.min),

  reshape: ([x, shape], a) =>
    withShape(x!, reshapeTarget(x!.shape, shape ? list(shape) : intsOf(a, 'shape')!, a)),
  flatten: ([x], a) => {
    const axis = a['axis'] === x!.shape.length ? x!.shape.length : axisOf(a['axis'] ?? 1, x!.shape.length);
    return withShape(x!, [sizeOf(x!.shape.slice(0, axis)), sizeOf(x!.shape.slice(axis))]);
  },
  squeeze: ([x], a) => {
    const axes = (intsOf(a, 'axes') ?? []).map((i) => axisOf(i, x!.shape.length));
    const drop = (d: number, i: number): boolean => (axes.length ? axes.includes(i) : d === 1);
    return withShape(
      x!,
      x!.shape.filter((d, i) => !drop(d, i)),
    );
  },
  unsqueeze: ([x], a) => {
    const axes = intsOf(a, 'axes') ?? [];
    const rank = x!.shape.length + axes.length;
    const at = new Set(axes.map((i) => axisOf(i, rank)));
    const rest = [...x!.shape];
    return withShape(
      x!,
      Array.from({ length: rank }, (_, i) => (at.has(i) ? 1 : rest.shift()!)),
    );
  },
  expandDims: ([x], a) => {
    const at = axisOf(a['axis'] ?? 0, x!.shape.length + 1);
    return withShape(x!, [...x!.shape.slice(0, at), 1, ...x!.shape.slice(at)]);
  },
  /** x, how often along each axis. */
  tile: ([x, times]) => {
    const each = list(times);
    if (each.length !== x!.shape.length)
      throw new ShapeError(`${each.length} repeats of ${x!.shape.length} axes`);
    const shape = x!.shape.map((d, i) => d * each[i]!);
    const out = newHostArray(x!.dtype, shape, x!.values.length);
    const own = stridesOf(x!.shape);
    const [inside, strides] = [x!.shape.flatMap((d, i) => [each[i]!, d]), own.flatMap((v) => [0, v])];
    walk(inside, [strides], ([from], i) => (out.values[i] = x!.values[from!]!));
    return out;
  },
  transpose: ([x], a) => {
    const rank = x!.shape.length;
    const perm = intsOf(a, 'perm') ?? x!.shape.map((_, i) => rank - 1 - i);
    if (perm.length !== rank || new Set(perm.map((p) => axisOf(p, rank))).size !== rank)
      throw new ShapeError(`[${perm.join(', ')}] is not a permutation of ${rank} axes`);
    const shape = perm.map((p) => x!.shape[p]!);
    const own = stridesOf(x!.shape);
    const out = newHostArray(x!.dtype, shape, x!.values.length);
    walk(shape, [perm.map((p) => own[p]!)], ([from], i) => (out.values[i] = x!.values[from!]!));
    return out;
  },
  concat: (inputs, a) => {
    const first = inputs[0]!;
    const axis = axisOf(a['axis'], first.shape.length);
    for (const x of inputs) {
      same(first, x);
      if (x.shape.length !== first.shape.length || x.shape.some((d, i) => i !== axis && d !== first.shape[i]))
        throw new ShapeError(`[${x.shape.join(', ')}] does not fit [${first.shape.join(', ')}]`);
    }
    const extent = inputs.reduce((n, x) => n + x.shape[axis]!, 0);
    const out = newHostArray(
      first.dtype,
      first.shape.map((d, i) => (i === axis ? extent : d)),
      largest(inputs),
    );
    const outer = sizeOf(first.shape.slice(0, axis));
    let at = 0;
    for (let o = 0; o < outer; o++)
      for (const x of inputs) {
        const n = x.values.length / outer;
        out.values.set(x.values.subarray(o * n, (o + 1) * n), at);
        at += n;
      }
    return out;
  },
  gather: ([x, indices], a) => {
    const axis = axisOf(a['axis'] ?? 0, x!.shape.length);
    const extent = x!.shape[axis]!;
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    const out = newHostArray(x!.dtype, shape, x!.values.length);
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const outer = sizeOf(x!.shape.slice(0, axis));
    let at = 0;
    for (let o = 0; o < outer; o++)
      for (const i of indices!.values) {
        const from = (o * extent + axisOf(i, extent, 'index')) * inner;
        out.values.set(x!.values.subarray(from, from + inner), at);
        at += inner;
      }
    return out;
  },
  slice: ([x, starts, ends], a) => {
    const ranges = sliceRanges(x!.shape, a, starts && list(starts), ends && list(ends));
    const own = stridesOf(x!.shape);
    const out = newHostArray(
      x!.dtype,
      ranges.map((r) => r.size),
      x!.values.length,
    );
    const start = ranges.reduce((n, r, i) => n + r.start * own[i]!, 0);
    walk(out.shape, [ranges.map((r, i) => r.step * own[i]!)], ([from], i) => {
      out.values[i] = x!.values[start + from!]!;
    });
    const drop = intsOf(a, 'drop') ?? [];
    return drop.length
      ? withShape(
          out,
          out.shape.filter((_, i) => !drop.includes(i)),
        )
      : out;
  },
  /** Part `index` of `count` along `axis`. */
  part: ([x], a) => {
    const axis = axisOf(a['axis'] ?? 0, x!.shape.length);
    const size = Math.ceil(x!.shape[axis]! / (a['count'] as number));
    const start = (a['index'] as number) * size;
    return hostOps['slice']!([x!], { axes: [axis], starts: [start], ends: [start + size] });
  },
  /** shape → an array of it, full of `value`. */
  fill: ([shape], a) => {
    const out = newHostArray(a['dtype'] as DType, list(shape));
    out.values.fill(a['value'] as number);
    return out;
  },
  expand: ([x, shape]) => {
    const to = broadcast([x!.shape, list(shape)]);
    const out = newHostArray(x!.dtype, to, x!.values.length);
    walk(to, [broadcastStrides(x!.shape, to)], ([from], i) => (out.values[i] = x!.values[from!]!));
    return out;
  },
  range: ([start, end, step]) => {
    const [a, b, s] = [start!.values[0]!, end!.values[0]!, step!.values[0]!];
    const n = Math.max(Math.ceil((b - a) / s), 0);
    const out = newHostArray(start!.dtype, [n]);
    for (let i = 0; i < n; i++) out.values[i] = a + i * s;
    return out;
  },
};
