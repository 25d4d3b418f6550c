export type { Padding, PerAxis } from '../ops/spatial.ts';
export * from './activation.ts';
export * from './conv.ts';
export {
  constantInit,
  defaultBiasInit,
  defaultWeightInit,
  fans,
  gain,
  initParameter,
  kaimingNormal,
  kaimingUniform,
  normalInit,
  onesInit,
  truncNormal,
  uniformInit,
  xavierNormal,
  xavierUniform,
  zerosInit,
  type BackendOption,
  type Initializer,
  type KaimingOptions,
  type Nonlinearity,
  type TruncNormalOptions,
  type WeightOptions,
} from './init.ts';
export * from './layers.ts';
export * from './module.ts';
export { Parameter, StateBuffer } from './parameter.ts';
export * from './sequential.ts';
export * from './stages.ts';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  type BatchNormModuleOptions,
  type NormOptions,
} from './norm.ts';
export * from './pool.ts';
export * from './random-context.ts';
export { isWindowed, type LayoutOption, type Windowed, type WindowGeometry } from './window.ts';
export { batchObserver, type BatchObserver, type MovingStatistics } from './moving-statistics.ts';
