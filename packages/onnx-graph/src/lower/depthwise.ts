import { sizeOf, type WindowAttrs } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import { reshape, transpose } from './vocabulary.ts';

/*
 * Depthwise convolutions over small planes as products of matrices, one per channel: onnxruntime takes each plane of each
 * sample by itself, which costs more than the arithmetic. x `[n, c, ...in]`, w `[c, 1, ...kernel]`.
 *
 * The matrix of a channel, `[in, out]`, has the weight of the tap through which an output position reads an input position,
 * and 0 where none does. So a value that is not finite makes NaN of all of its plane.
 */

/** Elements of a channel's matrix up to which the products win; most of it is zeros. */
const MOST = 6000;

/** Extents and the window. */
interface Planes {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly window: WindowAttrs;
}

/** Is it depthwise, with one filter per channel and planes that are small enough? */
export function isSmallDepthwise(channels: number, filters: number, groups: number, p: Planes): boolean {
  return (
    groups > 1 && groups === channels && filters === channels && sizeOf(p.input) * sizeOf(p.output) <= MOST
  );
}

/** For each tap and each pair of an input and an output position: is the one read through the other? `[taps, in · out]` */
function choices({ input, output, window: w }: Planes): Float32Array {
  const [rows, columns] = [sizeOf(input), sizeOf(output)];
  const y = new Float32Array(sizeOf(w.kernel) * rows * columns);
  for (let tap = 0; tap < sizeOf(w.kernel); tap++) {
    for (let to = 0; to < columns; to++) {
      let [from, inside] = [0, true];
      let [restTap, restTo, step] = [tap, to, 1];
      for (let i = input.length - 1; i >= 0; i--) {
        const [k, o] = [restTap % w.kernel[i]!, restTo % output[i]!];
        [restTap, restTo] = [Math.floor(restTap / w.kernel[i]!), Math.floor(restTo / output[i]!)];
        const at = o * w.stride[i]! + k * w.dilation[i]! - w.padding[i]![0];
        inside &&= at >= 0 && at < input[i]!;
        from += at * step;
        step *= input[i]!;
      }
      if (inside) y[(tap * rows + from) * columns + to] = 1;
    }
  }
  return y;
}

/** The channels' matrices, `[c, in, out]`. */
function matricesOf(b: GraphBuilder, w: Value, p: Planes): Value {
  const [c, taps] = [w.shape[0]!, sizeOf(p.window.kernel)];
  const [rows, columns] = [sizeOf(p.input), sizeOf(p.output)];
  const chosen = b.constant(choices(p), [taps, rows * columns]);
  const y = b.add('MatMul', [reshape(b, w, [c, taps]), chosen], { shape: [c, rows * columns] });
  return reshape(b, y, [c, rows, columns]);
}

/** `[n, c, ...extents]` → `[c, n, positions]`. */
function byChannel(b: GraphBuilder, x: Value): Value {
  const [n, c, ...extents] = x.shape as [number, number, ...number[]];
  return transpose(b, reshape(b, x, [n, c, sizeOf(extents)]), [1, 0, 2]);
}

/** `[c, n, positions]` → `[n, c, ...extents]`. */
function toPlanes(b: GraphBuilder, y: Value, extents: readonly number[]): Value {
  const [c, n] = y.shape as [number, number];
  return reshape(b, transpose(b, y, [1, 0, 2]), [n, c, ...extents]);
}

export function smallForward(b: GraphBuilder, x: Value, w: Value, p: Planes): Value {
  const shape = [x.shape[1]!, x.shape[0]!, sizeOf(p.output)];
  return toPlanes(b, b.add('MatMul', [byChannel(b, x), matricesOf(b, w, p)], { shape }), p.output);
}

export function smallInputGrad(b: GraphBuilder, gy: Value, w: Value, p: Planes): Value {
  const shape = [gy.shape[1]!, gy.shape[0]!, sizeOf(p.input)];
  const adjoint = transpose(b, matricesOf(b, w, p), [0, 2, 1]);
  return toPlanes(b, b.add('MatMul', [byChannel(b, gy), adjoint], { shape }), p.input);
}

export function smallWeightGrad(b: GraphBuilder, x: Value, gy: Value, p: Planes): Value {
  const [c, taps] = [x.shape[1]!, sizeOf(p.window.kernel)];
  const [rows, columns] = [sizeOf(p.input), sizeOf(p.output)];
  const pairs = b.add('MatMul', [transpose(b, byChannel(b, x), [0, 2, 1]), byChannel(b, gy)], {
    shape: [c, rows, columns],
  });
  const chosen = b.constant(choices(p), [taps, rows * columns]);
  const y = b.add(
    'Gemm',
    [reshape(b, pairs, [c, rows * columns]), chosen],
    { shape: [c, taps] },
    { transB: 1 },
  );
  return reshape(b, y, [c, 1, ...p.window.kernel]);
}
