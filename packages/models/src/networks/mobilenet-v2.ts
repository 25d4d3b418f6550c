import {
  add,
  BatchNorm2d,
  Conv2d,
  Dropout,
  GlobalAvgPool2d,
  imageNetPreprocess,
  kaimingNormal,
  Linear,
  Module,
  normalInit,
  Sequential,
  zerosInit,
  type Layout,
  type LayerOptions,
  type Tensor,
} from '@graftjs/core';
import { composite } from '@graftjs/core/extend';
import { ConvNormActivation } from '../blocks.ts';
import { Network } from './network.ts';

/**
 * MobileNetV2. Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
 * CVPR 2018, arXiv:1801.04381. Parameters are named as in torchvision, whose weights load as they are.
 */

export interface InvertedResidualConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  /** Hidden channels are `inChannels · expand`. */
  readonly expand: number;
  readonly layout?: Layout;
}

/**
 * Expand by a 1×1 convolution, filter each channel by a depthwise 3×3, project by a linear 1×1; the input is added
 * where the shape allows. (Sandler et al., 2018, arXiv:1801.04381)
 * `[n, inChannels, h, w]` → `[n, outChannels, ⌈h / stride⌉, ⌈w / stride⌉]` (or channels-last).
 * @example
 * const block = new InvertedResidual({ inChannels: 16, outChannels: 24, stride: 2, expand: 6 });
 * block.forward(zeros([2, 16, 32, 32])).shape; // → [2, 24, 16, 16]
 */
export class InvertedResidual extends Module {
  readonly conv: Sequential;
  readonly #config: InvertedResidualConfig;
  constructor(config: InvertedResidualConfig, options: LayerOptions = {}) {
    super();
    this.#config = config;
    const { inChannels, outChannels, stride, expand, layout = 'channels-first' } = config;
    const hidden = Math.round(inChannels * expand);
    const common = { activation: 'relu6', layout } as const;
    this.conv = new Sequential([
      ...(expand === 1
        ? []
        : [new ConvNormActivation({ inChannels, outChannels: hidden, kernel: 1, ...common }, options)]),
      new ConvNormActivation(
        { inChannels: hidden, outChannels: hidden, stride, groups: hidden, ...common },
        options,
      ),
      new Conv2d(hidden, outChannels, 1, {
        init: kaimingNormal({ mode: 'fanOut' }),
        ...options,
        bias: false,
        layout,
      }),
      new BatchNorm2d(outChannels, { ...options, layout }),
    ]);
  }
  override get config(): InvertedResidualConfig {
    return this.#config;
  }
  static from(config: InvertedResidualConfig, options: LayerOptions = {}): InvertedResidual {
    return new InvertedResidual(config, options);
  }
  forward(x: Tensor): Tensor {
    const { inChannels, outChannels, stride } = this.config;
    return composite(() => {
      const y = this.conv.forward(x);
      return stride === 1 && inChannels === outChannels ? add(x, y) : y;
    });
  }
}

export interface MobileNetV2Config {
  /** Number of outputs. Default 1000. */
  readonly classes?: number;
  /** Factor on the number of channels of every layer: 1 (the default), 0.75, 0.5, 0.35, 1.4. */
  readonly width?: number;
  readonly dropout?: number;
  readonly layout?: Layout;
}

/** Expansion, channels, number of blocks, stride of the first one. Table 2 of the paper. */
const SETTINGS = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** The nearest multiple of 8, but never more than a tenth below. */
function toEights(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/**
 * Input `[n, 3, h, w]` (or channels-last); stages `features.0` … `features.18`, `pool`, `classifier.0`, `classifier.1`.
 * @throws GraftError where a setting cannot be, such as a dropout above 1.
 * @example
 * const model = mobilenetV2({ classes: 10, width: 0.25 });
 * model.forward(zeros([2, 3, 32, 32])).shape; // → [2, 10]
 */
export function mobilenetV2(config: MobileNetV2Config = {}, options: LayerOptions = {}): Sequential {
  const { classes = 1000, width = 1, dropout = 0.2, layout = 'channels-first' } = config;
  let channels = toEights(32 * width);
  const last = toEights(1280 * Math.max(1, width));
  const common = { activation: 'relu6', layout } as const;
  const features: (ConvNormActivation | InvertedResidual)[] = [
    new ConvNormActivation({ inChannels: 3, outChannels: channels, stride: 2, ...common }, options),
  ];
  for (const [expand, base, count, firstStride] of SETTINGS) {
    const outChannels = toEights(base * width);
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? firstStride : 1;
      features.push(
        new InvertedResidual({ inChannels: channels, outChannels, stride, expand, layout }, options),
      );
      channels = outChannels;
    }
  }
  features.push(
    new ConvNormActivation({ inChannels: channels, outChannels: last, kernel: 1, ...common }, options),
  );
  return new Sequential({
    features: new Sequential(features),
    pool: new GlobalAvgPool2d({ layout }),
    classifier: new Sequential([
      new Dropout(dropout),
      new Linear(last, classes, { init: normalInit(0, 0.01), biasInit: zerosInit, ...options }),
    ]),
  });
}

export const MOBILENET_V2: Network<MobileNetV2Config> = new Network({
  name: 'mobilenet_v2',
  build: mobilenetV2,
  blocks: { InvertedResidual },
  preprocess: imageNetPreprocess(), // any size from 32 pixels on works
  defaultCut: 'features.18',
  firstConv: 'features.0.0',
  classifier: 'classifier.1',
  weights: {
    address: 'https://download.pytorch.org/models/mobilenet_v2-b0353104.pth',
    format: 'PyTorch',
    licence: 'BSD-3-Clause',
    mebibytes: 13.555,
    sha256: 'b0353104',
    source: 'torchvision, MobileNet_V2_Weights.IMAGENET1K_V1',
  },
});
