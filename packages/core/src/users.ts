/** What users get of modules that have more in them, for core's own use and for the other doors. */
export type { Backend } from './backend.ts';
export { version } from './copies.ts';
export { ArraySource, Subset, type DataSource } from './data.ts';
export { batchNorm, type BatchNormOptions, type ChannelStatistics } from './functional/batch-norm.ts';
export { crossEntropy, nll, type CrossEntropyOptions } from './functional/cross-entropy.ts';
export { linear } from './functional/linear.ts';
export { logSoftmax, softmax } from './functional/softmax.ts';
export type { MemoryCount } from './ledger.ts';
export { freeLost } from './lost.ts';
export { memory, peakMemory } from './memory.ts';
export {
  Module,
  stagesOf,
  type NamePattern,
  type Stage,
  type StateDict,
  type StateEntry,
} from './nn/module.ts';
export { Parameter, StateBuffer } from './nn/parameter.ts';
export { manualSeed, withRandom } from './nn/random-context.ts';
export type { LayoutOption } from './nn/spatial.ts';
export { noGrad } from './op.ts';
export { conv, convTranspose, type ConvOptions, type ConvTransposeOptions } from './ops/conv.ts';
export {
  abs,
  add,
  cast,
  ceil,
  clip,
  div,
  equal,
  erf,
  exp,
  expm1,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  relu,
  round,
  rsqrt,
  select,
  sigmoid,
  sign,
  sqrt,
  sub,
  tanh,
  trunc,
} from './ops/elementwise.ts';
export { matmul, type MatmulOptions } from './ops/matmul.ts';
export {
  broadcastTo,
  concat,
  expandDims,
  flatten,
  flip,
  gather,
  index,
  oneHot,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  stack,
  transpose,
  type PadAmounts,
} from './ops/movement.ts';
export {
  adaptiveAvgPool,
  adaptiveMaxPool,
  avgPool,
  globalAvgPool,
  globalMaxPool,
  globalStatsPool,
  maxPool,
  type AvgPoolOptions,
  type PoolOptions,
} from './ops/pool.ts';
export { argmax, max, mean, min, sum, variance } from './ops/reduce.ts';
export type { Padding, PerAxis } from './ops/spatial.ts';
export type { BaseHyper, GroupOptions, Optimizer, OptimizerEntry } from './optim/optimizer.ts';
export { imageNetPreprocess, inputShape, type Preprocess } from './preprocess.ts';
export type { Checkpoint, CheckpointStore, SavedTensor } from './train/checkpoint.ts';
export { evaluate, type EvaluateOptions, type Evaluation } from './train/evaluate.ts';
export { FeatureCache, type FeatureCacheOptions, type FeatureStore } from './train/feature-cache.ts';
export { receptiveField, summarize, type LayerSummary } from './train/receptive-field.ts';
export { transfer, type BaseModel, type TransferOptions } from './train/transfer.ts';
export {
  sameShape,
  showShape,
  sizeOf,
  type DType,
  type Layout,
  type Shape,
  type TensorSpec,
  type TypedArray,
} from './types.ts';
