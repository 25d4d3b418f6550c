import type { FusedActivation } from '../fused.ts';
import { relu6 } from '../functional/activation.ts';
import { convAffine } from '../functional/conv-affine.ts';
import { convTransposeBias } from '../functional/linear.ts';
import { composite } from '../op.ts';
import { fail, wantWhole } from '../ops/check.ts';
import { relu } from '../ops/index.ts';
import { perAxis, wantPadding, type Padding, type PerAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import { Activation } from './activation.ts';
import type { ConfigOf, WeightOptions } from './init.ts';
import { defaultBiasInit, defaultWeightInit, initParameter } from './init-parameter.ts';
import type { Module } from './module.ts';
import type { Parameter } from './parameter.ts';
import { BatchNorm } from './batch-norm.ts';
import { layoutConfig, SpatialModule, type LayoutOption } from './spatial.ts';

export interface ConvModuleOptions extends WeightOptions, LayoutOption {
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Default 0. */
  readonly padding?: Padding;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /** Default 1. */
  readonly groups?: number;
}

type ConvConfig = ConfigOf<
  { inChannels: number; outChannels: number; kernel: PerAxis },
  ConvTransposeModuleOptions
>;

abstract class ConvBase extends SpatialModule {
  static override readonly args: readonly string[] = ['inChannels', 'outChannels', 'kernel'];
  protected static readonly transposed: boolean = false;
  /** `[outChannels, inChannels / groups, ...kernel]`; of a transposed convolution `[inChannels, outChannels / groups, ...kernel]`. */
  readonly weight: Parameter;
  /** `[outChannels]`. */
  readonly bias: Parameter | null;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: Padding;
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: PerAxis,
    options: ConvModuleOptions = {},
  ) {
    super(options);
    const { rank, transposed } = new.target;
    const name = `${transposed ? 'ConvTranspose' : 'Conv'}${rank}d`;
    const axes = (what: string, value: PerAxis, least: number): number[] =>
      perAxis(name, what, value, rank, least);
    const groups = (this.groups = options.groups ?? 1);
    wantWhole(name, 'inChannels', inChannels);
    wantWhole(name, 'outChannels', outChannels);
    wantWhole(name, 'groups', groups, 1);
    wantPadding(name, options.padding ?? 0);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      fail(name, `${inChannels} and ${outChannels} channels do not divide into ${groups} groups`);
    }
    const kernel = (this.kernel = axes('kernelSize', kernelSize, 1));
    this.stride = axes('stride', options.stride ?? 1, 1);
    this.dilation = axes('dilation', options.dilation ?? 1, 1);
    this.padding = options.padding ?? 0;
    const shape: Shape = transposed
      ? [inChannels, outChannels / groups, ...kernel]
      : [outChannels, inChannels / groups, ...kernel];
    this.weight = initParameter(shape, options.init ?? defaultWeightInit, options);
    this.bias =
      (options.bias ?? true)
        ? initParameter([outChannels], options.biasInit ?? defaultBiasInit(shape), options)
        : null;
  }

  override get config(): ConvConfig {
    const { inChannels, outChannels, kernel, stride, padding, dilation, groups } = this;
    const bias = this.bias !== null;
    return {
      ...{ inChannels, outChannels, kernel, stride, padding, dilation, groups, bias },
      ...layoutConfig(this),
    };
  }

  forward(x: Tensor): Tensor {
    return this.#run(x, null, 'none');
  }

  /** Takes a batch norm on stored statistics (unless there is a bias) and a ReLU or ReLU6 with it. */
  override forwardInto(x: Tensor, next: readonly Module[]): { readonly y: Tensor; readonly taken: number } {
    if (this.forward !== ConvBase.prototype.forward) return { y: this.forward(x), taken: 0 };
    const norm = this.bias ? null : storedNorm(next[0], this);
    const first = norm ? 1 : 0;
    const activation = fusedActivation(next[first]);
    const taken = activation === 'none' ? first : first + 1;
    return { y: this.#run(x, norm, activation), taken };
  }

  #run(x: Tensor, norm: BatchNorm | null, activation: FusedActivation): Tensor {
    this.check(x);
    const { stride, padding, dilation, groups, layout } = this;
    return composite(() => {
      const affine = norm ? norm.storedAffine() : { shift: this.bias?.value ?? null };
      const options = { stride, padding, dilation, groups, layout, activation, ...affine };
      return convAffine(x, this.weight.value, options);
    });
  }
}

