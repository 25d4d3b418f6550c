import {
  add,
  BatchNorm2d,
  Conv2d,
  Hardswish,
  kaimingNormal,
  Module,
  relu,
  ReLU,
  ReLU6,
  Sequential,
  SiLU,
  type LayerOptions,
  type Layout,
  type Tensor,
} from '@graftjs/core';
import { composite, runChain, type Member } from '@graftjs/core/extend';

export type ActivationName = 'relu' | 'relu6' | 'hardswish' | 'silu';
const activations: Record<ActivationName, new () => Module> = {
  relu: ReLU,
  relu6: ReLU6,
  hardswish: Hardswish,
  silu: SiLU,
};

export interface ConvNormActivationConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Default 3, padded so that stride 1 keeps the size. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
  /** Default 'relu'; null for none. */
  readonly activation?: ActivationName | null;
  readonly layout?: Layout;
}

/**
 * Convolution without bias, batch norm, activation: '0', '1', '2', as torchvision's `Conv2dNormActivation`.
 * `[n, inChannels, h, w]` → `[n, outChannels, ⌈h / stride⌉, ⌈w / stride⌉]` (or channels-last).
 * @example
 * const block = new ConvNormActivation({ inChannels: 3, outChannels: 16, stride: 2 });
 * block.forward(zeros([2, 3, 32, 32])).shape; // → [2, 16, 16, 16]
 */
export class ConvNormActivation extends Module {
  readonly #parts: readonly Module[];
  readonly #config: ConvNormActivationConfig;
  constructor(config: ConvNormActivationConfig, options: LayerOptions = {}) {
    super();
    this.#config = config;
    const {
      inChannels,
      outChannels,
      kernel = 3,
      stride = 1,
      groups = 1,
      activation = 'relu',
      layout = 'channels-first',
    } = config;
    const padding = (kernel - 1) / 2;
    this.#parts = [
      new Conv2d(inChannels, outChannels, kernel, {
        init: kaimingNormal({ mode: 'fanOut' }),
        ...options,
        ...{ stride, padding, groups, layout, bias: false },
      }),
      new BatchNorm2d(outChannels, { ...options, layout }),
      ...(activation ? [new activations[activation]()] : []),
    ];
  }
  override *members(): IterableIterator<[string, Member]> {
    for (const [i, m] of this.#parts.entries()) yield [String(i), m];
  }
  override get config(): ConvNormActivationConfig {
    return this.#config;
  }
  static from(config: ConvNormActivationConfig, options: LayerOptions = {}): ConvNormActivation {
    return new ConvNormActivation(config, options);
  }
  forward(x: Tensor): Tensor {
    return runChain(this.#parts, x);
  }
}

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
