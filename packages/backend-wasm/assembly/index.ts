export { affinePlanes, affineRows } from './affine';
export * from './conv';
export * from './conv-weights';
export {
  allFinite,
  cast_bool_float,
  cast_bool_int,
  cast_float_bool,
  cast_float_int,
  cast_int_bool,
  cast_int_float,
  fillBytes,
  fillWords,
  select,
} from './convert';
export { softmaxCrossEntropy, softmaxCrossEntropyGrad } from './cross-entropy';
export { depthwise, depthwiseWeightGrad } from './depthwise';
export * from './direct';
export * from './elementwise';
export * from './matmul';
export * from './movement';
export { batchNormFirst, batchNormGradFirst } from './norm';
export { batchNormGradLast, batchNormLast } from './norm-last';
export { packColumns } from './pack';
export { avgPool, maxPool } from './pool';
export { avgPoolGrad, maxPoolGrad } from './pool-grad';
export * from './reduce';
export { adam, sgd } from './steps';
export { setThread } from './thread';
