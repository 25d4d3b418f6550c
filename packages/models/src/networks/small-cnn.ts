import {
  Dropout,
  GlobalAvgPool2d,
  GraftError,
  imageNetPreprocess,
  Linear,
  MaxPool2d,
  Sequential,
  type Layout,
  type Module,
  type LayerOptions,
} from '@graftjs/core';
import { ConvNormActivation } from '../blocks.ts';
import { Network } from './network.ts';

export interface SmallCnnConfig {
  /** Number of outputs. */
  readonly classes: number;
  /** Channels of the pictures. Default 3. */
  readonly inChannels?: number;
  /** Channels after each halving of the picture. Default [16, 32, 64, 128]: for 48 to 96 pixels. */
  readonly channels?: readonly number[];
  /** Convolutions at each resolution. Default 1. */
  readonly depth?: number;
  readonly dropout?: number;
  readonly layout?: Layout;
}

/**
 * The network to beat: 3×3 convolutions with batch norm and relu, the picture halved by max pooling after each stage,
 * global average, dropout, one linear layer. The plain recipe since VGG (Simonyan, Zisserman, 2015, arXiv:1409.1556)
 * and batch norm (Ioffe, Szegedy, 2015, arXiv:1502.03167), for training from scratch on small pictures.
 * Stages `features.0`, `features.1`, …, `pool`, `classifier.0`, `classifier.1`.
 * @throws GraftError where depth or another setting cannot be.
 * @example
 * const model = smallCnn({ classes: 2 });
 * model.forward(zeros([4, 3, 32, 32])).shape; // → [4, 2]
 */
export function smallCnn(config: SmallCnnConfig, options: LayerOptions = {}): Sequential {
  const {
    classes,
    inChannels = 3,
    channels = [16, 32, 64, 128],
    depth = 1,
    dropout = 0.2,
    layout = 'channels-first',
  } = config;
  // Descriptions come from files, too: an absurd one must not keep us busy.
  if (!(depth >= 1 && depth * channels.length <= 100)) {
    throw new GraftError(
      `smallCnn: depth ${depth} on ${channels.length} resolutions is not 1 to 100 convolutions`,
    );
  }
  let from = inChannels;
  const features: Module[] = [];
  for (const outChannels of channels) {
    for (let i = 0; i < depth; i++) {
      features.push(new ConvNormActivation({ inChannels: from, outChannels, layout }, options));
      from = outChannels;
    }
    features.push(new MaxPool2d(2, { layout }));
  }
  return new Sequential({
    features: new Sequential(features),
    pool: new GlobalAvgPool2d({ layout }),
    classifier: new Sequential([new Dropout(dropout), new Linear(from, classes, options)]),
  });
}

/** Nobody has published weights for it: it is trained from scratch, on pictures of 48 to 96 pixels. */
export const SMALL_CNN: Network<SmallCnnConfig> = new Network({
  name: 'small_cnn',
  build: smallCnn,
  preprocess: imageNetPreprocess({ size: 64 }),
  firstConv: 'features.0.0',
  classifier: 'classifier.1',
});
