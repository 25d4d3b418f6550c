export { loadBaseFrom, type LoadBaseFromOptions } from './base.ts';
export { BasicBlock, ConvNormActivation, InvertedResidual } from './blocks.ts';
export { buildModel, describeModel, type BuildOptions, type ModelDescription } from './describe.ts';
export {
  encodeModel,
  loadModel,
  MODEL_FORMAT_VERSION,
  modelParts,
  readModelInfo,
  saveModel,
  WeightsOnlyError,
  type LoadedModel,
  type LoadOptions,
  type ModelInfo,
  type SaveOptions,
} from './model-file.ts';
export { networks } from './networks.ts';
export * from './networks/index.ts';
export type { Network, NetworkRecord, PublishedWeights } from './networks/network.ts';
export {
  loadWeights,
  saveWeights,
  weightParts,
  type FileParts,
  type LoadWeightsOptions,
} from './weights-file.ts';
