import {
  add,
  batchNorm,
  globalAvgPool,
  linear,
  maxPool,
  relu,
  softmax,
  transpose,
  type Layout,
} from '@graftjs/core';
import { matmulOp } from '@graftjs/core/extend';
import type { Case } from './case.ts';
import { convCasesOf } from '../primitives/conv.ts';
import { f32, positive, real } from './data.ts';
import { activationShape, type ConvGeometry } from './geometry.ts';

/** what, channels, filters, extent, kernel, stride, groups. */
type Layer = readonly [string, number, number, number, number, number, number];

// prettier-ignore
const layers: readonly Layer[] = [
  ['ResNet-50 stem',              3,   64, 224, 7, 2, 1],
  ['ResNet-50 3×3, 64',          64,   64,  56, 3, 1, 1],
  ['ResNet-50 1×1, 64 to 256',   64,  256,  56, 1, 1, 1],
  ['ResNet-50 3×3, 128',        128,  128,  28, 3, 1, 1],
  ['ResNet-50 3×3, 256',        256,  256,  14, 3, 1, 1],
  ['ResNet-50 1×1, 1024 to 256', 1024, 256, 14, 1, 1, 1],
  ['ResNet-50 3×3, 512',        512,  512,   7, 3, 1, 1],
  ['MobileNetV2 depthwise, 96',  96,   96, 112, 3, 2, 96],
  ['MobileNetV2 depthwise, 384', 384, 384,  14, 3, 1, 384],
  ['MobileNetV2 1×1, 24 to 144', 24,  144,  56, 1, 1, 1],
  ['ResNeXt 3×3, 32 groups',    128,  128,  56, 3, 1, 32],
];

function geometry([what, channels, filters, extent, kernel, stride, groups]: Layer): ConvGeometry {
  const pad = (kernel - 1) / 2;
  const both = [1, 1];
  return {
    ...{ what, batch: 1, channels, filters, groups, dilation: both },
    input: both.map(() => extent),
    kernel: both.map(() => kernel),
    stride: both.map(() => stride),
    padding: both.map(() => [pad, pad]),
  };
}

const others = (layout: Layout): Case[] => {
  const x = f32(activationShape(8, 64, [56, 56], layout));
  const c = f32([64], positive);
  const about = { family: 'composite', layout, rank: 2 } as const;
  return [
    { ...about, op: 'relu', name: `relu ${layout}`, inputs: [x], run: (t) => relu(t) },
    { ...about, op: 'add', name: `add ${layout}`, inputs: [x, x], run: (a, b) => add(a, b) },
    {
      ...about,
      op: 'batchNorm',
      name: `batchNorm training ${layout}`,
      inputs: [x, c, c],
      run: (t, mean, variance) => batchNorm(t, { mean, variance }, { training: true, layout }).y,
    },
    {
      ...about,
      op: 'maxPool',
      name: `maxPool 3×3 ${layout}`,
      inputs: [x],
      run: (t) => maxPool(t, 3, { stride: 2, padding: 1, layout }),
    },
    {
      ...about,
      op: 'globalAvgPool',
      name: `globalAvgPool ${layout}`,
      inputs: [x],
      run: (t) => globalAvgPool(t, { layout }),
    },
  ];
};

const dense: readonly Case[] = [
  {
    name: 'matmul 512 × 512 × 512',
    op: 'matmul',
    family: 'matmul',
    inputs: [f32([512, 512]), f32([512, 512])],
    run: (a, b) => matmulOp.apply([a, b], { transposeA: false, transposeB: false }),
  },
  {
    name: 'linear 1280 to 1000',
    op: 'linear',
    family: 'composite',
    inputs: [f32([16, 1280]), f32([1000, 1280]), f32([1000])],
    run: (x, w, b) => linear(x, w, b),
  },
  {
    name: 'softmax of 1000',
    op: 'softmax',
    family: 'composite',
    inputs: [f32([64, 1000], real)],
    run: (x) => softmax(x),
  },
  {
    name: 'NCHW to NHWC',
    op: 'transpose',
    family: 'movement',
    inputs: [f32([8, 64, 56, 56])],
    run: (x) => transpose(x, [0, 2, 3, 1]),
  },
];

/** Layers of well-known networks, forward and both gradients; for mode `perf` only. */
export const perfCases: readonly Case[] = [
  ...(['channels-first', 'channels-last'] as const).flatMap((layout) => [
    ...layers.flatMap((layer) => convCasesOf(geometry(layer), layout)),
    ...others(layout),
  ]),
  ...dense,
];
