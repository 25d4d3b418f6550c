import type { LayerOptions } from './init.ts';
import type { Module } from './module.ts';
import {
  ReLU,
  ReLU6,
  SiLU,
  Hardswish,
  Hardsigmoid,
  Sigmoid,
  Tanh,
  Mish,
  LeakyReLU,
  ELU,
  GELU,
  Softplus,
  Softmax,
  LogSoftmax,
  Hardtanh,
  PReLU,
} from './activation.ts';
import { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv.ts';
import { Linear, Dropout, Flatten, Identity, Upsample, Residual, SqueezeExcite } from './layers.ts';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, LayerNorm, GroupNorm, InstanceNorm } from './norm.ts';
import {
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  GlobalAvgPool1d,
  GlobalAvgPool2d,
  GlobalAvgPool3d,
  GlobalMaxPool1d,
  GlobalMaxPool2d,
  GlobalMaxPool3d,
  GlobalStatsPool1d,
  GlobalStatsPool2d,
  GlobalStatsPool3d,
} from './pool.ts';
import { Sequential } from './sequential.ts';

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
  type ConfigOf,
  type Initializer,
  type KaimingOptions,
  type LayerOptions,
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
export type { LayoutOption } from './spatial.ts';
export { batchObserver, type BatchObserver, type MovingStatistics } from './moving-statistics.ts';

/** A class of layers that a model file can name: see `Module.config`. */
export interface LayerClass {
  readonly prototype: Module;
  /** Another module with this configuration: new weights, as the options say. The constructor checks what came from a file. */
  from(config: never, options?: LayerOptions): Module;
}

/** The layers of this package, by the names that model files have for them. A new layer is its class and a line here. */
export const layers: Readonly<Record<string, LayerClass>> = {
  Sequential,
  Linear,
  Dropout,
  Flatten,
  Identity,
  Upsample,
  Residual,
  SqueezeExcite,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  LayerNorm,
  GroupNorm,
  InstanceNorm,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  GlobalAvgPool1d,
  GlobalAvgPool2d,
  GlobalAvgPool3d,
  GlobalMaxPool1d,
  GlobalMaxPool2d,
  GlobalMaxPool3d,
  GlobalStatsPool1d,
  GlobalStatsPool2d,
  GlobalStatsPool3d,
  ReLU,
  ReLU6,
  SiLU,
  Hardswish,
  Hardsigmoid,
  Sigmoid,
  Tanh,
  Mish,
  LeakyReLU,
  ELU,
  GELU,
  Softplus,
  Softmax,
  LogSoftmax,
  Hardtanh,
  PReLU,
};
