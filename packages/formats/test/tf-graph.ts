/** Writes TensorFlow.js graph models for the tests, and computes what their convolutions should give. */

export interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

type Attr = Record<string, unknown>;
export const s = (v: string): Attr => ({ s: btoa(v) });
export const b = (v: boolean): Attr => ({ b: v });
export const f = (v: number): Attr => ({ f: v });
export const i = (v: number): Attr => ({ i: String(v) });
export const ints = (...v: number[]): Attr => ({ list: { i: v.map(String) } });
export const strings = (...v: string[]): Attr => ({ list: { s: v.map((x) => btoa(x)) } });

/** A graph model under construction. */
export class TfGraph {
  readonly nodes: object[] = [{ name: 'x', op: 'Placeholder', attr: {} }];
  readonly weights: object[] = [];
  readonly #bytes: Uint8Array[] = [];

  /** Stores a constant; `quantization` as in a manifest, with the stored numbers given. */
  constant(
    name: string,
    { shape, data }: Values,
    dtype: 'float32' | 'int32' = 'float32',
    quantization?: { dtype: string; scale?: number; min?: number },
  ): string {
    const stored = quantization?.dtype ?? dtype;
    const types = {
      float32: Float32Array,
      int32: Int32Array,
      uint8: Uint8Array,
      uint16: Uint16Array,
      float16: Uint16Array,
    };
    const array = types[stored as 'float32'].from(data);
    this.#bytes.push(new Uint8Array(array.buffer));
    this.weights.push({ name, shape, dtype, ...(quantization && { quantization }) });
    this.nodes.push({ name, op: 'Const', attr: {} });
    return name;
  }
  ints(name: string, ...data: number[]): string {
    return this.constant(name, { shape: [data.length], data }, 'int32');
  }
  int(name: string, value: number): string {
    return this.constant(name, { shape: [], data: [value] }, 'int32');
  }
  scalar(name: string, value: number): string {
    return this.constant(name, { shape: [], data: [value] });
  }
  node(name: string, op: string, input: string[], attr: Record<string, Attr> = {}): string {
    this.nodes.push({ name, op, input, attr });
    return name;
  }
  get model(): Record<string, unknown> {
    return {
      format: 'graph-model',
      modelTopology: { node: this.nodes },
      weightsManifest: [{ paths: ['a'], weights: this.weights }],
    };
  }
  get shards(): Uint8Array[] {
    return this.#bytes;
  }
}

/** Small numbers that differ, the same in every run. */
export function numbers(shape: readonly number[], seed = 1): Values {
  const n = shape.reduce((p, d) => p * d, 1);
  return { shape, data: Array.from({ length: n }, (_, k) => ((((k + 1) * 37 * seed) % 23) - 11) / 8) };
}

interface Window {
  readonly stride: number;
  readonly dilation?: number;
  readonly same: boolean;
}

/** TensorFlow's rule for the extent of the output and the padding before it. */
function geometry(
  n: number,
  k: number,
  { stride, dilation = 1, same }: Window,
): { out: number; before: number } {
  const reach = (k - 1) * dilation + 1;
  if (!same) return { out: Math.floor((n - reach) / stride) + 1, before: 0 };
  const out = Math.ceil(n / stride);
  return { out, before: Math.floor(Math.max((out - 1) * stride + reach - n, 0) / 2) };
}

/** Calls `visit(output position, input position, tap)` for every tap inside the picture `[1, h, w, c]`. */
export function slide(
  x: Values,
  kernel: readonly [number, number],
  w: Window,
  visit: (oy: number, ox: number, iy: number, ix: number, tap: number) => void,
): [number, number] {
  const [, h, width] = x.shape as [number, number, number];
  const [gy, gx] = [geometry(h, kernel[0], w), geometry(width, kernel[1], w)];
  const d = w.dilation ?? 1;
  for (let oy = 0; oy < gy.out; oy++)
    for (let ox = 0; ox < gx.out; ox++)
      for (let ky = 0; ky < kernel[0]; ky++)
        for (let kx = 0; kx < kernel[1]; kx++) {
          const [iy, ix] = [oy * w.stride - gy.before + ky * d, ox * w.stride - gx.before + kx * d];
          if (iy >= 0 && iy < h && ix >= 0 && ix < width) visit(oy, ox, iy, ix, ky * kernel[1] + kx);
        }
  return [gy.out, gx.out];
}

/** Convolution by its definition: x `[1, h, w, c]`, weights `[kh, kw, c, out]` or depthwise `[kh, kw, c, multiplier]`. */
export function convReference(x: Values, w: Values, window: Window, depthwise = false): Values {
  const [kh, kw, channels, last] = w.shape as [number, number, number, number];
  const outChannels = depthwise ? channels * last : last;
  const width = x.shape[2]!;
  const sums = new Map<number, number>();
  const [, ox] = [0, geometry(width, kw, window).out];
  const shape = slide(x, [kh, kw], window, (py, px, iy, ix, tap) => {
    for (let c = 0; c < channels; c++)
      for (let m = 0; m < last; m++) {
        const o = depthwise ? c * last + m : m;
        const at = (py * ox + px) * outChannels + o;
        const product = x.data[(iy * width + ix) * channels + c]! * w.data[(tap * channels + c) * last + m]!;
        sums.set(at, (sums.get(at) ?? 0) + product);
      }
  });
  const size = shape[0] * shape[1] * outChannels;
  return {
    shape: [1, ...shape, outChannels],
    data: Array.from({ length: size }, (_, k) => sums.get(k) ?? 0),
  };
}
