import type { OnnxNode } from '@graftjs/onnx-graph';
import { integerType, type ElementType } from '../graph/element.ts';
import type { Json } from '../graph/graph.ts';
import { constantOf, Unsupported, type Value } from '../graph/lowering.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrInt } from './node.ts';
import { convAttrs } from './ops-conv.ts';
import { averageAttrs } from './ops-pool.ts';

/** The range of the integers that a zero point is of. */
function rangeOf(element: ElementType | undefined): { low: number; high: number } {
  const type = integerType(element);
  if (!type || type.bits > 16) throw new Unsupported(`to ${element ?? 'an unknown type'}`);
  const size = 2 ** type.bits;
  return type.signed ? { low: -size / 2, high: size / 2 - 1 } : { low: 0, high: size - 1 };
}
function wantBytes(to: OnnxLowering, ...inputs: number[]): void {
  for (const i of inputs) {
    const element = to.elementOf(i);
    if (integerType(element)?.bits !== 8) throw new Unsupported(`of ${element ?? 'an unknown type'}`);
  }
}
/** A zero point that is left out is 0. */
const zero = (to: OnnxLowering, i: number): Value => to.optional(i) ?? to.number(0, 'int32');

/** y = saturate(round(x / scale) + zero point). */
function quantized(
  to: OnnxLowering,
  x: Value,
  scale: Value,
  zeroPoint: Value,
  attrs: Record<string, Json>,
): Value {
  const element = zeroPoint.element ?? 'uint8';
  return to.add('quantize', [x, scale, zeroPoint], { ...attrs, ...rangeOf(element) }, element);
}

const quantize: Translation = (node, to) => {
  if (attrInt(node, 'block_size', 0) !== 0) throw new Unsupported('block_size');
  if (attrInt(node, 'output_dtype', 0) !== 0) throw new Unsupported('output_dtype');
  to.output(quantized(to, to.input(0), to.input(1), zero(to, 2), { axis: attrInt(node, 'axis', 1) }));
};
const dequantize: Translation = (node, to) => {
  if (attrInt(node, 'block_size', 0) !== 0) throw new Unsupported('block_size');
  const attrs = { axis: attrInt(node, 'axis', 1) };
  to.give('dequantize', [to.input(0), to.input(1), zero(to, 2)], attrs, 'float32');
};

/**
 * To uint8 over the range of x, which is widened to hold 0. Outputs: y, scale, zero point. Left out (`leftOut`) it is x, 1
 * and 0, which means the same.
 */
const dynamicQuantize: Translation = (_, to) => {
  const x = to.input(0);
  if (to.leavesOut && x.kind === 'computed') {
    to.output({ ...x, real: true, element: 'float32' });
    to.output(constantOf('float32', [], [1]), 1);
    return to.output({ ...constantOf('int32', [], [0]), element: 'uint8' }, 2);
  }
  const end = (op: string, limit: string): Value =>
    to.add(limit, [to.add(op, [x], { keepDims: false }), to.number(0)]);
  const [low, high] = [end('min', 'minimum'), end('max', 'maximum')];
  const scale = to.add('div', [to.add('sub', [high, low]), to.number(255)]);
  const start = to.add('neg', [low]);
  const zeroPoint = to.add('quantize', [start, scale, to.number(0)], { low: 0, high: 255 }, 'uint8');
  to.output(quantized(to, x, scale, zeroPoint, {}));
  to.output(scale, 1);
  to.output(zeroPoint, 2);
};

/** Real numbers, or a constant of bytes less its zero point, one or one for each element of `axis`. */
function realOperand(to: OnnxLowering, i: number, z: number, axis: number): Value {
  const v = to.input(i);
  if (v.kind === 'computed' && v.real) return { ...v, real: false };
  const zeros = to.optional(z) ? to.constant(z).values.length : 1;
  const ones = constantOf('float32', zeros === 1 ? [] : [zeros], new Array<number>(zeros).fill(1));
  return to.add('dequantize', [v, ones, zero(to, z)], { axis }, 'float32');
}
const isReal = (v: Value): boolean => v.kind === 'computed' && v.real === true;

