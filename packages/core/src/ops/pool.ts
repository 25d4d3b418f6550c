import { composite, defineOp, type Primitive } from '../op.ts';
import type { AvgPoolAttrs, PoolAttrs } from '../primitives.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape, sizeOf, type Layout, type TensorSpec } from '../types.ts';
import { ops } from './bound.ts';
import { fail, wantListed } from './check.ts';
import { tensor } from './create.ts';
import { logicalAnd, logicalNot, logicalOr } from './elementwise.ts';
import { gather } from './movement.ts';
import { inPieces } from './pieces.ts';
import {
  activationShape,
  channelAxis,
  perAxis,
  isSame,
  resolvePadding,
  spatialAxes,
  spatialOf,
  wantActivation,
  windowOutput,
  type Padding,
  type PerAxis,
} from './spatial.ts';

function pooled(op: string, x: TensorSpec, a: PoolAttrs): number[] {
  wantActivation(op, 'input', x, a.layout, a.kernel.length);
  a.kernel.forEach((k, i) => {
    // Otherwise a window could lie in the padding altogether, with nothing to choose from.
    const [lo, hi] = a.padding[i]!;
    if (Math.max(lo, hi) > (a.dilation[i]! * (k - 1) + 1) / 2)
      fail(op, `padding [${lo}, ${hi}] on spatial axis ${i} is more than half the window (${k})`);
  });
  const out = windowOutput(op, spatialOf(a.layout, x.shape), a);
  return activationShape(a.layout, x.shape[0]!, x.shape[channelAxis(a.layout, x.shape.length)]!, out);
}

function sameAs(op: string, gy: TensorSpec, want: readonly number[]): void {
  if (!sameShape(gy.shape, want))
    fail(op, `gy has shape ${showShape(gy.shape)}, the pool gives ${showShape(want)}`);
}

export const maxPoolOp: Primitive<'maxPool'> = /* @__PURE__ */ defineOp({
  name: 'maxPool',
  infer: ([x], a) => ({ dtype: 'float32', shape: pooled('maxPool', x, a) }),
  vjp: ({ inputs: [x], gy, attrs }) => [maxPoolGradOp.apply([x, gy], attrs)],
  flops: (_, a, y) => sizeOf(y.shape) * sizeOf(a.kernel),
});

export const maxPoolGradOp: Primitive<'maxPoolGrad'> = /* @__PURE__ */ defineOp({
  name: 'maxPoolGrad',
  infer([x, gy], a) {
    sameAs('maxPoolGrad', gy, pooled('maxPoolGrad', x, a));
    return { dtype: 'float32', shape: x.shape };
  },
  // Linear in gy; locally constant in x.
  vjp: ({ inputs: [x], gy: ct, attrs, needs }) => [null, needs[1] ? pickAtMax(x, ct, attrs) : null],
  flops: ([x, gy], a) => sizeOf(x.shape) + sizeOf(gy.shape) * sizeOf(a.kernel),
});

export const avgPoolOp: Primitive<'avgPool'> = /* @__PURE__ */ defineOp({
  name: 'avgPool',
  infer: ([x], a) => ({ dtype: 'float32', shape: pooled('avgPool', x, a) }),
  vjp: ({ inputs: [x], gy, attrs }) => [
    avgPoolGradOp.apply([gy], { ...attrs, inputSize: spatialOf(attrs.layout, x.shape) }),
  ],
  flops: (_, a, y) => sizeOf(y.shape) * sizeOf(a.kernel),
});

export const avgPoolGradOp: Primitive<'avgPoolGrad'> = /* @__PURE__ */ defineOp({
  name: 'avgPoolGrad',
  infer([gy], a) {
    wantActivation('avgPoolGrad', 'gy', gy, a.layout, a.kernel.length);
    const channels = gy.shape[channelAxis(a.layout, gy.shape.length)]!;
    const shape = activationShape(a.layout, gy.shape[0]!, channels, a.inputSize);
    sameAs('avgPoolGrad', gy, pooled('avgPoolGrad', { dtype: 'float32', shape }, a));
    return { dtype: 'float32', shape };
  },
  vjp({ gy: ct, attrs }) {
    const { inputSize: _, ...pool } = attrs;
    return [avgPoolOp.apply([ct], pool)];
  },
  flops: ([gy], a) => sizeOf(gy.shape) * sizeOf(a.kernel),
});

/**
 * Adjoint of `maxPoolGrad` in gy: for each window, `values` at the window's first maximum of `x`. Goes over the taps,
 * keeping the best so far; only gradients of gradients need it.
 */
