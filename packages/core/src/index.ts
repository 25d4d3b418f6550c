export * from './autograd.ts';
export * from './backend.ts';
export { version } from './copies.ts';
export * from './default-backend.ts';
export * from './errors.ts';
export * from './math/index.ts';
export { freeLost, relieve } from './lost.ts';
export type { MemoryCount } from './ledger.ts';
export { memory, peakMemory } from './memory.ts';
export {
  composite,
  customVjp,
  freeEarly,
  noGrad,
  takesWhole,
  withRecorders,
  withRunner,
  type CompositeCall,
  type OpDefinition,
  type Recorded,
  type Recorder,
  type Runner,
  type Vjp,
  type VjpContext,
} from './op.ts';
export * from './data.ts';
export type {
  BatchNormAttrs,
  FusedActivation,
  FusedAttrs,
  FusedComposite,
  FusedKernel,
  FusedKernels,
  FusedName,
} from './fused.ts';
export { fusedComposites } from './fused-composites.ts';
export { compile, type Compiled, type CompileOptions } from './compile/compile.ts';
export { interpret } from './compile/interpret.ts';
export { record, type RecordedCall, type Recording } from './compile/record.ts';
export type { Feed } from './compile/trace.ts';
export type { Graph, GraphNode } from './graph.ts';
export { hostEffect, type Cell } from './tracing.ts';
export * from './functional/index.ts';
export * from './metrics.ts';
export * from './nn/index.ts';
export * from './ops/index.ts';
export * from './optim/index.ts';
export * from './primitives.ts';
export * from './rng/index.ts';
export * from './tensor.ts';
export * from './types.ts';
export * from './train/index.ts';
