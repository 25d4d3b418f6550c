import { dropout } from '../functional/dropout.ts';
import { linear } from '../functional/linear.ts';
import { pixelShuffle, pixelUnshuffle, resize, type PixelShuffleOptions } from '../functional/resize.ts';
import { GraftError } from '../errors.ts';
import { composite, freeEarly } from '../op.ts';
import { add, flatten, globalAvgPool, mul } from '../ops/index.ts';
import { wantOneOf, wantWhole } from '../ops/check.ts';
import { scalesOf, spatialOf, type PerAxis } from '../ops/spatial.ts';
import { Tensor } from '../tensor.ts';
import type { Layout } from '../types.ts';
import { ReLU, Sigmoid } from './activation.ts';
import { Conv2d } from './conv.ts';
import type { ConfigOf, LayerOptions, WeightOptions } from './init.ts';
import { defaultBiasInit, defaultWeightInit, initParameter } from './init-parameter.ts';
import { Layer } from './layer.ts';
import { Module, wantModule } from './module.ts';
import type { Parameter } from './parameter.ts';
import { layoutConfig, type LayoutOption } from './spatial.ts';

/**
 * x · wᵀ + b over the last axis; see `linear`.
 * `[..., in]` → `[..., out]`.
 * @example
 * const layer = new Linear(3, 2, { init: onesInit, bias: false });
 * layer.forward(tensor([[1, 2, 3]])); // → [[6, 6]]
 */
export class Linear extends Layer {
  static override readonly args: readonly string[] = ['inFeatures', 'outFeatures'];
  /** `[out, in]`. */
  readonly weight: Parameter;
  /** `[out]`. */
  readonly bias: Parameter | null;
  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: WeightOptions = {},
  ) {
    super();
    const shape = [outFeatures, inFeatures];
    this.weight = initParameter(shape, options.init ?? defaultWeightInit, options);
    this.bias =
      (options.bias ?? true)
        ? initParameter([outFeatures], options.biasInit ?? defaultBiasInit(shape), options)
        : null;
  }
  override get config(): ConfigOf<{ inFeatures: number; outFeatures: number }, WeightOptions> {
    const { inFeatures, outFeatures } = this;
    return { inFeatures, outFeatures, bias: this.bias !== null };
  }
  forward(x: Tensor): Tensor {
    return linear(x, this.weight.value, this.bias?.value);
  }
}

export interface DropoutModuleOptions extends LayoutOption {
  /** What is dropped together; `'sample'` is stochastic depth. Default `'element'`. */
  readonly per?: 'element' | 'channel' | 'sample';
}

/**
 * Drops elements in training (and while not locked), drawing from `currentRandom()`; see `dropout`.
 * Any shape; the others are scaled by 1 / (1 − p). (Srivastava et al., 2014)
 * @throws GraftError for a probability that is not between 0 and 1.
 * @example
 * const layer = new Dropout(0.5);
 * layer.eval().forward(tensor([1, 2])); // → [1, 2]
 */
export class Dropout extends Layer {
  static override readonly args: readonly string[] = ['p'];
  readonly layout: Layout;
  readonly per: 'element' | 'channel' | 'sample';
  constructor(
    readonly p = 0.5,
    options: DropoutModuleOptions = {},
  ) {
    super();
    if (!(p >= 0 && p <= 1)) throw new GraftError(`Dropout: the probability ${p} is not between 0 and 1`);
    this.layout = options.layout ?? 'channels-first';
    this.per = options.per ?? 'element';
  }
  override get config(): ConfigOf<{ p: number }, DropoutModuleOptions> {
    return { p: this.p, per: this.per, ...layoutConfig(this) };
  }
  override get frozen(): boolean {
    return this.locked || this.p === 0;
  }
  forward(x: Tensor): Tensor {
    const { layout, per } = this;
    return dropout(x, this.p, { training: this.training && !this.locked, layout, per });
  }
}

/**
 * Joins the axes from `from` on: `[n, c, h, w]` → `[n, c·h·w]`.
 * @example
 * new Flatten().forward(zeros([2, 3, 4, 4])).shape; // → [2, 48]
 */