function pickAtMax(x: Tensor, values: Tensor, a: PoolAttrs): Tensor {
  const axes = spatialAxes(a.layout, x.rank);
  const input = spatialOf(a.layout, x.shape);
  const out = windowOutput('maxPool', input, a);
  // Enough padding on the far side for the last (ceilMode) window, too.
  const before = new Array<number>(x.rank).fill(0);
  const after = new Array<number>(x.rank).fill(0);
  axes.forEach((axis, i) => {
    before[axis] = a.padding[i]![0];
    const reach = (out[i]! - 1) * a.stride[i]! + (a.kernel[i]! - 1) * a.dilation[i]! + 1;
    after[axis] = Math.max(reach - input[i]! - before[axis], 0);
  });
  const px = ops.pad(x, { before, after, value: -Infinity });
  const pv = ops.pad(values, { before, after });
  const taps = a.kernel.reduce((n, k) => n * k, 1);
  let best: Tensor | null = null;
  let picked: Tensor | null = null;
  for (let tap = 0; tap < taps; tap++) {
    let rest = tap;
    const start = new Array<number>(x.rank).fill(0);
    const step = new Array<number>(x.rank).fill(1);
    const size = [...x.shape];
    for (let i = axes.length - 1; i >= 0; i--) {
      const axis = axes[i]!;
      start[axis] = (rest % a.kernel[i]!) * a.dilation[i]!;
      rest = Math.floor(rest / a.kernel[i]!);
      step[axis] = a.stride[i]!;
      size[axis] = out[i]!;
    }
    const xt = ops.sliceOp.apply([px], { start, size, step });
    const vt = ops.sliceOp.apply([pv], { start, size, step });
    if (!best || !picked) [best, picked] = [xt, vt];
    else {
      const wins: Tensor = ops.greater(xt, best);
      [best, picked] = [ops.select(wins, xt, best), ops.select(wins, vt, picked)];
    }
  }
  return picked!;
}

export interface PoolOptions {
  /** Default: the kernel. */
  readonly stride?: PerAxis;
  /** Default `'valid'`. */
  readonly padding?: Padding;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /** Round the output extent up. Default false. */
  readonly ceilMode?: boolean;
  /** Default channels-first. */
  readonly layout?: Layout;
}

function poolAttrs(op: string, x: Tensor, kernel: PerAxis, o: PoolOptions): PoolAttrs {
  const rank = x.rank - 2;
  if (rank < 1 || rank > 3) fail(op, `input ${showShape(x.shape)} must have 3, 4 or 5 axes`);
  const layout = o.layout ?? 'channels-first';
  const k = perAxis(op, 'kernel', kernel, rank, 1);
  const stride = perAxis(op, 'stride', o.stride ?? k, rank, 1);
  const dilation = perAxis(op, 'dilation', o.dilation ?? 1, rank, 1);
  const padding = resolvePadding(op, o.padding ?? 'valid', spatialOf(layout, x.shape), k, stride, dilation);
  return { kernel: k, stride, padding, dilation, ceilMode: o.ceilMode ?? false, layout };
}

/**
 * Largest element of each window, in 1, 2 or 3 dimensions; PyTorch's `max_pool2d`. The gradient goes to the window's first
 * maximum.
 * @param x `[n, c, ...spatial]` (or channels-last), float32.
 * @param kernel Extents of the window: one number, or one for each spatial axis.
 * @returns `[n, c, ...⌊(spatial + padding − dilation · (kernel − 1) − 1) / stride⌋ + 1]`.
 * @throws ShapeError where the window does not fit, the padding is more than half of it, or x has not 1 to 3 spatial axes.
 * @example
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * maxPool(x, 2); // → [[[[4]]]]
 * maxPool(zeros([1, 64, 112, 112]), 3, { stride: 2, padding: 1 }).shape; // → [1, 64, 56, 56]
 */
export function maxPool(x: Tensor, kernel: PerAxis, options: PoolOptions = {}): Tensor {
  return maxPoolOp.apply([x], poolAttrs('maxPool', x, kernel, options));
}

export interface AvgPoolOptions extends PoolOptions {
  /** Divide by the taps inside the padded input rather than inside the input. Default true, as PyTorch. */
  readonly countIncludePad?: boolean;
}

