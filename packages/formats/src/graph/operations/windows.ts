import * as core from '@graftjs/core';
import { ShapeError, sizeOf, type Tensor } from '@graftjs/core';
import { stridesOf, type PoolAttrs } from '@graftjs/core/backend';
import { composite, resolvePadding } from '@graftjs/core/extend';
import type { Attrs } from '../graph.ts';
import { boundedShape } from '../host-array.ts';
import { boundedWindow } from './layers.ts';
import {
  layoutOf,
  number,
  numbers,
  numbersAt,
  onTensors,
  optionalNumbers,
  tensorAt,
  windowOf,
  type GraphOp,
  type Inputs,
} from './operation.ts';

/** A window over the spatial axes of a channels-first activation. */
type PoolWindow = Omit<PoolAttrs, 'layout'>;

/** Core's pools take padding of up to half the window, which keeps something of the input in each. */
const fits = (w: PoolWindow): boolean =>
  w.padding.every((p, i) => Math.max(...p) <= (w.dilation[i]! * (w.kernel[i]! - 1) + 1) / 2);

function padded(x: Tensor, { padding }: PoolWindow, value: number): Tensor {
  return core.pad(x, {
    before: [0, 0, ...padding.map((p) => p[0])],
    after: [0, 0, ...padding.map((p) => p[1])],
    value,
  });
}
const unpadded = (w: PoolWindow): PoolWindow => ({ ...w, padding: w.padding.map(() => [0, 0]) });

/** `maxPool` with any padding; a window that sees nothing of the input gives −∞. */
function windowMax(x: Tensor, w: PoolWindow): Tensor {
  return composite(() =>
    fits(w) ? core.maxPool(x, w.kernel, w) : core.maxPool(padded(x, w, -Infinity), w.kernel, unpadded(w)),
  );
}

/** `avgPool` with any padding. */
function windowMean(x: Tensor, w: PoolWindow, countIncludePad: boolean): Tensor {
  return composite(() => {
    if (fits(w)) return core.avgPool(x, w.kernel, { ...w, countIncludePad });
    const mean = (y: Tensor): Tensor => core.avgPool(y, w.kernel, { ...unpadded(w), countIncludePad: false });
    const all = mean(padded(x, w, 0));
    if (countIncludePad) return all;
    // The part of each window that lies in the input; where that is nothing, the sum is 0.
    const inside = mean(padded(core.ones([1, 1, ...x.shape.slice(2)], { backend: x.backend }), w, 0));
    return core.div(all, core.maximum(inside, 1 / w.kernel.reduce((n, k) => n * k, 1)));
  });
}

/**
 * Where the maximum of each window is: its position in x, counted row-major over all axes (or with the spatial axes
 * column-major), int32. The first of equal maxima, as `windowMax` (ONNX MaxPool, Indices). Only for windows that see something.
 */
function windowArgmax(x: Tensor, w: PoolWindow, columnMajor: boolean): Tensor {
  const spatial = x.shape.slice(2);
  const rowMajor = stridesOf(spatial);
  const strides = columnMajor ? stridesOf([...spatial].reverse()).reverse() : rowMajor;
  const out = windowMax(x, w).shape;
  const own = stridesOf(out);
  const taps = w.kernel.reduce((n, k) => n * k, 1);
  const kernelStrides = stridesOf(w.kernel);
  const volume = sizeOf(spatial);
  return composite(() => {
    const flat = core.reshape(x, [x.size]);
    let best: Tensor | null = null;
    let at: Tensor | null = null;
    for (let tap = 0; tap < taps; tap++) {
      const source = new Int32Array(sizeOf(out));
      const label = new Int32Array(source.length);
      const inside = new Uint8Array(source.length);
      for (let i = 0; i < source.length; i++) {
        const plane = Math.floor(i / own[1]!);
        const p = spatial.map((_, a) => {
          const o = Math.floor(i / own[a + 2]!) % out[a + 2]!;
          const k = Math.floor(tap / kernelStrides[a]!) % w.kernel[a]!;
          return o * w.stride[a]! + k * w.dilation[a]! - w.padding[a]![0];
        });
        if (!p.every((v, a) => v >= 0 && v < spatial[a]!)) continue;
        inside[i] = 1;
        source[i] = plane * volume + p.reduce((s, v, a) => s + v * rowMajor[a]!, 0);
        label[i] = plane * volume + p.reduce((s, v, a) => s + v * strides[a]!, 0);
      }
      const host = (data: Int32Array | Uint8Array): Tensor =>
        core.tensor(data, [data.length], {
          dtype: data instanceof Uint8Array ? 'bool' : 'int32',
          backend: x.backend,
        });
      const value = core.select(host(inside), core.gather(flat, host(source)), -Infinity);
      const wins: Tensor = best ? core.greater(value, best) : host(inside);
      at = at ? core.select(wins, host(label), at) : host(label);
      best = best ? core.maximum(value, best) : value;
    }
    return core.reshape(at!, out);
  });
}

/** `core.lpPool` with any padding. */
function windowNorm(x: Tensor, w: PoolWindow, p: number): Tensor {
  return composite(() =>
    fits(w) ? core.lpPool(x, p, w.kernel, w) : core.lpPool(padded(x, w, 0), p, w.kernel, unpadded(w)),
  );
}

/** A window over a channels-first input, with its padding worked out. */
export function windowFor(x: Tensor, a: Attrs): PoolWindow {
  const kernel = numbers(a, 'kernel');
  const stride = numbers(a, 'stride');
  const dilation = optionalNumbers(a, 'dilation') ?? kernel.map(() => 1);
  const extents = kernel.map((_, i) => x.shape[2 + i] ?? 0);
  const padding = resolvePadding('pool', windowOf(a).padding, extents, kernel, stride, dilation);
  boundedWindow(x, x.shape[1] ?? 1, padding, a);
  return { kernel, stride, padding, dilation, ceilMode: a['ceilMode'] === true };
}

function poolOptions(a: Attrs): core.PoolOptions {
  return {
    ...windowOf(a),
    dilation: optionalNumbers(a, 'dilation') ?? 1,
    ceilMode: a['ceilMode'] === true,
  };
}

function avgPool(x: Inputs, a: Attrs): Tensor {
  const input = tensorAt(x, 0);
  const countIncludePad = a['countIncludePad'] === true;
  if (layoutOf(a) === 'channels-last')
    return core.avgPool(input, numbers(a, 'kernel'), { ...poolOptions(a), countIncludePad });
  return windowMean(input, windowFor(input, a), countIncludePad);
}

export const windows: Readonly<Record<string, GraphOp>> = {
  ...onTensors({
    maxPool(x, a) {
      const input = tensorAt(x, 0);
      if (layoutOf(a) === 'channels-last') return core.maxPool(input, numbers(a, 'kernel'), poolOptions(a));
      return windowMax(input, windowFor(input, a));
    },
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
      const own = stridesOf(full);
      const wide = stridesOf(shape);
      const at = indices.map((p) =>
        own.reduce((sum, stride, i) => sum + (Math.floor(p / stride) % full[i]!) * wide[i]!, 0),
      );
      const flat = core.zeros([sizeOf(shape)], { backend: input.backend });
      const y = core.putAlongAxis(flat, at, core.flatten(input, 0), 0);
      return core.reshape(y, shape);
    },
  }),
  avgPool: { run: avgPool, nearClassifier: 'around' },
  maxPoolIndices: {
    run: (x, a) => windowArgmax(tensorAt(x, 0), windowFor(tensorAt(x, 0), a), a['columnMajor'] === true),
    element: 'int64',
  },
};
