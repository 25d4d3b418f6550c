import type { OnnxNode } from '@graftjs/onnx-graph';
import { integerType } from '../graph/element.ts';
import type { Json } from '../graph/graph.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrInt, attrInts } from './node.ts';
import { windowAttrs } from './ops-conv.ts';

/** Kernel, stride, dilation and padding of a pool. */
function poolAttrs(node: OnnxNode): Record<string, Json> {
  const kernel = attrInts(node, 'kernel_shape');
  if (!kernel || kernel.length < 1 || kernel.length > 3 || !kernel.every((k) => k >= 1 && k <= 2 ** 16))
    throw new Unsupported(`kernel_shape [${(kernel ?? []).join(', ')}]`);
  return {
    ...windowAttrs(node, kernel.length),
    kernel: [...kernel],
    ceilMode: attrInt(node, 'ceil_mode', 0) !== 0,
    layout: 'channels-first',
  };
}

/** The maximum of integers of up to 16 bits is taken in float32, which holds them. */
function asFloats(to: OnnxLowering, f: (x: Value) => Value): Value {
  const element = to.elementOf(0);
  const type = integerType(element);
  if (!type) return f(to.input(0));
  if (type.bits > 16) throw new Unsupported(`of ${element}`);
  return to.add(
    'cast',
    [f(to.add('cast', [to.input(0)], { dtype: 'float32' }))],
    { dtype: 'int32' },
    element,
  );
}

/** A second output says where the maxima are. */
const maxPool: Translation = (node, to) => {
  const attrs = poolAttrs(node);
  to.output(asFloats(to, (x) => to.add('maxPool', [x], attrs)));
  if (!node.outputs[1]) return;
  const columnMajor = attrInt(node, 'storage_order', 0) !== 0;
  to.output(to.add('maxPoolIndices', [to.input(0)], { ...attrs, columnMajor }), 1);
};

export const averageAttrs = (node: OnnxNode): Record<string, Json> => ({
  ...poolAttrs(node),
  countIncludePad: attrInt(node, 'count_include_pad', 0) !== 0,
});
const averagePool: Translation = (node, to) => to.give('avgPool', [to.input(0)], averageAttrs(node));

/** p was a float in the first version. */
function powerOf(node: OnnxNode): number {
  const p = node.attributes['p']?.type === 'float' ? attrFloat(node, 'p', 2) : attrInt(node, 'p', 2);
  if (!(p >= 1)) throw new Unsupported(`p ${p}`);
  return p;
}

const global =
  (op: string): Translation =>
  (_, to) =>
    to.give(op, [to.input(0)], { layout: 'channels-first' });

/** The indices must be known; without a shape, it is the smallest that the windows fit. */
const maxUnpool: Translation = (node, to) => {
  to.constant(1);
  const shape = to.optional(2) && to.extents(2);
  to.give('maxUnpool', [to.input(0), to.knownInput(1), shape], poolAttrs(node));
};

export const pools: Readonly<Record<string, Translation>> = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: (node, to) => to.give('lpPool', [to.input(0)], { ...poolAttrs(node), p: powerOf(node) }),
  GlobalAveragePool: global('globalAvgPool'),
  GlobalMaxPool: global('globalMaxPool'),
  GlobalLpPool: (node, to) => to.give('globalLpPool', [to.input(0)], { p: powerOf(node) }),
  MaxUnpool: maxUnpool,
};
