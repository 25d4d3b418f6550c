import type { OnnxNode } from '@graftjs/onnx-graph';
import type { Json } from '../graph/graph.ts';
import type { HostArray } from '../graph/host-array.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import { permuted } from '../graph/operations/movement.ts';
import { wantFloat } from '../graph/translations.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrInt, attrInts, attrString } from './node.ts';

/** Extents and steps of a window; a file may claim anything. */
const MAX_EXTENT = 2 ** 16;

function extents(node: OnnxNode, name: string, count: number, fallback: number): number[] {
  const list = attrInts(node, name) ?? new Array<number>(count).fill(fallback);
  if (list.length !== count) throw new Unsupported(`${name} [${list.join(', ')}] for ${count} spatial axes`);
  if (!list.every((v) => v >= 0 && v <= MAX_EXTENT)) throw new Unsupported(`${name} [${list.join(', ')}]`);
  return [...list];
}

/** Stride, dilation and padding of a convolution or pool with `rank` spatial axes. */
export function windowAttrs(
  node: OnnxNode,
  rank: number,
): { stride: number[]; dilation: number[]; padding: Json } {
  const stride = extents(node, 'strides', rank, 1);
  const dilation = extents(node, 'dilations', rank, 1);
  const auto = attrString(node, 'auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER') return { stride, dilation, padding: 'same' };
  if (auto === 'SAME_LOWER') return { stride, dilation, padding: 'same-lower' };
  if (auto !== 'NOTSET' && auto !== 'VALID' && auto !== '') throw new Unsupported(`auto_pad ${auto}`);
  const pads = auto === 'VALID' ? new Array<number>(2 * rank).fill(0) : extents(node, 'pads', 2 * rank, 0);
  // ONNX lists all the sides in front, then all those behind.
  const padding = stride.map((_, i) => [pads[i]!, pads[rank + i]!]);
  return { stride, dilation, padding };
}

/** Spatial axes of a convolution: from its weights, input `i`, or from its attributes where those are computed. */
function spatialRank(node: OnnxNode, to: OnnxLowering, i: number): number {
  to.input(i);
  const w = to.knownInput(i);
  const rank = w ? w.array.shape.length - 2 : attrInts(node, 'kernel_shape')?.length;
  if (rank === undefined) throw new Unsupported('computed weights without kernel_shape');
  if (!(rank >= 1 && rank <= 3)) throw new Unsupported(`${rank} spatial axes`);
  return rank;
}

/** Attributes of a convolution whose weights are input `i`. */
export function convAttrs(node: OnnxNode, to: OnnxLowering, i: number): Record<string, Json> {
  const window = windowAttrs(node, spatialRank(node, to, i));
  return { ...window, groups: attrInt(node, 'group', 1), layout: 'channels-first' };
}
const conv: Translation = (node, to) => {
  const attrs = convAttrs(node, to, 1);
  const weight = to.weight(1, 'weight');
  to.give('conv', [to.input(0), weight, to.optional(2) && to.weight(2, 'bias')], attrs);
};

/** `output_shape`, or SAME padding, which asks for input · stride, settles how much is cut off; see the graph's operation. */
const convTranspose: Translation = (node, to) => {
  const rank = spatialRank(node, to, 1);
  // Its first versions had the batch and channels in front.
  const outputShape = attrInts(node, 'output_shape')?.slice(-rank);
  const { groups, layout, ...window } = convAttrs(node, to, 1);
  // In the order in which saved models have them.
  const attrs = {
    ...window,
    ...(outputShape && { outputShape: [...outputShape] }),
    outputPadding: extents(node, 'output_padding', rank, 0),
    groups: groups!,
    layout: layout!,
  };
  const weight = to.weight(1, 'weight');
  to.give('convTranspose', [to.input(0), weight, to.optional(2) && to.weight(2, 'bias')], attrs);
};

const transposed = (a: HostArray): HostArray => permuted(a, [1, 0]);

/** alpha · A' · B' + beta · C, the first version of which broadcast C only if told to. */
const gemm: Translation = (node, to) => {
  wantFloat(to.elementOf(0));
  const [alpha, beta] = [attrFloat(node, 'alpha', 1), attrFloat(node, 'beta', 1)];
  const transA = attrInt(node, 'transA', 0) !== 0;
  const transB = attrInt(node, 'transB', 0) !== 0;
  const b = to.input(1);
  const c = to.optional(2);
  const a = transA ? to.add('transpose', [to.input(0)], { perm: [1, 0] }) : to.input(0);
  const isLayer =
    alpha === 1 &&
    b.kind === 'constant' &&
    b.array.shape.length === 2 &&
    (!c ||
      (beta === 1 &&
        c.kind === 'constant' &&
        c.array.shape.length === 1 &&
        c.array.values.length === b.array.shape[transB ? 0 : 1]));
  if (isLayer) {
    const w = transB ? to.weight(1, 'weight') : to.weight(1, 'weight', true, 'transposed', transposed);
    return to.give('linear', [a, w, c && to.weight(2, 'bias')]);
  }
  const scaled = (v: Value, by: number): Value => (by === 1 ? v : to.add('mul', [v, to.number(by)]));
  const product = scaled(to.add('matmul', [a, to.weight(1, 'weight')], { transposeB: transB }), alpha);
  to.output(c ? to.add('add', [product, scaled(to.weight(2, 'bias'), beta)]) : product);
};

/** A product with constant weights is a linear layer; a bias that is added behind it joins it (`joinBiases`). */
const matmul: Translation = (_, to) => {
  wantFloat(to.elementOf(0));
  const b = to.input(1);
  if (b.kind === 'constant' && b.array.shape.length === 2)
    return to.give('linear', [to.input(0), to.weight(1, 'weight', true, 'transposed', transposed)]);
  to.give('matmul', [to.weight(0, 'weight'), to.weight(1, 'weight')]);
};

export const convolutions: Readonly<Record<string, Translation>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matmul,
};
