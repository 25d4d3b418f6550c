import { attrBool, attrFloat, attrInt, attrInts, attrString, attrStrings, type TfNode } from './tfjs-node.ts';
import { Unsupported, type Lowering } from './tfjs-lower.ts';
import { fromHWCM, fromHWIO, permute } from './weights-layout.ts';
import type { Attrs, Json } from './graph.ts';

type Translation = (node: TfNode, to: Lowering) => void;
const NO_ATTRS: Attrs = {};

/** Layout, strides, padding and dilations of a convolution or pool. */
function window(node: TfNode): { layout: string; padding: Json; pick: (key: string) => number[] } {
  const format = attrString(node, 'data_format', 'NHWC');
  if (format !== 'NHWC' && format !== 'NCHW') throw new Unsupported(`data_format ${format}`);
  const first = format === 'NHWC' ? 1 : 2;
  const pick = (key: string): number[] => {
    const all = attrInts(node, key);
    return all.length === 4 ? [all[first]!, all[first + 1]!] : [1, 1];
  };
  const kind = attrString(node, 'padding', 'VALID');
  const explicit = attrInts(node, 'explicit_paddings');
  const at = (axis: number): number[] => [explicit[2 * axis] ?? 0, explicit[2 * axis + 1] ?? 0];
  const padding = kind === 'SAME' ? 'same' : kind === 'EXPLICIT' ? [at(first), at(first + 1)] : 'valid';
  return { layout: format === 'NHWC' ? 'channels-last' : 'channels-first', padding, pick };
}

/** The activation that a fused node ends with, after its bias. */
function fusedActivation(
  node: TfNode,
  to: Lowering,
): { bias: boolean; after: [string, Attrs, ...string[]][] } {
  const fused = attrStrings(node, 'fused_ops');
  const bias = fused[0] === 'BiasAdd';
  const rest = bias ? fused.slice(1) : fused;
  const after = rest.map((kind, i): [string, Attrs, ...string[]] => {
    switch (kind) {
      case 'Relu':
        return ['relu', NO_ATTRS];
      case 'Relu6':
        return ['relu6', NO_ATTRS];
      case 'Elu':
        return ['elu', { alpha: 1 }];
      case 'Sigmoid':
        return ['sigmoid', NO_ATTRS];
      case 'Tanh':
        return ['tanh', NO_ATTRS];
      case 'LeakyRelu':
        return ['leakyRelu', { slope: attrFloat(node, 'leakyrelu_alpha', 0.2) }];
      case 'Prelu':
        return ['prelu', NO_ATTRS, to.store(node, 'slope', to.float(node, 3 + i), true)];
      default:
        throw new Unsupported(`fused ${kind}`);
    }
  });
  return { bias, after };
}

function conv(depthwise: boolean): Translation {
  return (node, to) => {
    const { layout, padding, pick } = window(node);
    const raw = to.float(node, 1);
    if (raw.shape.length !== 4) throw new Unsupported(`weights with ${raw.shape.length} axes`);
    const { bias, after } = fusedActivation(node, to);
    const inputs = [
      to.operand(node, 0),
      to.store(node, 'weight', (depthwise ? fromHWCM : fromHWIO)(raw), true),
    ];
    if (bias) inputs.push(to.store(node, 'bias', to.float(node, 2), true));
    const attrs = {
      stride: pick('strides'),
      padding,
      dilation: pick('dilations'),
      groups: depthwise ? raw.shape[2]! : 1,
      layout,
    };
    to.chain(node, inputs, [['conv', attrs], ...after]);
  };
}

function pool(op: 'maxPool' | 'avgPool'): Translation {
  return (node, to) => {
    const { layout, padding, pick } = window(node);
    // TensorFlow's average leaves padding out of the count.
    to.add(node, op, [to.operand(node, 0)], {
      kernel: pick('ksize'),
      stride: pick('strides'),
      padding,
      layout,
    });
  };
}

