import {
  BatchNorm2d,
  Conv2d,
  GlobalAvgPool2d,
  imageNetPreprocess,
  kaimingNormal,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  type Layout,
  type Module,
  type LayerOptions,
} from '@graftjs/core';
import { BasicBlock } from '../blocks.ts';
import { Network } from './network.ts';

/**
 * ResNet. He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385. Parameters are
 * named as in torchvision, whose weights load as they are.
 */

export interface ResNetConfig {
  /** Number of outputs. Default 1000. */
  readonly classes?: number;
  readonly layout?: Layout;
}

/** Input `[n, 3, h, w]` (or channels-last); stages `conv1`, `bn1`, `relu`, `maxpool`, `layer1.0` … `layer4.1`, `avgpool`, `fc`. */
function resnet(blocks: readonly number[], config: ResNetConfig, options: LayerOptions): Sequential {
  const { classes = 1000, layout = 'channels-first' } = config;
  let inChannels = 64;
  const layers = blocks.map((count, level): [string, Module] => {
    const outChannels = 64 * 2 ** level;
    const layer = Array.from({ length: count }, (_, i) => {
      const block = new BasicBlock(
        { inChannels, outChannels, stride: i === 0 && level > 0 ? 2 : 1, layout },
        options,
      );
      inChannels = outChannels;
      return block;
    });
    return [`layer${level + 1}`, new Sequential(layer)];
  });
  const init = kaimingNormal({ mode: 'fanOut' });
  return new Sequential(
    new Map<string, Module>([
      ['conv1', new Conv2d(3, 64, 7, { init, ...options, stride: 2, padding: 3, bias: false, layout })],
      ['bn1', new BatchNorm2d(64, { ...options, layout })],
      ['relu', new ReLU()],
      ['maxpool', new MaxPool2d(3, { stride: 2, padding: 1, layout })],
      ...layers,
      ['avgpool', new GlobalAvgPool2d({ layout })],
      ['fc', new Linear(inChannels, classes, options)],
    ]),
  );
}

/**
 * 11.7 million parameters, 1.8 billion multiplications at 224×224. Input `[n, 3, h, w]` (or channels-last), logits `[n, classes]`.
 * @throws GraftError where a setting cannot be.
 */
export function resnet18(config: ResNetConfig = {}, options: LayerOptions = {}): Sequential {
  return resnet([2, 2, 2, 2], config, options);
}

/**
 * 21.8 million parameters, 3.7 billion multiplications at 224×224. Input `[n, 3, h, w]` (or channels-last), logits `[n, classes]`.
 * @throws GraftError where a setting cannot be.
 */
export function resnet34(config: ResNetConfig = {}, options: LayerOptions = {}): Sequential {
  return resnet([3, 4, 6, 3], config, options);
}

const common = {
  preprocess: imageNetPreprocess(),
  defaultCut: 'layer4',
  firstConv: 'conv1',
  classifier: 'fc',
};
const published = { format: 'PyTorch', licence: 'BSD-3-Clause' } as const;

export const RESNET18: Network<ResNetConfig> = new Network({
  name: 'resnet18',
  build: resnet18,
  ...common,
  weights: {
    address: 'https://download.pytorch.org/models/resnet18-f37072fd.pth',
    ...published,
    mebibytes: 44.661,
    sha256: 'f37072fd',
    source: 'torchvision, ResNet18_Weights.IMAGENET1K_V1',
  },
});

export const RESNET34: Network<ResNetConfig> = new Network({
  name: 'resnet34',
  build: resnet34,
  ...common,
  weights: {
    address: 'https://download.pytorch.org/models/resnet34-b627a593.pth',
    ...published,
    mebibytes: 83.275,
    sha256: 'b627a593',
    source: 'torchvision, ResNet34_Weights.IMAGENET1K_V1',
  },
});
