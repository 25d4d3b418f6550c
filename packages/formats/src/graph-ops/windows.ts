import * as core from '@graftjs/core';
import { ShapeError, sizeOf, type Tensor } from '@graftjs/core';
import { scatterElements } from '../functional/indexing.ts';
import { windowArgmax, windowMax, windowMean, windowNorm, type PoolWindow } from '../functional/windows.ts';
import type { Attrs } from '../graph.ts';
import { boundedShape } from '../host-array.ts';
import {
  layoutOf,
  number,
  numbers,
  numbersAt,
  optionalNumbers,
  tensorAt,
  windowOf,
  type GraphOp,
} from './arguments.ts';
import { boundedWindow, paddingOf } from './layers.ts';

/** A window over a channels-first input, with its padding worked out. */
export function windowFor(x: Tensor, a: Attrs): PoolWindow {
  const kernel = numbers(a, 'kernel');
  const stride = numbers(a, 'stride');
  const dilation = optionalNumbers(a, 'dilation') ?? kernel.map(() => 1);
  const said = paddingOf(x, kernel, a);
  const padding = kernel.map((k, i): [number, number] => {
    if (said === 'valid') return [0, 0];
    if (said === 'same') {
      const extent = x.shape[2 + i] ?? 0;
      const reach = (Math.ceil(extent / stride[i]!) - 1) * stride[i]! + (k - 1) * dilation[i]! + 1;
      const total = Math.max(reach - extent, 0);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    }
    const p = typeof said === 'number' ? said : said[i]!;
    return typeof p === 'number' ? [p, p] : [p[0], p[1]];
  });
  boundedWindow(x, x.shape[1] ?? 1, padding, a);
  return { kernel, stride, padding, dilation, ceilMode: a['ceilMode'] === true };
}

function poolOptions(x: Tensor, a: Attrs): core.PoolOptions {
  return {
    ...windowOf(a),
    padding: paddingOf(x, numbers(a, 'kernel'), a),
    dilation: optionalNumbers(a, 'dilation') ?? 1,
    ceilMode: a['ceilMode'] === true,
  };
}

export const windows: Readonly<Record<string, GraphOp>> = {
  maxPool(x, a) {
    const input = tensorAt(x, 0);
    if (layoutOf(a) === 'channels-last')
      return core.maxPool(input, numbers(a, 'kernel'), poolOptions(input, a));
    return windowMax(input, windowFor(input, a));
  },
  avgPool(x, a) {
    const input = tensorAt(x, 0);
    const countIncludePad = a['countIncludePad'] === true;
    if (layoutOf(a) === 'channels-last')
      return core.avgPool(input, numbers(a, 'kernel'), { ...poolOptions(input, a), countIncludePad });
    return windowMean(input, windowFor(input, a), countIncludePad);
  },
  maxPoolIndices: (x, a) =>
    windowArgmax(tensorAt(x, 0), windowFor(tensorAt(x, 0), a), a['columnMajor'] === true),
  /** (Σ |x|ᵖ)^(1/p) over each window. */
  lpPool: (x, a) => windowNorm(tensorAt(x, 0), windowFor(tensorAt(x, 0), a), number(a, 'p', 2)),
  /** (Σ |x|ᵖ)^(1/p) over all positions. */
  globalLpPool(x, a) {
    const input = tensorAt(x, 0);
    const whole = input.shape.slice(2);
    const none = whole.map((): [number, number] => [0, 0]);
    const ones = whole.map(() => 1);
    const window = { kernel: whole, stride: ones, dilation: ones, padding: none, ceilMode: false };
    return windowNorm(input, window, number(a, 'p', 2));
  },
  /** x, indices as `maxPoolIndices` gives them, and the shape of the result: each value at its index, 0 elsewhere. */
  maxUnpool(x, a) {
    const input = tensorAt(x, 0);
    const indices = numbersAt(x, 1);
    const window = windowFor(input, a);
    const full = input.shape.map((d, i) =>
      i < 2
        ? d
        : (d - 1) * window.stride[i - 2]! -
          window.padding[i - 2]![0] -
          window.padding[i - 2]![1] +
          window.kernel[i - 2]!,
    );
    const shape = boundedShape(x.length > 2 ? numbersAt(x, 2) : full);
    if (indices.length !== input.size || shape.length !== input.rank)
      throw new ShapeError(`${indices.length} indices for [${input.shape.join(', ')}]`);
    // The indices count in the extents that belong to the window; a larger result has the same places in it.
    const own = core.stridesOf(full);
    const wide = core.stridesOf(shape);
    const at = indices.map((p) =>
      own.reduce((sum, stride, i) => sum + (Math.floor(p / stride) % full[i]!) * wide[i]!, 0),
    );
    const flat = core.zeros([sizeOf(shape)], { backend: input.backend });
    const y = scatterElements(flat, { shape: [at.length], data: at }, core.flatten(input, 0), {
      axis: 0,
      reduction: 'none',
    });
    return core.reshape(y, shape);
  },
};
