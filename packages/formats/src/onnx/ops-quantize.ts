import type { OnnxElement, OnnxNode } from '@graftjs/onnx-graph';
import type { Json } from '../graph.ts';
import type { OnnxLowering, Translation, Value } from './lower.ts';
import { attrInt, integerType, Unsupported } from './node.ts';
import { spatialRank, windowAttrs } from './ops-conv.ts';

/** The range of the integers that a zero point is of. */
function rangeOf(element: OnnxElement | undefined): { low: number; high: number } {
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

/** To uint8 over the range of x, which is widened to hold 0. Outputs: y, scale, zero point. */
const dynamicQuantize: Translation = (_, to) => {
  const x = to.input(0);
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

const integerMatmul: Translation = (_, to) => {
  wantBytes(to, 0, 1);
  const y = to.add('integerMatmul', [to.input(0), to.input(1), zero(to, 2), zero(to, 3)]);
  to.give('cast', [y], { dtype: 'int32' }, 'int32');
};

function convAttrs(node: OnnxNode, to: OnnxLowering, weights: number): Record<string, Json> {
  const window = windowAttrs(node, spatialRank(node, to, weights));
  return { ...window, groups: attrInt(node, 'group', 1), layout: 'channels-first' };
}
const integerConv: Translation = (node, to) => {
  wantBytes(to, 0, 1);
  const inputs = [to.input(0), to.input(1), zero(to, 2), zero(to, 3)];
  to.give('cast', [to.add('integerConv', inputs, convAttrs(node, to, 1))], { dtype: 'int32' }, 'int32');
};

/** Inputs a, its scale and zero point, b and its, and those of the result. */
const quantizedMatmul: Translation = (_, to) => {
  wantBytes(to, 0, 3);
  const sums = to.add('integerMatmul', [to.input(0), to.input(3), to.input(2), to.input(5)]);
  const rows = to.add('scaleAlong', [sums, to.input(1)], { axis: -2 });
  const real = to.add('scaleAlong', [rows, to.input(4)], { axis: -1 });
  to.output(quantized(to, real, to.input(6), to.input(7), {}));
};
/** The same for a convolution; its bias is in units of both scales. */
const quantizedConv: Translation = (node, to) => {
  wantBytes(to, 0, 3);
  const sums = to.add(
    'integerConv',
    [to.input(0), to.input(3), to.input(2), to.input(5)],
    convAttrs(node, to, 3),
  );
  if (to.optional(8)) throw new Unsupported('a bias');
  const perImage = to.add('scaleAlong', [sums, to.input(1)], { axis: 1 });
  const real = to.add('scaleAlong', [perImage, to.input(4)], { axis: 1 });
  to.output(quantized(to, real, to.input(6), to.input(7), {}));
};

export const quantizeOps: Readonly<Record<string, Translation>> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: integerMatmul,
  ConvInteger: integerConv,
  QLinearMatMul: quantizedMatmul,
  QLinearConv: quantizedConv,
};