/** Stores weights; `isStep`: as whole numbers, with their scale behind the layer. */
function stored(to: OnnxLowering, v: Value, isStep: boolean): Value {
  if (v.kind !== 'constant') return v;
  const weight = to.store(v.array, 'weight', true, v.source);
  if (isStep) to.steps.add(weight.name);
  return weight;
}
/** x · w with x real: a linear layer where w is constant. */
function realMatmul(to: OnnxLowering, x: Value, w: Value, isStep: boolean): Value {
  if (w.kind !== 'constant' || w.array.shape.length !== 2)
    return to.add('matmul', [stored(to, x, isStep), stored(to, w, isStep)]);
  const turned = to.add('transpose', [w], { perm: [1, 0] });
  return to.add('linear', [x, stored(to, turned, isStep)]);
}

const integerMatmul: Translation = (_, to) => {
  if (isReal(to.input(0)) || isReal(to.input(1)))
    return to.output(realMatmul(to, realOperand(to, 0, 2, -2), realOperand(to, 1, 3, -1), true));
  wantBytes(to, 0, 1);
  const y = to.add('integerMatmul', [to.input(0), to.input(1), zero(to, 2), zero(to, 3)]);
  to.give('cast', [y], { dtype: 'int32' }, 'int32');
};

const integerConv: Translation = (node, to) => {
  if (isReal(to.input(0))) {
    const w = stored(to, realOperand(to, 1, 3, 0), true);
    return to.give('conv', [realOperand(to, 0, 2, 0), w], convAttrs(node, to, 1), 'float32');
  }
  wantBytes(to, 0, 1);
  const inputs = [to.input(0), to.input(1), zero(to, 2), zero(to, 3)];
  to.give('cast', [to.add('integerConv', inputs, convAttrs(node, to, 1))], { dtype: 'int32' }, 'int32');
};

/** Input `i` as real numbers, by the scale and zero point behind it; one for each element of `axis` if there are several. */
function real(to: OnnxLowering, i: number, axis: number): Value {
  return to.add('dequantize', [to.input(i), to.input(i + 1), zero(to, i + 2)], { axis }, 'float32');
}

/** Inputs a, its scale and zero point, b and its, and those of the result. Weights that are constant are dequantised. */
const quantizedMatmul: Translation = (_, to) => {
  wantBytes(to, 0, 3);
  if (to.input(3).kind === 'constant') {
    const y = realMatmul(to, real(to, 0, -2), real(to, 3, -1), false);
    return to.output(quantized(to, y, to.input(6), to.input(7), {}));
  }
  const sums = to.add('integerMatmul', [to.input(0), to.input(3), to.input(2), to.input(5)]);
  const rows = to.add('scaleAlong', [sums, to.input(1)], { axis: -2 });
  const scaled = to.add('scaleAlong', [rows, to.input(4)], { axis: -1 });
  to.output(quantized(to, scaled, to.input(6), to.input(7), {}));
};
/** The same for a convolution; its bias is in units of both scales. */
const quantizedConv: Translation = (node, to) => {
  wantBytes(to, 0, 3);
  if (to.input(3).kind === 'constant') {
    const w = stored(to, real(to, 3, 0), false);
    const y = to.add('conv', [real(to, 0, 1), w, realBias(to, 8, 1, 4)], convAttrs(node, to, 3), 'float32');
    return to.output(quantized(to, y, to.input(6), to.input(7), {}));
  }
  const sums = to.add(
    'integerConv',
    [to.input(0), to.input(3), to.input(2), to.input(5)],
    convAttrs(node, to, 3),
  );
  if (to.optional(8)) throw new Unsupported('a bias beside computed weights');
  const perImage = to.add('scaleAlong', [sums, to.input(1)], { axis: 1 });
  const scaled = to.add('scaleAlong', [perImage, to.input(4)], { axis: 1 });
  to.output(quantized(to, scaled, to.input(6), to.input(7), {}));
};
/** Input `i`, whole numbers in units of the scales that inputs `a` and `b` are. */
function realBias(to: OnnxLowering, i: number, a: number, b: number): Value | undefined {
  const bias = to.optional(i);
  if (!bias) return undefined;
  const scale = to.add('mul', [to.input(a), to.input(b)]);
  const y = to.add('dequantize', [bias, scale, to.number(0, 'int32')], { axis: 0 }, 'float32');
  return y.kind === 'constant' ? to.store(y.array, 'bias', true, y.source) : y;
}

// What ONNX Runtime's quantiser writes beside ONNX's own.

/** a, its scale and zero point, b and its, and those of the result. */
const quantizedBinary =
  (op: string): Translation =>
  (_, to) => {
    wantBytes(to, 0, 3);
    const y = to.add(op, [real(to, 0, 1), real(to, 3, 1)]);
    to.output(quantized(to, y, to.input(6), zero(to, 7), {}));
  };
