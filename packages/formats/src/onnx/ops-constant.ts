import { valuesOf } from '@graftjs/onnx-graph';
import { dtypeOf, isElement } from '../graph/element.ts';
import { constantOf, Unsupported } from '../graph/lowering.ts';
import type { Translation } from './lower.ts';
import { attrFloats, attrInts, attrTensor } from './node.ts';

const constant: Translation = (node, to) => {
  const tensor = attrTensor(node, 'value');
  if (tensor) return to.output(to.tensorConstant(tensor, node.outputs[0] ?? null));
  const { value_float: f, value_int: i } = node.attributes;
  if (f?.type === 'float') return to.output(constantOf('float32', [], [f.value]));
  if (i?.type === 'int') return to.output(constantOf('int32', [], [i.value]));
  const floats = attrFloats(node, 'value_floats');
  if (floats) return to.output(constantOf('float32', [floats.length], floats));
  const ints = attrInts(node, 'value_ints');
  if (ints) return to.output(constantOf('int32', [ints.length], ints));
  throw new Unsupported(`a constant by ${Object.keys(node.attributes).join(', ') || 'nothing'}`);
};

const constantOfShape: Translation = (node, to) => {
  const value = attrTensor(node, 'value');
  const element = value?.element ?? 'float32';
  if (!isElement(element)) throw new Unsupported(`values of ${element}`);
  to.give('fill', [to.extents(0)], { dtype: dtypeOf(element), value: value ? (valuesOf(value)[0] ?? 0) : 0 });
};

export const constants: Readonly<Record<string, Translation>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
};
