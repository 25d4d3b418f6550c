import type { OpDefinition } from '../op.ts';
import type { OpName } from '../primitives.ts';
import { ops, type BoundOps } from './bound.ts';
import * as convolution from './conv.ts';
import * as create from './create.ts';
import * as elementwise from './elementwise.ts';
import * as linear from './matmul.ts';
import * as movement from './movement.ts';
import * as pooling from './pool.ts';
import * as reduction from './reduce.ts';

const bound: BoundOps = {
  add: elementwise.add,
  arange: create.arange,
  argmax: reduction.argmax,
  broadcastTo: movement.broadcastTo,
  cast: elementwise.cast,
  concat: movement.concat,
  div: elementwise.div,
  equal: elementwise.equal,
  exp: elementwise.exp,
  expandDims: movement.expandDims,
  greater: elementwise.greater,
  index: movement.index,
  log: elementwise.log,
  matmul: linear.matmul,
  max: reduction.max,
  mean: reduction.mean,
  mul: elementwise.mul,
  neg: elementwise.neg,
  oneHot: movement.oneHot,
  pad: movement.pad,
  pow: elementwise.pow,
  relu: elementwise.relu,
  reshape: movement.reshape,
  select: elementwise.select,
  slice: movement.slice,
  sliceOp: movement.sliceOp,
  sqrt: elementwise.sqrt,
  sub: elementwise.sub,
  sum: reduction.sum,
  sumTo: reduction.sumTo,
  transpose: movement.transpose,
};
Object.assign(ops, bound);

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