/**
 * Mean of each window, in 1, 2 or 3 dimensions; PyTorch's `avg_pool2d`.
 * @param x `[n, c, ...spatial]` (or channels-last), float32.
 * @param kernel Extents of the window: one number, or one for each spatial axis.
 * @returns `[n, c, ...⌊(spatial + padding − dilation · (kernel − 1) − 1) / stride⌋ + 1]`.
 * @throws ShapeError where the window does not fit, the padding is more than half of it, or x has not 1 to 3 spatial axes.
 * @example
 * avgPool(tensor([[[1, 3, 5, 7]]]), 2); // → [[[2, 6]]]
 */
export function avgPool(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  const attrs: AvgPoolAttrs = {
    ...poolAttrs('avgPool', x, kernel, options),
    countIncludePad: options.countIncludePad ?? !isSame(options.padding),
  };
  return avgPoolOp.apply([x], attrs);
}

interface GlobalOptions {
  readonly layout?: Layout;
  readonly keepDims?: boolean;
}

function globalPool(
  name: string,
  x: Tensor,
  { layout = 'channels-first', keepDims = false }: GlobalOptions,
  reduce: typeof ops.mean,
): Tensor {
  const head = { name, inputs: [x], attrs: { layout, keepDims } };
  return composite(() => reduce(x, spatialAxes(layout, x.rank), { keepDims }), head);
}

/**
 * Mean over all positions: `[n, c, ...]` → `[n, c]`, or with `keepDims` `[n, c, 1, …]`.
 * @throws ShapeError where x is not float32 or the layout is not known.
 * @example
 * globalAvgPool(tensor([[[1, 2], [3, 5]]])); // → [[1.5, 4]]
 * globalAvgPool(zeros([2, 1280, 7, 7])).shape; // → [2, 1280]
 */
export function globalAvgPool(x: Tensor, options: GlobalOptions = {}): Tensor {
  return globalPool('globalAvgPool', x, options, ops.mean);
}

/**
 * Maximum over all positions: `[n, c, ...]` → `[n, c]`, or with `keepDims` `[n, c, 1, …]`.
 * @throws ShapeError where there is no position, x is bool, or the layout is not known.
 * @example
 * globalMaxPool(tensor([[[1, 2], [3, 5]]])); // → [[2, 5]]
 */
export function globalMaxPool(x: Tensor, options: GlobalOptions = {}): Tensor {
  return globalPool('globalMaxPool', x, options, ops.max);
}

/**
 * Mean and standard deviation over all positions: `[n, c, ...]` → `[n, 2c]` (means first), or with `keepDims` `[n, 2c, 1, …]`.
 * The deviation tells how unevenly a feature is spread, which the mean alone loses. √(variance + 1e-5), so that the
 * gradient of a constant map stays finite. Statistics pooling: Snyder et al., "X-vectors" (2018).
 * @throws ShapeError where x is not float32 or the layout is not known.
 * @example
 * globalStatsPool(tensor([[[1, 3], [4, 4]]])); // → [[2, 4, 1.0, 0.003]]
 */
export function globalStatsPool(x: Tensor, options: GlobalOptions = {}): Tensor {
  const { layout = 'channels-first', keepDims = false } = options;
  const axes = spatialAxes(layout, x.rank);
  const mean = ops.mean(x, axes, { keepDims: true });
  const d = ops.sub(x, mean);
  const deviation = ops.sqrt(ops.add(ops.mean(ops.mul(d, d), axes, { keepDims: true }), 1e-5));
  const both = ops.concat([mean, deviation], channelAxis(layout, x.rank));
  return keepDims ? both : ops.reshape(both, [x.shape[0]!, -1]);
}

/** So many bins of an adaptive pool are cut out one by one; more are gathered. */
const CUT = 4096;

/**
 * Bin i of an adaptive pool covers [⌊i·n/m⌋, ⌈(i+1)·n/m⌉), as PyTorch. `reduceBin` takes a bin along an axis. `join` takes
 * elements k of many bins at once, k = 0, 1, …: it must give the same bits, and repeats the last where a bin is shorter.
 */
