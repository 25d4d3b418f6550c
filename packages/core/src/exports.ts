/** What users get of modules that have more in them, for core's own use. */
export { version } from './copies.ts';
export { freeLost, relieve } from './lost.ts';
export type { MemoryCount } from './ledger.ts';
export { memory, peakMemory } from './memory.ts';
export {
  composite,
  customVjp,
  freeEarly,
  noGrad,
  withRecorders,
  withRunner,
  type CompositeHead,
  type OpDefinition,
  type Recorded,
  type Recorder,
  type Runner,
  type Vjp,
  type VjpContext,
} from './op.ts';
export type {
  BatchNormAttrs,
  FusedActivation,
  FusedAttrs,
  FusedComposite,
  FusedInputs,
  FusedKernel,
  FusedKernels,
  FusedName,
  FusedOutputs,
} from './fused.ts';
export { fusedComposites } from './fused-composites.ts';
export {
  inputsOf,
  isComposite,
  outputsOf,
  type CompositeNode,
  type Graph,
  type GraphNode,
  type PrimitiveNode,
} from './graph.ts';
export { hostEffect, type Cell } from './tracing.ts';
