export * from './autograd.ts';
export * from './backend.ts';
export * from './default-backend.ts';
export * from './errors.ts';
export * from './math/index.ts';
export { memory, type MemoryCount } from './memory.ts';
export {
  composite,
  customVjp,
  noGrad,
  withRecorders,
  withRunner,
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
export type { Graph, GraphNode } from './graph.ts';
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