function adaptive(
  op: string,
  x: Tensor,
  output: PerAxis,
  layout: Layout,
  reduceBin: (bin: Tensor, axis: number) => Tensor,
  join: (elements: readonly Tensor[], lengths: Tensor) => Tensor,
): Tensor {
  const rank = x.rank - 2;
  if (rank < 1 || rank > 3) fail(op, `input ${showShape(x.shape)} must have 3, 4 or 5 axes`);
  const size = perAxis(op, 'output size', output, rank, 1);
  const axes = spatialAxes(layout, x.rank);
  if (axes.some((a) => x.shape[a] === 0)) fail(op, `input ${showShape(x.shape)} has no element to pool`);
  const shape = [...x.shape];
  axes.forEach((axis, i) => (shape[axis] = size[i]!));
  for (const axis of axes) wantListed(op, axis, { dtype: x.dtype, shape }, x.backend);
  // The last axis first: then the first maximum in row-major order wins a tie.
  let y = x;
  for (let i = rank - 1; i >= 0; i--) {
    const [axis, n, m] = [axes[i]!, x.shape[axes[i]!]!, size[i]!];
    const [from, to] = [
      (bin: number): number => Math.floor((bin * n) / m),
      (bin: number): number => Math.ceil(((bin + 1) * n) / m),
    ];
    const longest = n % m === 0 ? n / m : Math.min(Math.ceil(n / m) + 1, n);
    const input = y;
    if (m > CUT && longest <= 8) {
      const behind = new Array<number>(x.rank - 1 - axis).fill(1);
      y = inPieces(axis, m, (first, count) => {
        const lengths = Int32Array.from({ length: count }, (_, j) => to(first + j) - from(first + j));
        const elements = Array.from({ length: longest }, (_, k) =>
          gather(
            input,
            Int32Array.from({ length: count }, (_e, j) => from(first + j) + Math.min(k, lengths[j]! - 1)),
            axis,
          ),
        );
        return join(elements, tensor(lengths, [count, ...behind], { backend: x.backend }));
      });
    } else {
      const cut = (first: number, count: number): Tensor =>
        ops.concat(
          Array.from({ length: count }, (_, j) =>
            reduceBin(ops.slice(input, axis, from(first + j), to(first + j)), axis),
          ),
          axis,
        );
      y = inPieces(axis, m, cut, CUT);
    }
  }
  return y;
}

/**
 * Average pool to a fixed output extent; bins may overlap by one. PyTorch's `adaptive_avg_pool2d`.
 * @param x `[n, c, ...spatial]` (or channels-last), float32.
 * @param output Extents of the output: one number, or one for each spatial axis.
 * @returns `[n, c, ...output]`.
 * @throws ShapeError where x has not 1 to 3 spatial axes or an empty one, OutOfMemoryError where there can be no room.
 * @example
 * adaptiveAvgPool(tensor([[[1, 2, 3, 4, 5]]]), 2); // → [[[2, 4]]]
 */
export function adaptiveAvgPool(
  x: Tensor,
  output: PerAxis,
  options: { readonly layout?: Layout } = {},
): Tensor {
  return adaptive(
    'adaptiveAvgPool',
    x,
    output,
    options.layout ?? 'channels-first',
    (bin, axis) => ops.mean(bin, axis, { keepDims: true }),
    // The order of `reduce` for up to eight elements: each is a partial sum of its own.
    (elements, lengths) => {
      let sums: Tensor[] = Array.from({ length: 8 }, (_, k) => {
        const element = elements[k];
        return element ? ops.select(ops.greater(lengths, k), ops.add(element, 0), 0) : null;
      }).map((t) => t ?? tensor(0, [], { backend: x.backend }));
      while (sums.length > 1) sums = sums.flatMap((t, k) => (k % 2 ? [] : [ops.add(t, sums[k + 1]!)]));
      return ops.div(ops.add(sums[0]!, 0), ops.cast(lengths, 'float32'));
    },
  );
}

/**
 * Max pool to a fixed output extent; bins may overlap by one. PyTorch's `adaptive_max_pool2d`.
 * @param x `[n, c, ...spatial]` (or channels-last), float32.
 * @param output Extents of the output: one number, or one for each spatial axis.
 * @returns `[n, c, ...output]`.
 * @throws ShapeError where x has not 1 to 3 spatial axes or an empty one, OutOfMemoryError where there can be no room.
 * @example
 * adaptiveMaxPool(tensor([[[1, 2, 3, 4, 5]]]), 2); // → [[[3, 5]]]
 */
export function adaptiveMaxPool(
  x: Tensor,
  output: PerAxis,
  options: { readonly layout?: Layout } = {},
): Tensor {
  return adaptive(
    'adaptiveMaxPool',
    x,
    output,
    options.layout ?? 'channels-first',
    (bin, axis) => ops.max(bin, axis, { keepDims: true }),
    // The first of equals, and the first NaN: a repeated last element never wins.
    (elements) =>
      elements.reduce((best, t) => {
        const isNumber = (v: Tensor): Tensor => ops.equal(v, v);
        const wins = logicalAnd(isNumber(best), logicalOr(ops.greater(t, best), logicalNot(isNumber(t))));
        return ops.select(wins, t, best);
      }),
  );
}
