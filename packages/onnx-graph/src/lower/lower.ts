import {
  fillOfEmptyInputs,
  type OpAttrs,
  type OpInputs,
  type OpName,
  type TensorSpec,
} from '@graftjs/core/backend';
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
  // Runtimes are not asked about empty tensors.
  const value = fillOfEmptyInputs(op, inputs, attrs, output);
  if (value !== undefined) return b.constant(value, output.shape, output.dtype);
  return lowerings[op](b, inputs, attrs, output);
}
