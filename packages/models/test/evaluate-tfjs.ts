/**
 * Evaluates a TensorFlow.js graph by the definitions of its operations: plain loops in float64, nothing shared with the
 * reader or with core. Knows what the embedded base's source needs, no more.
 */

export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}
interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: string[];
  readonly attr?: Record<string, { s?: string; b?: boolean; list?: { i?: string[]; s?: string[] } }>;
}
interface Model {
  readonly modelTopology: { node: Node[] };
  readonly weightsManifest: {
    weights: { name: string; shape: number[]; dtype: string; quantization?: { dtype: string } }[];
  }[];
}

function half(bits: number): number {
  const [e, f] = [(bits >> 10) & 31, bits & 1023];
  return (bits >> 15 ? -1 : 1) * (e === 0 ? f * 2 ** -24 : (1024 + f) * 2 ** (e - 25));
}

function constants(model: Model, bytes: Uint8Array): Map<string, Array64> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Map<string, Array64>();
  let at = 0;
  for (const { name, shape, quantization } of model.weightsManifest.flatMap((g) => g.weights)) {
    const data = new Float64Array(shape.reduce((p, d) => p * d, 1));
    for (let i = 0; i < data.length; i++) {
      data[i] = quantization ? half(view.getUint16(at, true)) : view.getInt32(at, true);
      at += quantization ? 2 : 4;
    }
    out.set(name, { shape, data });
  }
  return out;
}

/** Convolution over NHWC with SAME padding; weights HWIO, or HWC1 if depthwise. */
function conv(x: Array64, w: Array64, stride: number, depthwise: boolean): Array64 {
  const [, h, width, c] = x.shape as [number, number, number, number];
  const [kh, kw, , last] = w.shape as [number, number, number, number];
  const [oh, ow, oc] = [Math.ceil(h / stride), Math.ceil(width / stride), depthwise ? c : last];
  const before = (n: number, k: number, out: number): number =>
    Math.floor(Math.max((out - 1) * stride + k - n, 0) / 2);
  const [top, left] = [before(h, kh, oh), before(width, kw, ow)];
  const data = new Float64Array(oh * ow * oc);
  for (let y = 0; y < oh; y++)
    for (let z = 0; z < ow; z++)
      for (let ky = 0; ky < kh; ky++)
        for (let kx = 0; kx < kw; kx++) {
          const [iy, ix] = [y * stride + ky - top, z * stride + kx - left];
          if (iy < 0 || iy >= h || ix < 0 || ix >= width) continue;
          for (let i = 0; i < c; i++) {
            const v = x.data[(iy * width + ix) * c + i]!;
            const from = ((ky * kw + kx) * c + i) * last;
            const to = (y * ow + z) * oc;
            if (depthwise) data[to + i] = data[to + i]! + v * w.data[from]!;
            else for (let o = 0; o < last; o++) data[to + o] = data[to + o]! + v * w.data[from + o]!;
          }
        }
  return { shape: [1, oh, ow, oc], data };
}

const map = (x: Array64, fn: (v: number, i: number) => number): Array64 => ({
  shape: x.shape,
  data: x.data.map(fn),
});

/** Elementwise with one operand a scalar, a vector over channels, or `[1, 1, 1, c]`. */
function pairwise(a: Array64, b: Array64, fn: (p: number, q: number) => number): Array64 {
  const [big, small] = a.data.length >= b.data.length ? [a, b] : [b, a];
  const n = small.data.length;
  return map(big, (v, i) => (big === a ? fn(v, small.data[i % n]!) : fn(small.data[i % n]!, v)));
}

/** The mean over height and width, keeping both axes. */
function spatialMean(x: Array64): Array64 {
  const c = x.shape.at(-1)!;
  const data = new Float64Array(c);
  x.data.forEach((v, i) => (data[i % c] = data[i % c]! + v / (x.data.length / c)));
  return { shape: [1, 1, 1, c], data };
}

/** All values on the way from the picture to `output`, by node name. Constants that float16 made of 1/6 count as 1/6. */
export function evaluateTfjs(
  json: unknown,
  bytes: Uint8Array,
  output: string,
  picture: Array64,
): Map<string, Array64> {
  const model = json as Model;
  const nodes = new Map(model.modelTopology.node.map((n) => [n.name, n]));
  const stored = constants(model, bytes);
  const values = new Map<string, Array64>();

  const fused = (node: Node, y: Array64): Array64 =>
    (node.attr?.['fused_ops']?.list?.s ?? [])
      .map((s) => atob(s))
      .reduce((v, kind) => {
        if (kind === 'BiasAdd') return pairwise(v, valueOf(node.input![2]!), (p, q) => p + q);
        if (kind === 'Relu') return map(v, (p) => Math.max(p, 0));
        throw new Error(`fused ${kind}`);
      }, y);

  function compute(node: Node): Array64 {
    const input = (i: number): Array64 => valueOf(node.input![i]!);
    const stride = Number(node.attr?.['strides']?.list?.i?.[1] ?? 1);
    switch (node.op) {
      case 'Placeholder':
        return picture;
      case 'Const': {
        const c = stored.get(node.name)!;
        return c.data.length === 1 && Math.abs(c.data[0]! - 1 / 6) < 1e-3 ? map(c, () => 1 / 6) : c;
      }
      case '_FusedConv2D':
        return fused(node, conv(input(0), input(1), stride, false));
      case 'FusedDepthwiseConv2dNative':
        return fused(node, conv(input(0), input(1), stride, true));
      case 'Add':
        return pairwise(input(0), input(1), (p, q) => p + q);
      case 'Mul':
        return pairwise(input(0), input(1), (p, q) => p * q);
      case 'Relu6':
        return map(input(0), (p) => Math.min(Math.max(p, 0), 6));
      case 'Mean':
        return spatialMean(input(0));
      default:
        throw new Error(`${node.op} at ${node.name}`);
    }
  }
  function valueOf(name: string): Array64 {
    let value = values.get(name);
    if (!value) values.set(name, (value = compute(nodes.get(name)!)));
    return value;
  }
  valueOf(output);
  return values;
}
