import {
  BatchNorm2d,
  Conv2d,
  Hardswish,
  kaimingNormal,
  Module,
  ReLU,
  ReLU6,
  SiLU,
  type LayerOptions,
  type Layout,
  type Tensor,
} from '@graftjs/core';
import { runChain, type Member } from '@graftjs/core/extend';

/** Blocks that networks share; one that a single network has stands in its file. */

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
