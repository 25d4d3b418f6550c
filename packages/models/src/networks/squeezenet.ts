import {
  concat,
  Conv2d,
  Dropout,
  GlobalAvgPool2d,
  imageNetPreprocess,
  kaimingUniform,
  MaxPool2d,
  Module,
  normalInit,
  relu,
  ReLU,
  Sequential,
  zerosInit,
  type LayerOptions,
  type Layout,
  type Tensor,
} from '@graftjs/core';
import { composite } from '@graftjs/core/extend';
import { Network } from './network.ts';

/**
 * SqueezeNet. Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer: "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters
 * and <0.5MB model size", 2016, arXiv:1602.07360; version 1.1 of its authors' repository (2.4 times less arithmetic). Parameters
 * are named as in torchvision, whose weights load as they are.
 */

export interface FireConfig {
  readonly inChannels: number;
  /** What is left for the two convolutions to look at. */
  readonly squeezeChannels: number;
  /** Of each of the two. */
  readonly expandChannels: number;
  readonly layout?: Layout;
}

/**
 * Squeeze by a 1×1 convolution, expand by a 1×1 and a 3×3 one side by side; each with a ReLU.
 * `[n, inChannels, h, w]` → `[n, 2 · expandChannels, h, w]` (or channels-last).
 * @example
 * const block = new Fire({ inChannels: 64, squeezeChannels: 16, expandChannels: 64 });
 * block.forward(zeros([2, 64, 8, 8])).shape; // → [2, 128, 8, 8]
 */
export class Fire extends Module {
  readonly squeeze: Conv2d;
  readonly expand1x1: Conv2d;
  readonly expand3x3: Conv2d;
  readonly #config: FireConfig;
  constructor(config: FireConfig, options: LayerOptions = {}) {
    super();
    this.#config = config;
    const { inChannels, squeezeChannels, expandChannels, layout = 'channels-first' } = config;
    const common = { init: kaimingUniform(), biasInit: zerosInit, ...options, layout };
    this.squeeze = new Conv2d(inChannels, squeezeChannels, 1, common);
    this.expand1x1 = new Conv2d(squeezeChannels, expandChannels, 1, common);
    this.expand3x3 = new Conv2d(squeezeChannels, expandChannels, 3, { ...common, padding: 1 });
  }
  override get config(): FireConfig {
    return this.#config;
  }
  static from(config: FireConfig, options: LayerOptions = {}): Fire {
    return new Fire(config, options);
  }
  forward(x: Tensor): Tensor {
    const channels = this.config.layout === 'channels-last' ? 3 : 1;
    return composite(() => {
      const squeezed = relu(this.squeeze.forward(x));
      const sides = [this.expand1x1, this.expand3x3].map((conv) => relu(conv.forward(squeezed)));
      return concat(sides, channels);
    });
  }
}

export interface SqueezeNetConfig {
  /** Number of outputs. Default 1000. */
  readonly classes?: number;
  readonly dropout?: number;
  readonly layout?: Layout;
}

/** Channels after the squeeze and of each expansion: two blocks of each, a pooling behind the first two pairs. */
const SETTINGS = [
  [16, 64],
  [32, 128],
  [48, 192],
  [64, 256],
] as const;

/**
 * 1.24 million parameters, 0.35 billion multiplications at 224×224. Input `[n, 3, h, w]` (or channels-last), h and w 17 at least,
 * logits `[n, classes]`; stages `features.0` … `features.12`, `classifier.0` … `classifier.3`.
 * @throws GraftError where a setting cannot be, such as a dropout above 1.
 * @example
 * const model = squeezenet1_1({ classes: 10 });
 * model.forward(zeros([2, 3, 32, 32])).shape; // → [2, 10]
 */
export function squeezenet1_1(config: SqueezeNetConfig = {}, options: LayerOptions = {}): Sequential {
  const { classes = 1000, dropout = 0.5, layout = 'channels-first' } = config;
  const initial = { init: kaimingUniform(), biasInit: zerosInit, ...options, layout };
  const pool = (): MaxPool2d => new MaxPool2d(3, { stride: 2, ceilMode: true, layout });
  let channels = 64;
  const features: Module[] = [new Conv2d(3, channels, 3, { ...initial, stride: 2 }), new ReLU(), pool()];
  for (const [squeezeChannels, expandChannels] of SETTINGS) {
    for (let i = 0; i < 2; i++) {
      features.push(new Fire({ inChannels: channels, squeezeChannels, expandChannels, layout }, options));
      channels = 2 * expandChannels;
    }
    if (expandChannels < 192) features.push(pool());
  }
  return new Sequential({
    features: new Sequential(features),
    classifier: new Sequential([
      new Dropout(dropout),
      new Conv2d(channels, classes, 1, { ...initial, init: options.init ?? normalInit(0, 0.01) }),
      new ReLU(),
      new GlobalAvgPool2d({ layout }),
    ]),
  });
}

export const SQUEEZENET1_1: Network<SqueezeNetConfig> = new Network({
  name: 'squeezenet1_1',
  build: squeezenet1_1,
  blocks: { Fire },
  preprocess: imageNetPreprocess(),
  defaultCut: 'features.12',
  firstConv: 'features.0',
  classifier: 'classifier.1',
  weights: {
    address: 'https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth',
    format: 'PyTorch',
    licence: 'BSD-3-Clause',
    mebibytes: 4.729,
    sha256: 'b8a52dc0',
    source: 'torchvision, SqueezeNet1_1_Weights.IMAGENET1K_V1',
  },
});
