import {
  abs,
  add,
  avgPool,
  composite,
  div,
  gather,
  greater,
  mul,
  maximum,
  maxPool,
  ones,
  pad,
  pow,
  reshape,
  select,
  sizeOf,
  stridesOf,
  tensor,
  type PoolAttrs,
  type Tensor,
} from '@graftjs/core';

/** A window over the spatial axes of a channels-first activation. */
export type PoolWindow = Omit<PoolAttrs, 'layout'>;

/** Core's pools take padding of up to half the window, which keeps something of the input in each. */
const fits = (w: PoolWindow): boolean =>
  w.padding.every((p, i) => Math.max(...p) <= (w.dilation[i]! * (w.kernel[i]! - 1) + 1) / 2);

function padded(x: Tensor, { padding }: PoolWindow, value: number): Tensor {
  return pad(x, {
    before: [0, 0, ...padding.map((p) => p[0])],
    after: [0, 0, ...padding.map((p) => p[1])],
    value,
  });
}
const unpadded = (w: PoolWindow): PoolWindow => ({ ...w, padding: w.padding.map(() => [0, 0]) });

/** `maxPool` with any padding; a window that sees nothing of the input gives −∞. */
export function windowMax(x: Tensor, w: PoolWindow): Tensor {
  return composite(() =>
    fits(w) ? maxPool(x, w.kernel, w) : maxPool(padded(x, w, -Infinity), w.kernel, unpadded(w)),
  );
}

/** `avgPool` with any padding. */
export function windowMean(x: Tensor, w: PoolWindow, countIncludePad: boolean): Tensor {
  return composite(() => {
    if (fits(w)) return avgPool(x, w.kernel, { ...w, countIncludePad });
    const mean = (y: Tensor): Tensor => avgPool(y, w.kernel, { ...unpadded(w), countIncludePad: false });
    const all = mean(padded(x, w, 0));
    if (countIncludePad) return all;
    // The part of each window that lies in the input; where that is nothing, the sum is 0.
    const inside = mean(padded(ones([1, 1, ...x.shape.slice(2)], { backend: x.backend }), w, 0));
    return div(all, maximum(inside, 1 / w.kernel.reduce((n, k) => n * k, 1)));
  });
}

/**
 * Where the maximum of each window is: its position in x, counted row-major over all axes (or with the spatial axes
 * column-major), int32. The first of equal maxima, as `windowMax` (ONNX MaxPool, Indices). Only for windows that see something.
 */
export function windowArgmax(x: Tensor, w: PoolWindow, columnMajor: boolean): Tensor {
  const spatial = x.shape.slice(2);
  const rowMajor = stridesOf(spatial);
  const strides = columnMajor ? stridesOf([...spatial].reverse()).reverse() : rowMajor;
  const out = windowMax(x, w).shape;
  const own = stridesOf(out);
  const taps = w.kernel.reduce((n, k) => n * k, 1);
  const kernelStrides = stridesOf(w.kernel);
  const volume = sizeOf(spatial);
  return composite(() => {
    const flat = reshape(x, [x.size]);
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
        tensor(data, [data.length], {
          dtype: data instanceof Uint8Array ? 'bool' : 'int32',
          backend: x.backend,
        });
      const value = select(host(inside), gather(flat, host(source)), -Infinity);
      const wins: Tensor = best ? greater(value, best) : host(inside);
      at = at ? select(wins, host(label), at) : host(label);
      best = best ? maximum(value, best) : value;
    }
    return reshape(at!, out);
  });
}

/** |x|^p, with a gradient of 0 at 0. */
const power = (x: Tensor, p: number): Tensor => {
  const a = abs(x);
  if (p === 1) return a;
  if (p === 2) return mul(x, x);
  return select(greater(a, 0), pow(maximum(a, 1e-38), p), 0);
};

/** (Σ |x|ᵖ)^(1/p) over each window (ONNX LpPool). */
export function windowNorm(x: Tensor, w: PoolWindow, p: number): Tensor {
  return composite(() => {
    const count = w.kernel.reduce((n, k) => n * k, 1);
    const sums = mul(windowMean(power(x, p), w, true), count);
    return p === 1 ? sums : power(sums, 1 / p);
  });
}

export interface LocalResponseOptions {
  /** Channels in the window. */
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

/**
 * x / (bias + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels: ⌊(size − 1) / 2⌋ before, the rest after.
 * (Krizhevsky et al., 2012, section 3.3)
 * @param x `[n, c, ...spatial]`.
 */
export function localResponseNorm(x: Tensor, { size, alpha, beta, bias }: LocalResponseOptions): Tensor {
  return composite(() => {
    const [n, c] = x.shape as [number, number];
    const across = reshape(mul(x, x), [n, 1, c, -1]);
    const mean = windowMean(
      across,
      {
        kernel: [size, 1],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [
          [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)],
          [0, 0],
        ],
        ceilMode: false,
      },
      true,
    );
    const scale = add(mul(reshape(mean, x.shape), alpha), bias);
    return mul(x, pow(scale, -beta));
  });
}
