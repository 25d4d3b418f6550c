import { sizeOf, type OpAttrs, type OpInputs, type OpName, type TensorSpec } from '@graftjs/core';
import type { GraphBuilder, Value } from './builder.ts';
import { convLowerings } from './conv.ts';
import { elementwiseLowerings } from './elementwise.ts';
import type { Lowerings } from './lowerings.ts';
import { movementLowerings } from './movement.ts';
import { poolLowerings } from './pool.ts';
import { reduceLowerings } from './reduce.ts';

const lowerings: Lowerings = {
  ...elementwiseLowerings,
  ...reduceLowerings,
  ...movementLowerings,
  ...convLowerings,
  ...poolLowerings,
};

/** A primitive of core in ONNX nodes, as `primitives.ts` defines it; the shapes are those of the inputs given. */
export function lower<N extends OpName>(
  b: GraphBuilder,
  op: N,
  inputs: OpInputs<Value>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
): Value {
  return ofNothing(b, op, inputs, attrs, output) ?? lowerings[op](b, inputs, attrs, output);
}

/** What comes of empty tensors, which runtimes are not asked about; undefined where there are none. */
function ofNothing(
  b: GraphBuilder,
  op: OpName,
  inputs: readonly Value[],
  attrs: object,
  { shape, dtype }: TensorSpec,
): Value | undefined {
  if (sizeOf(shape) === 0) return b.constant(0, shape, dtype);
  if (op === 'concat' || inputs.every((x) => sizeOf(x.shape) > 0)) return undefined;
  const value = op === 'pad' ? (attrs as OpAttrs['pad']).value : 0;
  return b.constant(value, shape, dtype);
}
