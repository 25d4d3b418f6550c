import {
  add,
  BatchNorm2d,
  Conv2d,
  GlobalAvgPool2d,
  imageNetPreprocess,
  kaimingNormal,
  Linear,
  MaxPool2d,
  Module,
  relu,
  ReLU,
  Sequential,
  type LayerOptions,
  type Layout,
  type Tensor,
} from '@graftjs/core';
import { composite, runChain } from '@graftjs/core/extend';
import { Network } from './network.ts';

/**
 * ResNet. He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385. Parameters are
 * named as in torchvision, whose weights load as they are.
 */

export interface BasicBlockConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly layout?: Layout;
}

/**
 * Two 3×3 convolutions and the input added to them, through a 1×1 convolution ('downsample') where the shape changes.
 * (He et al., 2015, arXiv:1512.03385)
 * `[n, inChannels, h, w]` → `[n, outChannels, ⌈h / stride⌉, ⌈w / stride⌉]` (or channels-last).
 * @example
 * const block = new BasicBlock({ inChannels: 64, outChannels: 128, stride: 2 });
 * block.forward(zeros([2, 64, 8, 8])).shape; // → [2, 128, 4, 4]
 */
export class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | null;
  readonly #activation: Module = new ReLU();
  readonly #config: BasicBlockConfig;
  constructor(config: BasicBlockConfig, options: LayerOptions = {}) {
    super();
    this.#config = config;
    const { inChannels, outChannels, stride, layout = 'channels-first' } = config;
    const common = { init: kaimingNormal({ mode: 'fanOut' }), ...options, bias: false, layout };
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { ...common, stride, padding: 1 });
    this.bn1 = new BatchNorm2d(outChannels, common);
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { ...common, padding: 1 });
    this.bn2 = new BatchNorm2d(outChannels, common);
    this.downsample =
      stride === 1 && inChannels === outChannels
        ? null
        : new Sequential([
            new Conv2d(inChannels, outChannels, 1, { ...common, stride }),
            new BatchNorm2d(outChannels, common),
          ]);
  }
  override get config(): BasicBlockConfig {
    return this.#config;
  }
  static from(config: BasicBlockConfig, options: LayerOptions = {}): BasicBlock {
    return new BasicBlock(config, options);
  }
  forward(x: Tensor): Tensor {
    return composite(() => {
      const z = runChain([this.conv1, this.bn1, this.#activation, this.conv2, this.bn2], x);
      return relu(add(z, this.downsample ? this.downsample.forward(x) : x));
    });
  }
}

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
  blocks: { BasicBlock },
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
