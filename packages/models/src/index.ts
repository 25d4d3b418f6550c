export { baseOf, loadBaseFrom, type BaseNotes } from './base.ts';
export { ConvNormActivation } from './blocks.ts';
export { buildModel } from './build-model.ts';
export { describeModel, type BuildOptions, type ModelDescription } from './describe.ts';
export type { SaveOnnxOptions } from './imported-model.ts';
export { loadModel, saveOnnx } from './load.ts';
export { notesOf, wantOneOutput, type LoadedModel, type LoadOptions } from './loaded-model.ts';
export {
  encodeModel,
  MODEL_FORMAT_VERSION,
  modelParts,
  readModelInfo,
  saveModel,
  WeightsOnlyError,
  type ModelInfo,
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
  type SaveOptions,
} from './weights-file.ts';
