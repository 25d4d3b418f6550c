import type { OpDefinition } from '../op.ts';
import type { OpName } from '../primitives.ts';
import { ops } from './bound.ts';
import * as convolution from './conv.ts';
import * as create from './create.ts';
import * as elementwise from './elementwise.ts';
import * as linear from './matmul.ts';
import * as movement from './movement.ts';
import * as pooling from './pool.ts';
import * as reduction from './reduce.ts';

Object.assign(ops, create, elementwise, movement, reduction, linear, convolution, pooling);

/** Every primitive's definition. Total on purpose, like `Kernels`: conformance walks it. */
export const primitives: { readonly [N in OpName]: OpDefinition<N> } = {
  unary: elementwise.unaryOp,
  binary: elementwise.binaryOp,
  compare: elementwise.compareOp,
  select: elementwise.selectOp,
  cast: elementwise.castOp,
  reduce: reduction.reduceOp,
  matmul: linear.matmulOp,
  reshape: movement.reshapeOp,
  transpose: movement.transposeOp,
  slice: movement.sliceOp,
  pad: movement.padOp,
  concat: movement.concatOp,
  broadcastTo: movement.broadcastToOp,
  gather: movement.gatherOp,
  scatterAdd: movement.scatterAddOp,
  conv: convolution.convOp,
  convInputGrad: convolution.convInputGradOp,
  convWeightGrad: convolution.convWeightGradOp,
  maxPool: pooling.maxPoolOp,
  maxPoolGrad: pooling.maxPoolGradOp,
  avgPool: pooling.avgPoolOp,
  avgPoolGrad: pooling.avgPoolGradOp,
};

export * from './conv.ts';
export * from './create.ts';
export * from './elementwise.ts';
export * from './matmul.ts';
export * from './movement.ts';
export * from './pool.ts';
export * from './reduce.ts';
