export { architectures, type ArchitectureConfigs, type ArchitectureName } from './architectures.ts';
export { loadBaseFrom, type LoadBaseFromOptions } from './base.ts';
export { BasicBlock, ConvNormActivation, InvertedResidual } from './blocks.ts';
export { COCO_MOBILENET_V3, cocoMobilenetPreprocess } from './coco-mobilenet-v3.ts';
export { buildModel, describeModel, type BuildOptions, type ModelDescription } from './describe.ts';
export {
  encodeModel,
  loadModel,
  MODEL_FORMAT_VERSION,
  readModelInfo,
  saveModel,
  WeightsOnlyError,
  type LoadedModel,
  type LoadOptions,
  type ModelInfo,
  type SaveOptions,
} from './model-file.ts';
export { mobilenetV2, type MobileNetV2Config } from './mobilenet-v2.ts';
export { resnet18, resnet34, type ResNetConfig } from './resnet.ts';
export { loadWeights, saveWeights, type LoadWeightsOptions } from './weights-file.ts';
export { smallCnn, type SmallCnnConfig } from './small-cnn.ts';
