import * as core from '@graftjs/core';
import { sizeOf, type Padding, type Tensor } from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { boundedShape } from '../host-array.ts';
import {
  layoutOf,
  number,
  numbers,
  optionalNumbers,
  optionalTensor,
  tensorAt,
  windowOf,
  type GraphOp,
} from './arguments.ts';

/** ONNX's SAME_LOWER, the odd element in front: core's 'same' puts it behind. */
function paddingOf(x: Tensor, kernel: readonly number[], a: Attrs): Padding {
  if (a['padding'] !== 'same-lower') return windowOf(a).padding;
  const first = layoutOf(a) === 'channels-last' ? 1 : 2;
  const dilation = optionalNumbers(a, 'dilation') ?? kernel.map(() => 1);
  return kernel.map((k, i): [number, number] => {
    const extent = x.shape[first + i]!;
    const stride = numbers(a, 'stride')[i]!;
    const reach = (Math.ceil(extent / stride) - 1) * stride + (k - 1) * dilation[i]! + 1;
    const total = Math.max(reach - extent, 0);
    return [Math.ceil(total / 2), Math.floor(total / 2)];
  });
}

export const layers: Readonly<Record<string, GraphOp>> = {
  /**
   * x, w `[out, in / groups, ...kernel]`, optional bias `[out]`. `activation`, and a fourth input that multiplies before the
   * bias, `[out]`: what `GraphModule` joins to it.
   */
  conv(x, a) {
    const [input, w] = [tensorAt(x, 0), tensorAt(x, 1)];
    return core.convAffine(input, w, {
      ...windowOf(a),
      padding: paddingOf(input, w.shape.slice(2), a),
      dilation: numbers(a, 'dilation'),
      groups: number(a, 'groups', 1),
      shift: optionalTensor(x, 2),
      scale: optionalTensor(x, 3),
      activation: a['activation'] === 'relu' || a['activation'] === 'relu6' ? a['activation'] : 'none',
    });
  },
  /** x, w `[in, out / groups, ...kernel]`, optional bias `[out]`. */
  convTranspose: (x, a) =>
    core.convTransposeBias(tensorAt(x, 0), tensorAt(x, 1), optionalTensor(x, 2), {
      ...windowOf(a),
      dilation: numbers(a, 'dilation'),
      groups: number(a, 'groups', 1),
      outputPadding: numbers(a, 'outputPadding'),
    }),
  /** x `[..., in]`, w `[out, in]`, optional bias `[out]`. */
  linear: (x) => core.linear(tensorAt(x, 0), tensorAt(x, 1), optionalTensor(x, 2)),
  matmul(x, a) {
    const [left, right] = [tensorAt(x, 0), tensorAt(x, 1)];
    boundedShape([
      sizeOf(left.shape.slice(0, -1)) * (a['transposeA'] === true ? (left.shape.at(-1) ?? 1) : 1),
      right.shape.at(a['transposeB'] === true ? -2 : -1) ?? 1,
    ]);
    return core.matmul(left, right, {
      transposeA: a['transposeA'] === true,
      transposeB: a['transposeB'] === true,
    });
  },
  /**
   * x, scale, shift, stored mean, stored variance, each `[channels]`: here on the stored statistics. With an attribute
   * `momentum`, `GraphModule` uses the batch's while it trains, and moves those that are stored.
   */
  batchNorm: (x, a) =>
    core.batchNorm(
      tensorAt(x, 0),
      { mean: tensorAt(x, 3), variance: tensorAt(x, 4) },
      {
        weight: tensorAt(x, 1),
        bias: tensorAt(x, 2),
        eps: number(a, 'epsilon', 1e-3),
        layout: layoutOf(a),
      },
    ).y,

  maxPool: (x, a) => {
    const input = tensorAt(x, 0);
    return core.maxPool(input, numbers(a, 'kernel'), poolOptions(input, a));
  },
  avgPool: (x, a) => {
    const input = tensorAt(x, 0);
    return core.avgPool(input, numbers(a, 'kernel'), {
      ...poolOptions(input, a),
      countIncludePad: a['countIncludePad'] === true,
    });
  },
  globalAvgPool: (x, a) => core.globalAvgPool(tensorAt(x, 0), { layout: layoutOf(a), keepDims: true }),
  globalMaxPool: (x, a) => core.globalMaxPool(tensorAt(x, 0), { layout: layoutOf(a), keepDims: true }),
};

function poolOptions(x: Tensor, a: Attrs): core.PoolOptions {
  return {
    ...windowOf(a),
    padding: paddingOf(x, numbers(a, 'kernel'), a),
    dilation: optionalNumbers(a, 'dilation') ?? 1,
    ceilMode: a['ceilMode'] === true,
  };
}
