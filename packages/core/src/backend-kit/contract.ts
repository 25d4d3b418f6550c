/** What backends get of modules that have more in them, for core's own use. */
export type {
  BatchNormAttrs,
  FusedActivation,
  FusedAttrs,
  FusedInputs,
  FusedName,
  FusedOutputs,
} from '../fused.ts';
export {
  inputsOf,
  isComposite,
  outputsOf,
  type CompositeNode,
  type Graph,
  type GraphNode,
  type PrimitiveNode,
} from '../graph.ts';
export { relieve } from '../lost.ts';
