import * as core from '@graftjs/core';
import { sizeOf, type Padding, type Tensor } from '@graftjs/core';
import { addBias, convAffine, convInputGradOp, zerosBehind } from '@graftjs/core/extend';
import type { Attrs } from '../graph.ts';
import { boundedShape } from '../host-array.ts';
import {
  layoutOf,
  number,
  numbers,
  onTensors,
  optionalNumbers,
  optionalTensor,
  tensorAt,
  windowOf,
  type GraphOp,
} from './operation.ts';

/** A file may ask for more padding than there is memory. How large the result of a window can be, before it is made. @throws ShapeError */
export function boundedWindow(x: Tensor, channels: number, padding: Padding, a: Attrs): void {
  const first = layoutOf(a) === 'channels-last' ? 1 : 2;
  const spatial = numbers(a, 'stride').map((stride, i) => {
    const p = typeof padding === 'object' ? padding[i]! : typeof padding === 'number' ? padding : 0;
    const [lo, hi] = typeof p === 'number' ? [p, p] : p;
    return Math.ceil(((x.shape[first + i] ?? 1) + lo + hi) / Math.max(stride, 1));
  });
  boundedShape([x.shape[0] ?? 1, channels, ...spatial]);
}

interface TransposedAxis {
  /** Extent of the result. */
  readonly size: number;
  /** What is cut off the whole result in front, and behind: a negative number adds zeros. */
  readonly before: number;
  readonly after: number;
}

/**
 * Where the result of a transposed convolution lies in the whole one, of (in − 1) · stride + dilation · (kernel − 1) + 1
 * elements: inside the padding, less the output padding; or with `outputShape`, or SAME padding (input · stride), so many,
 * the odd element cut off in front unless the padding is 'same' (ONNX ConvTranspose).
 */
function transposedWindow(input: readonly number[], kernel: readonly number[], a: Attrs): TransposedAxis[] {
  const [stride, dilation] = [numbers(a, 'stride'), numbers(a, 'dilation')];
  const more = numbers(a, 'outputPadding');
  const said = a['padding'];
  const wanted =
    optionalNumbers(a, 'outputShape') ??
    (typeof said === 'string' && said !== 'valid' ? input.map((n, i) => n * stride[i]!) : undefined);
  return input.map((n, i) => {
    const full = (n - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1;
    if (!wanted) {
      const [before, after] = said === 'valid' ? [0, 0] : (said as [number, number][])[i]!;
      const size = full - before - after + more[i]!;
      return { size, before, after: after - more[i]! };
    }
    const size = wanted[i]!;
    const total = Math.max(full + more[i]! - size, 0);
    const before = said === 'same' ? Math.floor(total / 2) : Math.ceil(total / 2);
    return { size, before, after: full - before - size };
  });
}

export const layers: Readonly<Record<string, GraphOp>> = {
  ...onTensors({
    /**
     * x, w `[out, in / groups, ...kernel]`, optional bias `[out]`. `activation`, and a fourth input that multiplies before the
     * bias, `[out]`: what `GraphModule` joins to it.
     */
    conv(x, a) {
      const [input, w] = [tensorAt(x, 0), tensorAt(x, 1)];
      boundedWindow(input, w.shape[0] ?? 1, windowOf(a).padding, a);
      return convAffine(input, w, {
        ...windowOf(a),
        dilation: numbers(a, 'dilation'),
        groups: number(a, 'groups', 1),
        shift: optionalTensor(x, 2),
        scale: optionalTensor(x, 3),
        activation: a['activation'] === 'relu' || a['activation'] === 'relu6' ? a['activation'] : 'none',
      });
    },
    /** x, w `[in, out / groups, ...kernel]`, optional bias `[out]`. See `transposedWindow`. */
    convTranspose(x, a) {
      const [input, w, bias] = [tensorAt(x, 0), tensorAt(x, 1), optionalTensor(x, 2)];
      const plan = transposedWindow(input.shape.slice(2), w.shape.slice(2), a);
      boundedShape([
        input.shape[0] ?? 1,
        (w.shape[1] ?? 1) * number(a, 'groups', 1),
        ...plan.map((p) => p.size),
      ]);
      const y = convInputGradOp.apply([input, w], {
        stride: numbers(a, 'stride'),
        dilation: numbers(a, 'dilation'),
        groups: number(a, 'groups', 1),
        layout: 'channels-first',
        padding: plan.map((p) => [p.before, Math.max(p.after, 0)] as const),
        inputSize: plan.map((p) => p.size - Math.max(-p.after, 0)),
      });
      const missing = plan.map((p) => Math.max(-p.after, 0));
      const whole = zerosBehind(y, 'channels-first', missing);
      return bias ? addBias(whole, bias) : whole;
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
  }),
  /** x `[..., in]`, w `[out, in]`, optional bias `[out]`. */
  linear: {
    run(x) {
      const [input, w] = [tensorAt(x, 0), tensorAt(x, 1)];
      boundedShape([sizeOf(input.shape.slice(0, -1)), w.shape[0] ?? 1]);
      return core.linear(input, w, optionalTensor(x, 2));
    },
    movesChannels: true,
  },
  /** numpy's rule: a vector is a row on the left and a column on the right, and that axis is not in the result. */
  matmul: {
    run(x, a) {
      const given = [tensorAt(x, 0), tensorAt(x, 1)] as const;
      const vector = given.map((t) => t.rank === 1);
      const left = vector[0] ? core.expandDims(given[0], 0) : given[0];
      const right = vector[1] ? core.expandDims(given[1], 1) : given[1];
      boundedShape([
        sizeOf(left.shape.slice(0, -1)) * (a['transposeA'] === true ? (left.shape.at(-1) ?? 1) : 1),
        right.shape.at(a['transposeB'] === true ? -2 : -1) ?? 1,
      ]);
      let y = core.matmul(left, right, {
        transposeA: a['transposeA'] === true && !vector[0],
        transposeB: a['transposeB'] === true && !vector[1],
      });
      if (vector[1]) y = core.squeeze(y, -1);
      return vector[0] ? core.squeeze(y, vector[1] ? -1 : -2) : y;
    },
    movesChannels: true,
  },
  globalAvgPool: {
    run: (x, a) => core.globalAvgPool(tensorAt(x, 0), { layout: layoutOf(a), keepDims: true }),
    nearClassifier: 'around',
  },
  globalMaxPool: {
    run: (x, a) => core.globalMaxPool(tensorAt(x, 0), { layout: layoutOf(a), keepDims: true }),
    nearClassifier: 'around',
  },
};