export class Flatten extends Layer {
  static override readonly args: readonly string[] = ['from'];
  constructor(readonly from = 1) {
    super();
  }
  override get config(): { readonly from: number } {
    return { from: this.from };
  }
  forward(x: Tensor): Tensor {
    return flatten(x, this.from);
  }
}

/**
 * Hands its input on.
 * Any shape.
 * @example
 * new Identity().forward(tensor([1, 2])); // → [1, 2]
 */
export class Identity extends Layer {
  static override readonly args: readonly string[] = [];
  override get config(): object {
    return {};
  }
  forward(x: Tensor): Tensor {
    return x;
  }
}

export interface UpsampleOptions extends LayoutOption {
  /** New spatial extents. */
  readonly size?: PerAxis;
  /** Or a factor on them. The extents are rounded down, positions go by the factor itself, as in PyTorch. */
  readonly scale?: PerAxis;
  /** Default `'nearest'`. */
  readonly mode?: 'nearest' | 'linear';
  readonly alignCorners?: boolean;
}

/**
 * Interpolates to a size, or by a factor; see `resize`.
 * `[n, c, ...spatial]` → `[n, c, ...size]`.
 * @throws GraftError unless either `size` or `scale` is given.
 * @example
 * new Upsample({ scale: 2 }).forward(tensor([[[1, 2]]])); // → [[[1, 1, 2, 2]]]
 */
export class Upsample extends Module {
  readonly options: UpsampleOptions;
  constructor(options: UpsampleOptions) {
    super();
    if ((options.size === undefined) === (options.scale === undefined)) {
      throw new GraftError('Upsample: give either size or scale');
    }
    wantOneOf('Upsample', 'mode', options.mode ?? 'nearest', ['nearest', 'linear']);
    this.options = options;
  }
  override get config(): UpsampleOptions {
    return this.options;
  }
  static from(config: UpsampleOptions): Upsample {
    return new Upsample(config);
  }
  forward(x: Tensor): Tensor {
    const { size, scale, mode = 'nearest', alignCorners = false, layout = 'channels-first' } = this.options;
    if (size !== undefined) return resize(x, size, { mode, alignCorners, layout });
    const scales = scalesOf('Upsample', scale!, x.rank - 2);
    const target = spatialOf(layout, x.shape).map((d, i) => Math.floor(d * scales[i]!));
    return resize(x, target, { mode, alignCorners, layout, scale: scales });
  }
}

abstract class Shuffle extends Layer {
  static override readonly args: readonly string[] = ['factor'];
  readonly layout: Layout;
  readonly order: 'CRD' | 'DCR';
  constructor(
    readonly factor: number,
    options: PixelShuffleOptions = {},
  ) {
    super();
    wantWhole('PixelShuffle', 'factor', factor, 1);
    this.layout = options.layout ?? 'channels-first';
    this.order = options.order ?? 'CRD';
    wantOneOf('PixelShuffle', 'order', this.order, ['CRD', 'DCR']);
  }
  override get config(): ConfigOf<{ factor: number }, PixelShuffleOptions> {
    const { factor, order } = this;
    return { factor, ...(order !== 'CRD' && { order }), ...layoutConfig(this) };
  }
}

/**
 * Channels become blocks of pixels: `[n, c · factor², h, w]` → `[n, c, h · factor, w · factor]`; see `pixelShuffle`.
 * (Shi et al., 2016, arXiv:1609.05158)
 * @throws ShapeError where the factor is not a whole number of 1 or more, or the order is not known.
 * @example
 * new PixelShuffle(2).forward(zeros([1, 12, 8, 8])).shape; // → [1, 3, 16, 16]
 */
export class PixelShuffle extends Shuffle {
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor, this);
  }
}

/**
 * Blocks of pixels become channels: `[n, c, h · factor, w · factor]` → `[n, c · factor², h, w]`; see `pixelUnshuffle`.
 * @throws ShapeError where the factor is not a whole number of 1 or more, or the order is not known.
 * @example
 * new PixelUnshuffle(2).forward(zeros([1, 3, 16, 16])).shape; // → [1, 12, 8, 8]
 */