const matmul: Translation = (node, to) => {
  const batched = node.op.startsWith('Batch');
  const flag = (plain: string, adjoint: string): boolean => attrBool(node, batched ? adjoint : plain, false);
  const transposeA = flag('transpose_a', 'adj_x');
  const transposeB = flag('transpose_b', 'adj_y');
  const { bias, after } = fusedActivation(node, to);
  if (to.isConstant(node.inputs[1] ?? '') && !transposeA && to.constant(node, 1).shape.length === 2) {
    const raw = to.float(node, 1);
    const inputs = [
      to.operand(node, 0),
      to.store(node, 'weight', transposeB ? raw : permute(raw, [1, 0]), true),
    ];
    if (bias) inputs.push(to.store(node, 'bias', to.float(node, 2), true));
    return to.chain(node, inputs, [['linear', NO_ATTRS], ...after]);
  }
  if (bias) throw new Unsupported('a bias on a product of two computed matrices');
  to.chain(
    node,
    [to.operand(node, 0), to.operand(node, 1)],
    [['matmul', { transposeA, transposeB }], ...after],
  );
};

const unary =
  (op: string, attrs: (node: TfNode) => Record<string, Json> = () => ({})): Translation =>
  (node, to) =>
    to.add(node, op, [to.operand(node, 0)], attrs(node));

/** Scales and shifts are what is left of an unfused batch norm, so their constants are trained; those of `sub` and `div` are not. */
const binary =
  (op: string): Translation =>
  (node, to) => {
    const trainable = op === 'mul' || op === 'add';
    to.add(node, op, [to.operand(node, 0, trainable), to.operand(node, 1, trainable)]);
  };

const biasAdd: Translation = (node, to) => {
  const bias = to.float(node, 1);
  const rank = 4; // NCHW occurs on pictures only
  const first = attrString(node, 'data_format', 'NHWC') === 'NCHW';
  const shape = first ? [bias.data.length, ...new Array<number>(rank - 2).fill(1)] : bias.shape;
  to.add(node, 'add', [to.operand(node, 0), to.store(node, 'bias', { shape, data: bias.data }, true)]);
};

const reduction =
  (op: string): Translation =>
  (node, to) => {
    const keepDims = attrBool(node, 'keep_dims', attrBool(node, 'keepDims', false));
    to.add(node, op, [to.operand(node, 0)], { axes: to.ints(node, 1), keepDims });
  };

const batchNorm: Translation = (node, to) => {
  if (attrBool(node, 'is_training', false)) throw new Unsupported('is_training');
  const roles = ['weight', 'bias', 'running_mean', 'running_var'];
  const stored = roles.map((role, i) => to.store(node, role, to.float(node, i + 1), i < 2));
  to.add(node, 'batchNorm', [to.operand(node, 0), ...stored], {
    epsilon: attrFloat(node, 'epsilon', 1e-3),
    layout: window(node).layout,
  });
};

const resize =
  (method: string): Translation =>
  (node, to) => {
    to.add(node, 'resize', [to.operand(node, 0)], {
      method,
      size: to.ints(node, 1),
      alignCorners: attrBool(node, 'align_corners', false),
      halfPixelCenters: attrBool(node, 'half_pixel_centers', false),
      layout: 'channels-last',
    });
  };

const pad: Translation = (node, to) => {
  const amounts = to.ints(node, 1);
  const side = (k: number): number[] => amounts.filter((_, i) => i % 2 === k);
  to.add(node, 'pad', [to.operand(node, 0)], {
    before: side(0),
    after: side(1),
    value: node.op === 'PadV2' ? to.scalar(node, 2) : 0,
  });
};