/** The layer as a batch norm that, at this moment, is a scale and a shift of this convolution's channels. */
function storedNorm(m: Module | undefined, { weight, outChannels, layout }: ConvBase): BatchNorm | null {
  if (!(m instanceof BatchNorm) || m.forward !== BatchNorm.prototype.forward || m.usesBatch) return null;
  return m.accepts(weight.value.rank) && m.channels === outChannels && m.layout === layout ? m : null;
}

function fusedActivation(m: Module | undefined): FusedActivation {
  if (!(m instanceof Activation) || m.forward !== Activation.prototype.forward) return 'none';
  return m.fn === relu ? 'relu' : m.fn === relu6 ? 'relu6' : 'none';
}

/**
 * Convolution over `[n, c, w]`; see `conv`. `new Conv1d(inChannels, outChannels, kernelSize, options)`.
 * @throws ShapeError where channels do not divide into the groups, or a setting is not a whole number in its range.
 * @example
 * new Conv1d(3, 8, 5, { stride: 2, padding: 'same' }).forward(zeros([1, 3, 32])).shape; // → [1, 8, 16]
 */
export class Conv1d extends ConvBase {
  protected static override readonly rank = 1;
}
/**
 * Convolution over `[n, c, h, w]`; see `conv`. `new Conv2d(inChannels, outChannels, kernelSize, options)`.
 * @throws ShapeError where channels do not divide into the groups, or a setting is not a whole number in its range.
 * @example
 * const layer = new Conv2d(3, 8, 3, { stride: 2, padding: 1 });
 * layer.forward(zeros([1, 3, 32, 32])).shape; // → [1, 8, 16, 16]
 * layer.weight.value.shape; // → [8, 3, 3, 3]
 */
export class Conv2d extends ConvBase {
  protected static override readonly rank = 2;
}
/**
 * Convolution over `[n, c, d, h, w]`; see `conv`. `new Conv3d(inChannels, outChannels, kernelSize, options)`.
 * @throws ShapeError where channels do not divide into the groups, or a setting is not a whole number in its range.
 * @example
 * new Conv3d(1, 4, 3).forward(zeros([1, 1, 8, 8, 8])).shape; // → [1, 4, 6, 6, 6]
 */
export class Conv3d extends ConvBase {
  protected static override readonly rank = 3;
}

export interface ConvTransposeModuleOptions extends ConvModuleOptions {
  /** Default 0. */
  readonly outputPadding?: PerAxis;
}

abstract class ConvTransposeBase extends ConvBase {
  protected static override readonly transposed = true;
  readonly outputPadding: readonly number[];
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeModuleOptions = {},
  ) {
    super(inChannels, outChannels, kernelSize, options);
    const { outputPadding = 0 } = options;
    const { rank } = new.target;
    this.outputPadding = perAxis(`ConvTranspose${rank}d`, 'outputPadding', outputPadding, rank, 0);
  }

  override get config(): ConvConfig {
    const { layout, ...rest } = super.config;
    return { ...rest, outputPadding: this.outputPadding, ...(layout && { layout }) };
  }

  override forward(x: Tensor): Tensor {
    this.check(x);
    const { stride, padding, dilation, groups, layout, outputPadding } = this;
    const options = { stride, padding, dilation, groups, layout, outputPadding };
    return convTransposeBias(x, this.weight.value, this.bias?.value, options);
  }
}

/**
 * Transposed convolution over `[n, c, w]`; see `convTranspose`.
 * @throws ShapeError where channels do not divide into the groups, or a setting is not a whole number in its range.
 * @example
 * new ConvTranspose1d(4, 2, 2, { stride: 2 }).forward(zeros([1, 4, 8])).shape; // → [1, 2, 16]
 */
export class ConvTranspose1d extends ConvTransposeBase {
  protected static override readonly rank = 1;
}
/**
 * Transposed convolution over `[n, c, h, w]`; see `convTranspose`.
 * @throws ShapeError where channels do not divide into the groups, or a setting is not a whole number in its range.
 * @example
 * new ConvTranspose2d(4, 2, 2, { stride: 2 }).forward(zeros([1, 4, 8, 8])).shape; // → [1, 2, 16, 16]
 */
export class ConvTranspose2d extends ConvTransposeBase {
  protected static override readonly rank = 2;
}
/**
 * Transposed convolution over `[n, c, d, h, w]`; see `convTranspose`.
 * @throws ShapeError where channels do not divide into the groups, or a setting is not a whole number in its range.
 * @example
 * new ConvTranspose3d(4, 2, 2, { stride: 2 }).forward(zeros([1, 4, 3, 3, 3])).shape; // → [1, 2, 6, 6, 6]
 */
export class ConvTranspose3d extends ConvTransposeBase {
  protected static override readonly rank = 3;
}
