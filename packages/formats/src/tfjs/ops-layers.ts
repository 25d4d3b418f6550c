import type { Json } from '../graph/graph.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import { permuted } from '../graph/operations/movement.ts';
import type { TfLowering, Translation } from './lower.ts';
import { attrBool, attrFloat, attrInt, attrInts, attrString, attrStrings, type TfNode } from './node.ts';
import { fromHWCM, fromSpatial } from './weights-layout.ts';

interface TfWindow {
  readonly layout: 'channels-last' | 'channels-first';
  readonly padding: Json;
  /** A list attribute's entries for the spatial axes. */
  pick(key: string): number[];
}

/** Layout, strides, padding and dilations of a convolution or pool with `rank` spatial axes. */
function window(node: TfNode, rank: number): TfWindow {
  const format = attrString(node, 'data_format', rank === 3 ? 'NDHWC' : 'NHWC');
  if (!/^(ND?HWC|NCD?HW)$/.test(format)) throw new Unsupported(`data_format ${format}`);
  const isLast = format.endsWith('C');
  const first = isLast ? 1 : 2;
  const pick = (key: string): number[] => {
    const all = attrInts(node, key);
    return all.length === rank + 2 ? all.slice(first, first + rank) : new Array<number>(rank).fill(1);
  };
  const kind = attrString(node, 'padding', 'VALID');
  const explicit = attrInts(node, 'explicit_paddings');
  const at = (axis: number): number[] => [explicit[2 * axis] ?? 0, explicit[2 * axis + 1] ?? 0];
  const said = Array.from({ length: rank }, (_, i) => at(first + i));
  const padding = kind === 'SAME' ? 'same' : kind === 'EXPLICIT' ? said : 'valid';
  return { layout: isLast ? 'channels-last' : 'channels-first', padding, pick };
}

/** The bias and the activation that a fused node ends with; `at`: the input that the bias is. */
function fused(
  node: TfNode,
  to: TfLowering,
  at = 2,
): { bias: Value | undefined; after: (y: Value) => Value } {
  const ops = attrStrings(node, 'fused_ops');
  const bias = ops[0] === 'BiasAdd';
  const rest = bias ? ops.slice(1) : ops;
  const one = (y: Value, kind: string, i: number): Value => {
    if (kind === 'Prelu') return to.add('prelu', [y, to.store(to.float(at + 1 + i), 'slope', true)]);
    if (kind === 'Elu') return to.add('elu', [y], { alpha: 1 });
    if (kind === 'LeakyRelu')
      return to.add('leakyRelu', [y], { slope: attrFloat(node, 'leakyrelu_alpha', 0.2) });
    if (!['Relu', 'Relu6', 'Sigmoid', 'Tanh'].includes(kind)) throw new Unsupported(`fused ${kind}`);
    return to.add(kind.toLowerCase(), [y]);
  };
  return {
    bias: bias ? to.store(to.float(at), 'bias', true) : undefined,
    after: (y) => rest.reduce(one, y),
  };
}

const conv =
  (depthwise: boolean, rank = 2): Translation =>
  (node, to) => {
    const { layout, padding, pick } = window(node, rank);
    const raw = to.float(1);
    if (raw.shape.length !== rank + 2) throw new Unsupported(`weights with ${raw.shape.length} axes`);
    const weight = to.store(depthwise ? fromHWCM(raw) : fromSpatial(raw), 'weight', true);
    const { bias, after } = fused(node, to);
    const attrs: Record<string, Json> = {
      stride: pick('strides'),
      padding,
      dilation: pick('dilations'),
      groups: depthwise ? raw.shape[rank]! : 1,
      layout,
    };
    to.output(after(to.add('conv', [to.input(0), weight, bias], attrs)));
  };

/** To channels first, or back. */
const turned = (to: TfLowering, x: Value, { layout }: TfWindow, back = false): Value =>
  layout === 'channels-first' ? x : to.add('transpose', [x], { perm: back ? [0, 2, 3, 1] : [0, 3, 1, 2] });

/**
 * Inputs: the shape of the result, filters `[h, w, out, in]`, x. Where that shape is computed it is what Keras asks for:
 * SAME gives input · stride, VALID the whole result, at least that.
 */
const transposedConv: Translation = (node, to) => {
  const w = window(node, 2);
  if (w.pick('dilations').some((d) => d !== 1)) throw new Unsupported('dilations');
  const raw = to.float(1);
  const stride = w.pick('strides');
  const said = to.extents(0);
  const first = w.layout === 'channels-last' ? 1 : 2;
  const outputShape = said.kind === 'constant' ? Array.from(said.array.values).slice(first, first + 2) : null;
  if (outputShape && !outputShape.every((d) => d > 0))
    throw new Unsupported(`a result of [${outputShape.join(', ')}]`);
  const attrs: Record<string, Json> = {
    stride,
    dilation: [1, 1],
    padding: w.padding,
    ...(outputShape && { outputShape }),
    // A kernel that is smaller than the stride leaves zeros behind the last of it.
    outputPadding:
      w.padding === 'valid' && !outputShape ? stride.map((s, i) => Math.max(s - raw.shape[i]!, 0)) : [0, 0],
    groups: 1,
    layout: 'channels-first',
  };
  const weight = to.store(fromSpatial(raw), 'weight', true);
  const y = to.add('convTranspose', [turned(to, to.input(2), w), weight], attrs);
  to.output(turned(to, y, w, true));
};