/** x, its scale and zero point, and those of the result. */
const quantizedUnary =
  (y: (x: Value, node: OnnxNode, to: OnnxLowering) => Value): Translation =>
  (node, to) => {
    wantBytes(to, 0);
    to.output(quantized(to, y(real(to, 0, 1), node, to), to.input(3), zero(to, 4), {}));
  };
const wantChannelsFirst = (node: OnnxNode): void => {
  if (attrInt(node, 'channels_last', 0) !== 0) throw new Unsupported('channels_last');
};
/** The result's scale and zero point, then each input's values, scale and zero point. */
const quantizedConcat: Translation = (node, to) => {
  const count = (to.inputCount - 2) / 3;
  const parts = Array.from({ length: count }, (_, k) => real(to, 2 + 3 * k, 1));
  const y = to.add('concat', parts, { axis: attrInt(node, 'axis', 0) });
  to.output(quantized(to, y, to.input(0), to.input(1), {}));
};
/** a, its scale and zero point, b and its, a bias in units of both scales, and those of the result, or none for floats. */
const quantizedGemm: Translation = (node, to) => {
  wantBytes(to, 0, 3);
  const [transA, transB] = [attrInt(node, 'transA', 0) !== 0, attrInt(node, 'transB', 0) !== 0];
  if (transA || attrFloat(node, 'alpha', 1) !== 1) throw new Unsupported('transA, or alpha');
  const w = real(to, 3, transB ? 0 : 1);
  const turned = transB ? w : to.add('transpose', [w], { perm: [1, 0] });
  const bias = realBias(to, 6, 1, 4);
  const y = to.add('linear', [real(to, 0, 1), stored(to, turned, false), bias]);
  to.output(to.optional(7) ? quantized(to, y, to.input(7), zero(to, 8), {}) : y);
};
/** x in floats, weights, their scale and zero point, and a bias. */
const dynamicMatmul: Translation = (_, to) => {
  const w = to.add('dequantize', [to.input(1), to.input(2), zero(to, 3)], { axis: -1 }, 'float32');
  const y = realMatmul(to, to.input(0), w, false);
  to.output(to.optional(4) ? to.add('add', [y, to.weight(4, 'bias')]) : y);
};
/** Bytes a and b, their scales, their zero points, and a bias: the product in floats. */
const matmulToFloat: Translation = (_, to) => {
  const at = (i: number, axis: number): Value => {
    const v = to.input(i);
    if (isReal(v)) return { ...v, real: false } as Value;
    return to.add('dequantize', [v, to.input(i + 2), zero(to, i + 4)], { axis }, 'float32');
  };
  const y = realMatmul(to, at(0, -2), at(1, -1), false);
  to.output(to.optional(6) ? to.add('add', [y, to.weight(6, 'bias')]) : y);
};

export const quantizeOps: Readonly<Record<string, Translation>> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: integerMatmul,
  ConvInteger: integerConv,
  QLinearMatMul: quantizedMatmul,
  QLinearConv: quantizedConv,
  'com.microsoft.QuantizeLinear': quantize,
  'com.microsoft.DequantizeLinear': dequantize,
  'com.microsoft.DynamicQuantizeMatMul': dynamicMatmul,
  'com.microsoft.MatMulIntegerToFloat': matmulToFloat,
  'com.microsoft.QGemm': quantizedGemm,
  'com.microsoft.QLinearAdd': quantizedBinary('add'),
  'com.microsoft.QLinearMul': quantizedBinary('mul'),
  'com.microsoft.QLinearConcat': quantizedConcat,
  'com.microsoft.QLinearSigmoid': quantizedUnary((x, _, to) => to.add('sigmoid', [x])),
  'com.microsoft.QLinearLeakyRelu': quantizedUnary((x, node, to) =>
    to.add('leakyRelu', [x], { slope: attrFloat(node, 'alpha', 0.01) }),
  ),
  'com.microsoft.QLinearGlobalAveragePool': quantizedUnary((x, node, to) => {
    wantChannelsFirst(node);
    return to.add('globalAvgPool', [x], { layout: 'channels-first' });
  }),
  'com.microsoft.QLinearAveragePool': quantizedUnary((x, node, to) => {
    wantChannelsFirst(node);
    return to.add('avgPool', [x], averageAttrs(node));
  }),
};
