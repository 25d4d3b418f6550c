import type { Shape } from '@graftjs/core';
import type { ConvAttrs, OpAttrs } from '@graftjs/core/backend';
import { activation, tapsOf } from './indexing.ts';
import { memo } from './memo.ts';

/**
 * The products that a bilinear op adds up, in order: element `a[k]` of the first input times element `b[k]` of the second
 * goes to output `y[k]`. Whoever holds the list can evaluate the op in float64, in float32, or its error bound; and the
 * three convolutions are one list read in three directions, which makes them adjoint by construction.
 */
export interface Products {
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly y: Int32Array;
}

/** Products x · w → y of each sample: taps in row-major order, positions in row-major order, then channels. */
const convolve = memo((x: Shape, w: Shape, y: Shape, a: ConvAttrs): Products[] => {
  const [from, to] = [activation(x, a.layout), activation(y, a.layout)];
  const kernel = w.slice(2);
  const size = kernel.reduce((n, d) => n * d, 1);
  const taps = tapsOf(from.spatial, to.spatial, { ...a, kernel });
  const [inPerGroup, outPerGroup] = [w[1], w[0] / a.groups];
  return Array.from({ length: from.samples }, (_, n) => {
    const count = taps.length * w[0] * inPerGroup;
    const list = { a: new Int32Array(count), b: new Int32Array(count), y: new Int32Array(count) };
    let k = 0;
    for (const { tap, input, output } of taps) {
      for (let o = 0; o < w[0]; o++) {
        const first = Math.floor(o / outPerGroup) * inPerGroup;
        for (let i = 0; i < inPerGroup; i++, k++) {
          list.a[k] = from.at(n, first + i, input);
          list.b[k] = (o * inPerGroup + i) * size + tap;
          list.y[k] = to.at(n, o, output);
        }
      }
    }
    return list;
  });
});

/** Of equal calls alike in their attributes' extra entries (`inputSize`, `kernelSize`), so that they are found again. */
function conv(
  x: Shape,
  w: Shape,
  y: Shape,
  { stride, padding, dilation, groups, layout }: ConvAttrs,
): Products[] {
  return convolve(x, w, y, { stride, padding, dilation, groups, layout });
}

/** For every output, ascending k. */
const matmul = memo(([a]: readonly Shape[], attrs: OpAttrs['matmul'], y: Shape): Products[] => {
  const [m, n] = y.slice(-2);
  const depth = a[a.length - (attrs.transposeA ? 2 : 1)];
  const batch = y.slice(0, -2).reduce((p, d) => p * d, 1);
  const count = batch * m * n * depth;
  const list = { a: new Int32Array(count), b: new Int32Array(count), y: new Int32Array(count) };
  let k = 0;
  for (let z = 0; z < batch; z++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        for (let p = 0; p < depth; p++, k++) {
          list.a[k] = z * m * depth + (attrs.transposeA ? p * m + i : i * depth + p);
          list.b[k] = z * depth * n + (attrs.transposeB ? j * depth + p : p * n + j);
          list.y[k] = (z * m + i) * n + j;
        }
      }
    }
  }
  return [list];
});

/** The ops that are sums of products. */
export type BilinearOp = 'conv' | 'convInputGrad' | 'convWeightGrad' | 'matmul';

/** Their products, in parts (the samples of a convolution), because a weight gradient's sums are per sample first. */
export const productsOf: {
  readonly [N in BilinearOp]: (inputs: readonly Shape[], attrs: OpAttrs[N], output: Shape) => Products[];
} = {
  conv: ([x, w], attrs, y) => conv(x, w, y, attrs),
  convInputGrad: ([gy, w], attrs, gx) => conv(gx, w, gy, attrs).map(({ a, b, y }) => ({ a: y, b, y: a })),
  convWeightGrad: ([x, gy], attrs, gw) => conv(x, gw, gy, attrs).map(({ a, b, y }) => ({ a, b: y, y: b })),
  matmul,
};
