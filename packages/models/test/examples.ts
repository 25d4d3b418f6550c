import * as core from '@graftjs/core';
import { Sequential, type Module } from '@graftjs/core';
import { BasicBlock, ConvNormActivation, Fire, InvertedResidual } from '../src/index.ts';

const layout = 'channels-last';

/**
 * Layers of every kind, most with options that are not the defaults, and the shape of an input for each. The files of
 * `apps/cli/test/old-files` hold them, so those that are here stay as they are.
 */
export const examples: readonly (readonly [name: string, make: () => Module, input: readonly number[]])[] = [
  ['Conv1d', () => new core.Conv1d(4, 6, 3, { stride: 2, padding: 'same', bias: false }), [2, 4, 9]],
  [
    'Conv2d',
    () => new core.Conv2d(4, 6, [3, 1], { padding: [[1, 0], 0], groups: 2, dilation: 2, layout }),
    [2, 8, 9, 4],
  ],
  ['Conv3d', () => new core.Conv3d(2, 2, 2), [1, 2, 3, 4, 3]],
  ['ConvTranspose1d', () => new core.ConvTranspose1d(2, 3, 3, { stride: 2 }), [2, 2, 5]],
  [
    'ConvTranspose2d',
    () => new core.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    [1, 4, 3, 3],
  ],
  ['ConvTranspose3d', () => new core.ConvTranspose3d(2, 2, 2), [1, 2, 2, 2, 2]],
  ['Linear', () => new core.Linear(4, 3, { bias: false }), [2, 4]],
  ['BatchNorm1d', () => new core.BatchNorm1d(4, { affine: false, eps: 0.5 }), [3, 4]],
  ['BatchNorm2d', () => new core.BatchNorm2d(4, { momentum: 0.5, layout }), [2, 2, 2, 4]],
  ['BatchNorm3d', () => new core.BatchNorm3d(2), [1, 2, 2, 2, 2]],
  ['LayerNorm', () => new core.LayerNorm([3, 4], { eps: 0.1 }), [2, 3, 4]],
  ['GroupNorm', () => new core.GroupNorm(2, 4, { affine: false }), [2, 4, 2, 2]],
  ['InstanceNorm', () => new core.InstanceNorm(4, { affine: true, layout }), [2, 2, 2, 4]],
  ['Dropout', () => new core.Dropout(0.3, { per: 'channel', layout }), [1, 2, 2, 3]],
  ['Flatten', () => new core.Flatten(2), [2, 3, 2]],
  ['Identity', () => new core.Identity(), [2, 3]],
  ['Upsample', () => new core.Upsample({ scale: [2, 3], mode: 'linear', layout }), [1, 2, 2, 2]],
  ['PixelShuffle', () => new core.PixelShuffle(2, { layout }), [1, 3, 2, 8]],
  ['PixelUnshuffle', () => new core.PixelUnshuffle(2, { order: 'DCR' }), [1, 3, 4, 6]],
  ['MaxPool1d', () => new core.MaxPool1d(2), [1, 2, 6]],
  [
    'MaxPool2d',
    () => new core.MaxPool2d([2, 3], { stride: 1, dilation: 2, ceilMode: true, layout }),
    [1, 6, 7, 2],
  ],
  ['MaxPool3d', () => new core.MaxPool3d(2), [1, 2, 4, 2, 4]],
  ['AvgPool1d', () => new core.AvgPool1d(2), [1, 2, 6]],
  ['AvgPool2d', () => new core.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }), [1, 2, 6, 6]],
  ['AvgPool3d', () => new core.AvgPool3d(2), [1, 2, 2, 4, 4]],
  ['AdaptiveAvgPool1d', () => new core.AdaptiveAvgPool1d(2), [1, 2, 7]],
  ['AdaptiveAvgPool2d', () => new core.AdaptiveAvgPool2d([2, 3], { layout }), [1, 5, 7, 2]],
  ['AdaptiveAvgPool3d', () => new core.AdaptiveAvgPool3d(2), [1, 1, 3, 4, 4]],
  ['AdaptiveMaxPool1d', () => new core.AdaptiveMaxPool1d(2), [1, 2, 7]],
  ['AdaptiveMaxPool2d', () => new core.AdaptiveMaxPool2d(2), [1, 2, 5, 7]],
  ['AdaptiveMaxPool3d', () => new core.AdaptiveMaxPool3d(2), [1, 1, 3, 4, 4]],
  ['GlobalAvgPool1d', () => new core.GlobalAvgPool1d(), [1, 2, 7]],
  ['GlobalAvgPool2d', () => new core.GlobalAvgPool2d({ keepDims: true, layout }), [1, 5, 7, 2]],
  ['GlobalAvgPool3d', () => new core.GlobalAvgPool3d(), [1, 2, 3, 4, 4]],
  ['GlobalMaxPool1d', () => new core.GlobalMaxPool1d(), [1, 2, 7]],
  ['GlobalMaxPool2d', () => new core.GlobalMaxPool2d(), [1, 2, 5, 7]],
  ['GlobalMaxPool3d', () => new core.GlobalMaxPool3d(), [1, 2, 3, 4, 4]],
  ['GlobalStatsPool1d', () => new core.GlobalStatsPool1d(), [1, 2, 7]],
  ['GlobalStatsPool2d', () => new core.GlobalStatsPool2d({ layout }), [1, 5, 7, 2]],
  ['GlobalStatsPool3d', () => new core.GlobalStatsPool3d({ keepDims: true }), [1, 2, 3, 4, 4]],
  ['ReLU', () => new core.ReLU(), [9]],
  ['ReLU6', () => new core.ReLU6(), [9]],
  ['SiLU', () => new core.SiLU(), [9]],
  ['Hardswish', () => new core.Hardswish(), [9]],
  ['Hardsigmoid', () => new core.Hardsigmoid(), [9]],
  ['Sigmoid', () => new core.Sigmoid(), [9]],
  ['Tanh', () => new core.Tanh(), [9]],
  ['Mish', () => new core.Mish(), [9]],
  ['GELU', () => new core.GELU({ approximate: 'tanh' }), [9]],
  ['Hardtanh', () => new core.Hardtanh(-0.2, 0.3), [9]],
  ['LeakyReLU', () => new core.LeakyReLU(0.3), [9]],
  ['ELU', () => new core.ELU(0.5), [9]],
  ['Softplus', () => new core.Softplus(2), [9]],
  ['Softmax', () => new core.Softmax(0), [5, 2]],
  ['LogSoftmax', () => new core.LogSoftmax(0), [5, 2]],
  ['PReLU', () => new core.PReLU(4, { layout }), [1, 2, 2, 4]],
  [
    'Residual',
    () =>
      new core.Residual(new core.Conv2d(4, 6, 1), {
        shortcut: new core.Conv2d(4, 6, 1),
        activation: new core.ReLU(),
      }),
    [1, 4, 2, 2],
  ],
  [
    'SqueezeExcite',
    () => new core.SqueezeExcite(4, 2, { gate: new core.Hardsigmoid(), layout }),
    [2, 3, 3, 4],
  ],
  [
    'Sequential',
    () =>
      new Sequential(
        new Map<string, Module>([
          ['10', new core.Linear(4, 3)],
          ['2', new Sequential([new core.ReLU(), new core.Linear(3, 2)])],
        ]),
      ),
    [2, 4],
  ],
  [
    'ConvNormActivation',
    () =>
      new ConvNormActivation({
        ...{ inChannels: 2, outChannels: 3, kernel: 3, stride: 2 },
        ...{ activation: null, layout },
      }),
    [1, 5, 5, 2],
  ],
  [
    'InvertedResidual',
    () => new InvertedResidual({ inChannels: 2, outChannels: 2, stride: 1, expand: 3 }),
    [1, 2, 4, 4],
  ],
  ['BasicBlock', () => new BasicBlock({ inChannels: 2, outChannels: 3, stride: 2, layout }), [1, 5, 5, 2]],
  ['Fire', () => new Fire({ inChannels: 4, squeezeChannels: 2, expandChannels: 3, layout }), [1, 3, 3, 4]],
];