export class PixelUnshuffle extends Shuffle {
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.factor, this);
  }
}

export interface ResidualOptions {
  /** What is added to the body's output. Default: the input itself. */
  readonly shortcut?: Module;
  /** Applied to the sum. */
  readonly activation?: Module;
}

/**
 * x + body(x). (He et al., 2015, arXiv:1512.03385)
 * Any shape that the body keeps, or that the shortcut brings to the same shape.
 * @throws GraftError where a part is not a module.
 * @example
 * const block = new Residual(new Activation((x) => mul(x, 2)), { activation: new ReLU() });
 * block.forward(tensor([-1, 2])); // → [0, 6]
 */
export class Residual extends Layer {
  static override readonly args: readonly string[] = ['body'];
  readonly body: Module;
  readonly shortcut: Module | null;
  readonly activation: Module | null;
  constructor(body: Module, options: ResidualOptions = {}) {
    super();
    this.body = body;
    this.shortcut = options.shortcut ?? null;
    this.activation = options.activation ?? null;
    for (const name of ['body', 'shortcut', 'activation'] as const)
      if (this[name] !== null) wantModule(`Residual: ${name}`, this[name]);
  }
  override get config(): ResidualOptions & { readonly body: Module } {
    const { body, shortcut, activation } = this;
    return { body, ...(shortcut && { shortcut }), ...(activation && { activation }) };
  }
  forward(x: Tensor): Tensor {
    return composite(() => {
      const since = Tensor.lastId;
      const body = this.body.forward(x);
      const shortcut = this.shortcut ? this.shortcut.forward(x) : x;
      const sum = add(body, shortcut);
      for (const t of [body, shortcut]) freeEarly(t, since);
      return this.activation ? this.activation.forward(sum) : sum;
    });
  }
}

export interface SqueezeExciteOptions extends LayoutOption, LayerOptions {
  /** Between the two convolutions. Default `new ReLU()`. */
  readonly activation?: Module;
  /** Makes the factors. Default `new Sigmoid()`. */
  readonly gate?: Module;
}

/**
 * Scales each channel by a factor computed from the means of all: x · gate(fc2(activation(fc1(mean(x))))), with 1×1
 * convolutions `fc1` and `fc2` as in torchvision. (Hu et al., 2018, arXiv:1709.01507)
 * `[n, c, h, w]`, same shape out.
 * @throws GraftError where a part is not a module.
 * @example
 * new SqueezeExcite(8, 2).forward(zeros([1, 8, 5, 5])).shape; // → [1, 8, 5, 5]
 */
export class SqueezeExcite extends Layer {
  static override readonly args: readonly string[] = ['channels', 'squeezed'];
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: Module;
  readonly gate: Module;
  readonly layout: Layout;
  constructor(
    readonly channels: number,
    readonly squeezed: number,
    options: SqueezeExciteOptions = {},
  ) {
    super();
    this.layout = options.layout ?? 'channels-first';
    this.fc1 = new Conv2d(channels, squeezed, 1, options);
    this.fc2 = new Conv2d(squeezed, channels, 1, options);
    this.activation = options.activation ?? new ReLU();
    this.gate = options.gate ?? new Sigmoid();
    wantModule('SqueezeExcite: activation', this.activation);
    wantModule('SqueezeExcite: gate', this.gate);
  }
  override get config(): ConfigOf<{ channels: number; squeezed: number }, SqueezeExciteOptions> {
    const { channels, squeezed, activation, gate } = this;
    return { channels, squeezed, activation, gate, ...layoutConfig(this) };
  }
  forward(x: Tensor): Tensor {
    return composite(() => {
      const means = globalAvgPool(x, { layout: this.layout, keepDims: true });
      const hidden = this.activation.forward(this.fc1.forward(means));
      return mul(x, this.gate.forward(this.fc2.forward(hidden)));
    });
  }
}
