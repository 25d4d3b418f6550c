import { ops, type BoundOps } from './bound.ts';
import * as create from './create.ts';
import * as elementwise from './elementwise.ts';
import * as linear from './matmul.ts';
import * as movement from './movement.ts';
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

export * from './conv.ts';
export * from './create.ts';
export * from './elementwise.ts';
export * from './matmul.ts';
export * from './movement.ts';
export * from './pool.ts';
export * from './reduce.ts';
