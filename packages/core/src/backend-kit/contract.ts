/** What backends get of modules that have more in them, for core's own use. */
export type {
  BatchNormAttrs,
  FusedActivation,
  FusedAttrs,
  FusedInputs,
  FusedKernel,
  FusedKernels,
  FusedName,
  FusedOutputs,
} from '../fused.ts';
export type { CompositeNode, Graph, GraphNode, PrimitiveNode } from '../graph.ts';
export { relieve } from '../lost.ts';
