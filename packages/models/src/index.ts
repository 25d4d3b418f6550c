export { baseOf, loadBaseFrom, type BaseNotes } from './base.ts';
export { BasicBlock, ConvNormActivation, InvertedResidual } from './blocks.ts';
export { buildModel } from './build-model.ts';
export { describeModel, type BuildOptions, type ModelDescription } from './describe.ts';
export {
  loadModel,
  notesOf,
  saveOnnx,
  wantOneOutput,
  type LoadedModel,
  type LoadOptions,
  type SaveOnnxOptions,
} from './load.ts';
export {
  encodeModel,
  MODEL_FORMAT_VERSION,
  modelParts,
  readModelInfo,
  saveModel,
  WeightsOnlyError,
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
