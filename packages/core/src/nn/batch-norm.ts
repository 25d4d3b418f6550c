import { batchNorm, storedAffine, type ChannelStatistics } from '../functional/batch-norm.ts';
import { noGrad } from '../op.ts';
import { add, tensor } from '../ops/index.ts';
import { fail } from '../ops/check.ts';
import { scope, type Tensor } from '../tensor.ts';
import { showShape, sizeOf, type DType, type Layout, type Shape } from '../types.ts';
import { onesInit, zerosInit, type BackendOption, type ConfigOf } from './init.ts';
import { initParameter } from './init-parameter.ts';
import { Layer } from './layer.ts';
import type { Member } from './module.ts';
import { batchObserver, type MovingStatistics } from './moving-statistics.ts';
import { StateBuffer, type Parameter } from './parameter.ts';
import { layoutConfig, type LayoutOption } from './spatial.ts';

export interface NormOptions extends BackendOption, LayoutOption {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Learn a weight (initially 1) and a bias (initially 0). Default true. */
  readonly affine?: boolean;
}

/** Weight and bias of a normalization. */
export abstract class Norm extends Layer {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly eps: number;
  readonly layout: Layout;

  constructor(shape: Shape, options: NormOptions) {
    super();
    const affine = options.affine ?? true;
    this.weight = affine ? initParameter(shape, onesInit, options) : null;
    this.bias = affine ? initParameter(shape, zerosInit, options) : null;
    this.eps = options.eps ?? 1e-5;
    this.layout = options.layout ?? 'channels-first';
  }

  protected affine(): { weight: Tensor | null; bias: Tensor | null; eps: number; layout: Layout } {
    const { eps, layout } = this;
    return { weight: this.weight?.value ?? null, bias: this.bias?.value ?? null, eps, layout };
  }
}

export interface BatchNormModuleOptions extends NormOptions {
  /** Weight of a new batch in the running statistics (PyTorch's convention). Default 0.1. */
  readonly momentum?: number;
}

/**
 * Batch normalization; see `batchNorm`. In training it normalizes by the batch and moves its running statistics; in
 * evaluation, while locked, or with `statistics` set to 'stored', it uses those as they are and never changes them.
 */
export abstract class BatchNorm extends Norm {
  static override readonly args: readonly string[] = ['channels'];
  /** How many axes its activations may have. */
  declare protected static readonly ranks: readonly number[];
  readonly #ranks: readonly number[];
  readonly runningMean: StateBuffer;
  readonly runningVar: StateBuffer;
  /** Batches that went into the running statistics: an int32 scalar. */
  readonly numBatchesTracked: StateBuffer;
  readonly momentum: number;
  /** What is used in training: the batch's statistics, or the stored ones as in evaluation. */
  override statistics: 'batch' | 'stored' = 'batch';

  constructor(
    readonly channels: number,
    options: BatchNormModuleOptions = {},
  ) {
    super([channels], options);
    this.#ranks = new.target.ranks;
    const at = options.backend ? { backend: options.backend } : {};
    const buffer = (value: number, shape: Shape, dtype: DType): StateBuffer => {
      options.reserve?.(shape);
      return new StateBuffer(tensor(new Array<number>(sizeOf(shape)).fill(value), shape, { dtype, ...at }));
    };
    this.runningMean = buffer(0, [channels], 'float32');
    this.runningVar = buffer(1, [channels], 'float32');
    this.numBatchesTracked = buffer(0, [], 'int32');
    this.numBatchesTracked.optional = true;
    this.momentum = options.momentum ?? 0.1;
  }

  override get config(): ConfigOf<{ channels: number }, BatchNormModuleOptions> {
    const { channels, eps, momentum } = this;
    return { channels, eps, momentum, affine: this.weight !== null, ...layoutConfig(this) };
  }

  /** PyTorch's names, so that its checkpoints fit. */
  override *members(): IterableIterator<[string, Member]> {
    if (this.weight) yield ['weight', this.weight];
    if (this.bias) yield ['bias', this.bias];
    yield ['running_mean', this.runningMean];
    yield ['running_var', this.runningVar];
    yield ['num_batches_tracked', this.numBatchesTracked];
  }

  override get frozen(): boolean {
    return super.frozen && (this.locked || this.statistics === 'stored');
  }

  /** Does it normalize by the batch now, or by what it has stored? */
  get usesBatch(): boolean {
    const moves = this.training && !this.locked && this.statistics === 'batch';
    return moves || batchObserver(this.runningMean) !== undefined;
  }
  override *movingStatistics(): IterableIterator<MovingStatistics> {
    const { channels, momentum, runningMean: mean, runningVar: variance } = this;
    if (this.usesBatch) yield { channels, momentum, mean, variance };
  }
  /** Does it take activations with so many axes? */
  accepts(rank: number): boolean {
    return this.#ranks.includes(rank);
  }
  /** On stored statistics it is x · scale + shift, both `[channels]`. */
  storedAffine(): { readonly scale: Tensor; readonly shift: Tensor } {
    const { weight, bias, eps } = this.affine();
    return storedAffine(this.#running, weight, bias, eps);
  }
  get #running(): ChannelStatistics {
    return { mean: this.runningMean.value, variance: this.runningVar.value };
  }

  forward(x: Tensor): Tensor {
    if (!this.accepts(x.rank)) {
      fail(
        this.constructor.name,
        `input has shape ${showShape(x.shape)}, it must have ${this.#ranks.join(' or ')} axes`,
      );
    }
    const observer = batchObserver(this.runningMean);
    const training = this.usesBatch;
    const momentum = observer ? 1 : this.momentum;
    const out = batchNorm(x, this.#running, { ...this.affine(), training, momentum });
    if (observer) observer(x.size / this.channels, out.mean, out.variance);
    else if (training) {
      this.runningMean.set(out.mean);
      this.runningVar.set(out.variance);
      this.numBatchesTracked.set(scope(() => noGrad(() => add(this.numBatchesTracked.value, 1))));
    }
    return out.y;
  }
}
