import type { OpAttrs, OpInputs, OpName, TensorSpec } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';

/** A primitive in ONNX nodes, given the shapes. No input is empty, but perhaps one of `concat`; nor is the output. */
type Lowering<N extends OpName> = (
  b: GraphBuilder,
  inputs: OpInputs<Value>[N],
  attrs: OpAttrs[N],
  output: TensorSpec,
) => Value;

/** One for every primitive: leaving out a gradient is a compile error. */
export type Lowerings = { readonly [N in OpName]: Lowering<N> };