const pool =
  (op: 'maxPool' | 'avgPool', rank = 2): Translation =>
  (node, to) => {
    const { layout, padding, pick } = window(node, rank);
    // TensorFlow's average leaves padding out of the count.
    to.give(op, [to.input(0)], { kernel: pick('ksize'), stride: pick('strides'), padding, layout });
  };

const matmul: Translation = (node, to) => {
  const batched = node.op.startsWith('Batch');
  const flag = (plain: string, adjoint: string): boolean => attrBool(node, batched ? adjoint : plain, false);
  const transposeA = flag('transpose_a', 'adj_x');
  const transposeB = flag('transpose_b', 'adj_y');
  const { bias, after } = fused(node, to);
  const right = to.input(1);
  if (right.kind === 'constant' && !transposeA && right.array.shape.length === 2) {
    const raw = to.float(1);
    const weight = to.store(transposeB ? raw : permuted(raw, [1, 0]), 'weight', true);
    return to.output(after(to.add('linear', [to.input(0), weight, bias])));
  }
  const factors = [to.weight(0, 'weight'), to.weight(1, 'weight')];
  const product = to.add('matmul', factors, { transposeA, transposeB });
  to.output(after(bias ? to.add('add', [product, bias]) : product));
};

const biasAdd: Translation = (node, to) => {
  const bias = to.float(1);
  const rank = 4; // NCHW occurs on pictures only
  const first = attrString(node, 'data_format', 'NHWC') === 'NCHW';
  const shape = first ? [bias.values.length, ...new Array<number>(rank - 2).fill(1)] : bias.shape;
  to.give('add', [to.input(0), to.store({ ...bias, shape }, 'bias', true)]);
};

const batchNorm: Translation = (node, to) => {
  if (attrBool(node, 'is_training', false)) throw new Unsupported('is_training');
  const roles = ['weight', 'bias', 'running_mean', 'running_var'];
  const stored = roles.map((role, i) => to.store(to.float(i + 1), role, i < 2));
  to.give('batchNorm', [to.input(0), ...stored], {
    epsilon: attrFloat(node, 'epsilon', 1e-3),
    layout: window(node, 2).layout,
  });
};

const resize =
  (method: string): Translation =>
  (node, to) => {
    const { inputs, attrs } = to.extentsAs('size', 1);
    to.give('resize', [to.input(0), ...inputs], {
      method,
      ...attrs,
      alignCorners: attrBool(node, 'align_corners', false),
      halfPixelCenters: attrBool(node, 'half_pixel_centers', false),
      layout: 'channels-last',
    });
  };

/** Blocks of channels to positions, or back: in ONNX's order of the channels, with channels first. */
const blocks =
  (op: string, attrs: Record<string, Json>): Translation =>
  (node, to) => {
    const w = window(node, 2);
    const y = to.add(op, [turned(to, to.input(0), w)], { block: attrInt(node, 'block_size', 1), ...attrs });
    to.output(turned(to, y, w, true));
  };

/** What a dilated convolution is written as in old graphs: block, and amounts of padding or of cropping. */
const batches =
  (op: string, amounts: string): Translation =>
  (_, to) => {
    const pairs = to.list(2);
    to.give(op, [to.input(0)], {
      block: to.list(1),
      [amounts]: pairs.flatMap((v, i) => (i % 2 ? [] : [[v, pairs[i + 1]!]])),
    });
  };

export const layerOps: Readonly<Record<string, Translation>> = {
  Conv2D: conv(false),
  _FusedConv2D: conv(false),
  FusedConv2D: conv(false),
  DepthwiseConv2dNative: conv(true),
  DepthwiseConv2d: conv(true),
  FusedDepthwiseConv2dNative: conv(true),
  _FusedDepthwiseConv2dNative: conv(true),
  Conv3D: conv(false, 3),
  Conv2DBackpropInput: transposedConv,
  MatMul: matmul,
  _FusedMatMul: matmul,
  BatchMatMul: matmul,
  BatchMatMulV2: matmul,
  BatchMatMulV3: matmul,
  MaxPool: pool('maxPool'),
  AvgPool: pool('avgPool'),
  MaxPool3D: pool('maxPool', 3),
  AvgPool3D: pool('avgPool', 3),
  /** Its first output only. */
  MaxPoolWithArgmax: pool('maxPool'),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  BiasAdd: biasAdd,
  ResizeBilinear: resize('bilinear'),
  ResizeNearestNeighbor: resize('nearest'),
  DepthToSpace: blocks('depthToSpace', { columnFirst: false }),
  SpaceToDepth: blocks('spaceToDepth', {}),
  SpaceToBatchND: batches('spaceToBatch', 'paddings'),
  BatchToSpaceND: batches('batchToSpace', 'crops'),
};