const stridedSlice: Translation = (node, to) => {
  const [begin, end, step] = [to.ints(node, 1), to.ints(node, 2), to.ints(node, 3)];
  if (attrInt(node, 'ellipsis_mask', 0) || attrInt(node, 'new_axis_mask', 0))
    throw new Unsupported('ellipsis or new axis');
  if (step.some((s) => s < 1)) throw new Unsupported('negative steps');
  const has = (mask: string, i: number): boolean => (attrInt(node, mask, 0) & (1 << i)) !== 0;
  const drop = begin.map((_, i) => i).filter((i) => has('shrink_axis_mask', i));
  const ranges = begin.map((b, i): Json => {
    if (drop.includes(i)) return [b, b === -1 ? null : b + 1, 1];
    return [has('begin_mask', i) ? 0 : b, has('end_mask', i) ? null : end[i]!, step[i]!];
  });
  to.add(node, 'slice', [to.operand(node, 0)], { ranges, drop });
};

const slice: Translation = (node, to) => {
  const [begin, size] = [to.ints(node, 1), to.ints(node, 2)];
  const ranges = begin.map((b, i): Json => [b, size[i] === -1 ? null : b + size[i]!, 1]);
  to.add(node, 'slice', [to.operand(node, 0)], { ranges, drop: [] });
};

const concat: Translation = (node, to) => {
  const last = node.inputs.length - 1;
  const inputs = node.inputs.slice(0, last).map((_, i) => to.operand(node, i));
  if (inputs.some((i) => typeof i === 'number')) throw new Unsupported('concatenation with a constant');
  to.add(node, 'concat', inputs, { axis: to.scalar(node, last) });
};

/** Constants stay constants through these. */
const identity: Translation = (node, to) => to.bind(node.name, to.value(node.inputs[0] ?? ''));

/** TensorFlow's op → how it is said in a `GraphDef`. */
export const translations: Readonly<Record<string, Translation>> = {
  Identity: identity,
  StopGradient: identity,
  Conv2D: conv(false),
  _FusedConv2D: conv(false),
  FusedConv2D: conv(false),
  DepthwiseConv2dNative: conv(true),
  DepthwiseConv2d: conv(true),
  FusedDepthwiseConv2dNative: conv(true),
  MatMul: matmul,
  _FusedMatMul: matmul,
  BatchMatMul: matmul,
  BatchMatMulV2: matmul,
  MaxPool: pool('maxPool'),
  AvgPool: pool('avgPool'),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  BiasAdd: biasAdd,
  Add: binary('add'),
  AddV2: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  RealDiv: binary('div'),
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Pow: binary('pow'),
  Neg: unary('neg'),
  Abs: unary('abs'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Rsqrt: unary('rsqrt'),
  Square: unary('square'),
  Relu: unary('relu'),
  Relu6: unary('relu6'),
  Elu: unary('elu', () => ({ alpha: 1 })),
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  Softmax: unary('softmax', () => ({ axis: -1 })),
  LeakyRelu: unary('leakyRelu', (node) => ({ slope: attrFloat(node, 'alpha', 0.2) })),
  Prelu: (node, to) =>
    to.add(node, 'prelu', [to.operand(node, 0), to.store(node, 'slope', to.float(node, 1), true)]),
  ClipByValue: (node, to) =>
    to.add(node, 'clip', [to.operand(node, 0)], { low: to.scalar(node, 1), high: to.scalar(node, 2) }),
  Mean: reduction('mean'),
  Sum: reduction('sum'),
  Max: reduction('max'),
  Reshape: (node, to) => to.add(node, 'reshape', [to.operand(node, 0)], { shape: to.ints(node, 1) }),
  Squeeze: unary('squeeze', (node) => ({ axes: attrInts(node, 'squeeze_dims') })),
  ExpandDims: (node, to) => to.add(node, 'expandDims', [to.operand(node, 0)], { axis: to.scalar(node, 1) }),
  Transpose: (node, to) => to.add(node, 'transpose', [to.operand(node, 0)], { perm: to.ints(node, 1) }),
  ConcatV2: concat,
  Pad: pad,
  PadV2: pad,
  Slice: slice,
  StridedSlice: stridedSlice,
  ResizeBilinear: resize('bilinear'),
  ResizeNearestNeighbor: resize('nearest'),
};
