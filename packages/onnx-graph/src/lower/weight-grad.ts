import { sizeOf, type WindowAttrs } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import { correlate } from './correlate.ts';
import { concat, elementwise, pad, reduce, reshape, slice, transpose } from './vocabulary.ts';
import { reachOf } from './windows.ts';

/*
 * Gradients of weights, `x [n, c, ...in]`, `gy [n, o, ...out]` → `[o, c / groups, ...kernel]`. ONNX has no operator for them.
 * As sums over taps they are products of matrices, which runtimes are best at; see docs/performance.md for the figures.
 */

/** Taps from here on are too many to go through one by one. */
const MANY_TAPS = 25;
/** With fewer positions than this, what is read is put side by side, rather than the results, which are larger. */
const FEW_POSITIONS = 1024;
/** Channels that make a product of matrices worth it. */
const FEW_CHANNELS = 8;

export function weightGrad(b: GraphBuilder, x: Value, gy: Value, w: WindowAttrs, groups: number): Value {
  const c = x.shape[1]!;
  const taps = sizeOf(w.kernel);
  if (taps <= MANY_TAPS && w.padding.flat().every((p) => p >= 0)) {
    if (groups === 1 && (taps === 1 || c >= FEW_CHANNELS)) return byProducts(b, x, gy, w);
    if (groups === c && gy.shape[1] === c && w.stride.every((s) => s === 1)) return byChannel(b, x, gy, w);
  }
  return byCorrelation(b, x, gy, w, groups);
}

/** What each tap, in row-major order, reads of the input: `[a, b, ...out]` of x `[a, b, ...in]`. */
function readsOf(b: GraphBuilder, x: Value, output: readonly number[], w: WindowAttrs): Value[] {
  const reach = reachOf(w);
  const [before, after] = [w.padding.map(([lo]) => lo), w.padding.map(([, hi]) => hi)];
  // As much as the last window reads; what lies beyond is never read.
  const end = output.map((m, i) => (m - 1) * w.stride[i]! + reach[i]! + 1);
  const wide = pad(
    b,
    x,
    [0, 0, ...before],
    [0, 0, ...after.map((hi, i) => Math.max(0, Math.min(hi, end[i]! - before[i]! - x.shape[i + 2]!)))],
  );
  const lead = x.shape.slice(0, 2);
  return cross(w.kernel).map((at) => {
    const start = at.map((k, i) => k * w.dilation[i]!);
    return slice(b, wide, [0, 0, ...start], [...lead, ...output], [1, 1, ...w.stride]);
  });
}

/** All positions in a kernel, in row-major order. */
function cross(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (list, k) => list.flatMap((at) => Array.from({ length: k }, (_, i) => [...at, i])),
    [[]],
  );
}

/** Per tap the product of gy `[o, positions]` and what the tap reads `[positions, c]`. */
function byProducts(b: GraphBuilder, x: Value, gy: Value, w: WindowAttrs): Value {
  const [n, c] = x.shape as [number, number];
  const [, o, ...output] = gy.shape as [number, number, ...number[]];
  const positions = sizeOf(output);
  const result = [o, c, ...w.kernel];
  const swap = [1, 0, ...output.map((_, i) => i + 2)];
  if (sizeOf(w.kernel) === 1 && o * c < ((o + c) * positions) / 4) {
    // Sample by sample, then their sum: cheaper than bringing channels to the front.
    const [read] = readsOf(b, x, output, w);
    const columns = transpose(b, reshape(b, read!, [n, c, positions]), [0, 2, 1]);
    const each = b.add('MatMul', [reshape(b, gy, [n, o, positions]), columns], { shape: [n, o, c] });
    return reshape(b, reduce(b, 'ReduceSum', each, [0], false), result);
  }
  const g = reshape(b, transpose(b, gy, swap), [o, n * positions]);
  const reads = readsOf(b, transpose(b, x, swap), output, w);
  if (n * positions < FEW_POSITIONS) {
    const side = reads.map((read) => reshape(b, read, [c, 1, n * positions]));
    const rows = reshape(b, concat(b, side, 1), [c * side.length, n * positions]);
    return reshape(b, b.add('Gemm', [g, rows], { shape: [o, c * side.length] }, { transB: 1 }), result);
  }
  const parts = reads.map((read) => {
    const rows = reshape(b, read, [c, n * positions]);
    return reshape(b, b.add('Gemm', [g, rows], { shape: [o, c] }, { transB: 1 }), [1, o, c]);
  });
  return reshape(b, transpose(b, concat(b, parts, 0), [1, 2, 0]), result);
}

/** Depthwise: per tap the sum of gy times what the tap reads. */
function byChannel(b: GraphBuilder, x: Value, gy: Value, w: WindowAttrs): Value {
  const [, c, ...output] = gy.shape as [number, number, ...number[]];
  const axes = [0, ...output.map((_, i) => i + 2)];
  const sums = readsOf(b, x, output, w).map((read) =>
    reshape(b, reduce(b, 'ReduceSum', elementwise(b, 'Mul', [read, gy]), axes, false), [c, 1]),
  );
  return reshape(b, concat(b, sums, 1), [c, 1, ...w.kernel]);
}

/**
 * The correlation of x with gy as the kernel, where samples take the place of channels, channels that of samples, and
 * stride and dilation change places.
 */
function byCorrelation(b: GraphBuilder, x: Value, gy: Value, window: WindowAttrs, groups: number): Value {
  const [n, c, ...input] = x.shape as [number, number, ...number[]];
  const spatial = input.map((_, i) => i);
  const split = reshape(b, x, [n, groups, c / groups, ...input]);
  const samples = reshape(b, transpose(b, split, [2, 1, 0, ...spatial.map((i) => i + 3)]), [
    c / groups,
    groups * n,
    ...input,
  ]);
  const filter = transpose(b, gy, [1, 0, ...spatial.map((i) => i + 2)]);
  const { stride, dilation, padding } = window;
  const reach = reachOf(window);
  // As much after the input as makes exactly the kernel's extents.
  const around = padding.map(([lo], i): [number, number] => {
    const covered = reach[i]! + (gy.shape[i + 2]! - 1) * stride[i]! + 1;
    return [lo, covered - lo - input[i]!];
  });
  const y = correlate(
    b,
    samples,
    filter,
    { kernel: gy.shape.slice(2), stride: dilation, dilation: stride, padding: around },
    groups,
  );
  return transpose(b, y, [1, 0, ...spatial.map((i) => i + 2)]);
}
