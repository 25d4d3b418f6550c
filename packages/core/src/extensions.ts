/** What authors of operations, layers and model readers get of modules that have more in them. */
export { wantLabels } from './data.ts';
export { storedAffine } from './functional/batch-norm.ts';
export { addBias } from './functional/channels.ts';
export { convAffine, convBias, type ConvAffineOptions } from './functional/conv-affine.ts';
export { convTransposeBias } from './functional/linear.ts';
export { standardize } from './functional/standardize.ts';
export { fusedComposites } from './fused-composites.ts';
export type { FusedComposite } from './op.ts';
export { layers, type LayerClass } from './nn/layers-by-name.ts';
export { fans, gain } from './nn/fans.ts';
export { evaluating, matchesName, wantModule, type Member } from './nn/module.ts';
export { batchObserver, type BatchObserver, type MovingStatistics } from './nn/moving-statistics.ts';
export { currentRandom } from './nn/random-context.ts';
export { stageRange, type StageRange } from './nn/module.ts';
export { forwardStages, runChain } from './nn/stages.ts';
export {
  composite,
  customVjp,
  freeEarly,
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
export {
  convInputGradOp,
  convOp,
  convWeightGradOp,
  resolveConv,
  resolveConvTranspose,
  zerosBehind,
} from './ops/conv.ts';
export { primitives } from './ops/definitions.ts';
export { resolvePadding } from './ops/spatial.ts';
export { binaryOp, castOp, compareOp, selectOp, unaryOp } from './ops/elementwise.ts';
export { matmulOp } from './ops/matmul.ts';
export {
  broadcastToOp,
  concatOp,
  gatherOp,
  padOp,
  reshapeOp,
  scatterAddOp,
  sliceOp,
  transposeOp,
} from './ops/movement.ts';
export { avgPoolGradOp, avgPoolOp, maxPoolGradOp, maxPoolOp } from './ops/pool.ts';
export { reduceOp, sumTo } from './ops/reduce.ts';
export type { Snapshot } from './optim/snapshot.ts';
export { parsePreprocess } from './preprocess.ts';
export { hostEffect, type Cell } from './tracing.ts';
export type { AbortSignalLike } from './train/abort.ts';
export { majorityWarning, scorer, yieldToEventLoop, type Scorer } from './train/evaluate.ts';
export { FrozenPrefix, runStages } from './train/feature-cache.ts';
export { FieldTracer, type Field } from './train/receptive-field.ts';
export { featureShape } from './train/transfer.ts';
