import { composite } from '../op.ts';
import {
  adaptiveAvgPool,
  adaptiveMaxPool,
  avgPool,
  globalAvgPool,
  globalMaxPool,
  globalStatsPool,
  maxPool,
  type AvgPoolOptions,
  type PoolOptions,
} from '../ops/index.ts';
import { isSame, perAxis, wantPadding, type Padding, type PerAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import type { ConfigOf } from './init.ts';
import { layoutConfig, SpatialModule, type LayoutOption } from './spatial.ts';

type PoolConfig = ConfigOf<{ kernel: PerAxis }, AvgPoolOptions>;

abstract class PoolBase extends SpatialModule {
  static override readonly args: readonly string[] = ['kernel'];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: Padding;
  readonly ceilMode: boolean;
  constructor(kernel: PerAxis, options: PoolOptions = {}) {
    super(options);
    const axes = (what: string, value: PerAxis): number[] =>
      perAxis('pool', what, value, this.spatialRank, 1);
    this.kernel = axes('kernel', kernel);
    this.padding = options.padding ?? 0;
    wantPadding('pool', this.padding);
    this.stride = axes('stride', options.stride ?? this.kernel);
    this.dilation = axes('dilation', options.dilation ?? 1);
    this.ceilMode = options.ceilMode ?? false;
  }
  override get config(): PoolConfig {
    const { kernel, stride, padding, dilation, ceilMode } = this;
    return { kernel, stride, padding, dilation, ceilMode, ...layoutConfig(this) };
  }
}

abstract class MaxPoolBase extends PoolBase {
  forward(x: Tensor): Tensor {
    this.check(x);
    const { kernel, stride, dilation, padding, ceilMode, layout } = this;
    return maxPool(x, kernel, { stride, dilation, padding, ceilMode, layout });
  }
}
/**
 * Largest element of each window of `[n, c, w]`; the stride defaults to the kernel. See `maxPool`.
 * @throws ShapeError where a setting is not a whole number in its range.
 * @example
 * new MaxPool1d(2).forward(zeros([1, 2, 6])).shape; // → [1, 2, 3]
 */
export class MaxPool1d extends MaxPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Largest element of each window of `[n, c, h, w]`; the stride defaults to the kernel. See `maxPool`.
 * @throws ShapeError where a setting is not a whole number in its range.
 * @example
 * new MaxPool2d(2).forward(zeros([1, 2, 6, 6])).shape; // → [1, 2, 3, 3]
 */
export class MaxPool2d extends MaxPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Largest element of each window of `[n, c, d, h, w]`; the stride defaults to the kernel. See `maxPool`.
 * @throws ShapeError where a setting is not a whole number in its range.
 * @example
 * new MaxPool3d(2).forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 2, 3, 3, 3]
 */
export class MaxPool3d extends MaxPoolBase {
  protected static override readonly rank = 3;
}

abstract class AvgPoolBase extends PoolBase {
  readonly countIncludePad: boolean;
  constructor(kernel: PerAxis, options: AvgPoolOptions = {}) {
    super(kernel, options);
    this.countIncludePad = options.countIncludePad ?? !isSame(options.padding);
  }
  override get config(): PoolConfig {
    const { layout, ...rest } = super.config;
    return { ...rest, countIncludePad: this.countIncludePad, ...(layout && { layout }) };
  }
  forward(x: Tensor): Tensor {
    this.check(x);
    const { kernel, stride, dilation, padding, ceilMode, layout, countIncludePad } = this;
    return avgPool(x, kernel, { stride, dilation, padding, ceilMode, layout, countIncludePad });
  }
}
/**
 * Mean of each window of `[n, c, w]`; the stride defaults to the kernel. See `avgPool`.
 * @throws ShapeError where a setting is not a whole number in its range.
 * @example
 * new AvgPool1d(2).forward(zeros([1, 2, 6])).shape; // → [1, 2, 3]
 */
export class AvgPool1d extends AvgPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Mean of each window of `[n, c, h, w]`; the stride defaults to the kernel. See `avgPool`.
 * @throws ShapeError where a setting is not a whole number in its range.
 * @example
 * new AvgPool2d(2).forward(zeros([1, 2, 6, 6])).shape; // → [1, 2, 3, 3]
 */
export class AvgPool2d extends AvgPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Mean of each window of `[n, c, d, h, w]`; the stride defaults to the kernel. See `avgPool`.
 * @throws ShapeError where a setting is not a whole number in its range.
 * @example
 * new AvgPool3d(2).forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 2, 3, 3, 3]
 */
export class AvgPool3d extends AvgPoolBase {
  protected static override readonly rank = 3;
}

abstract class AdaptivePool extends SpatialModule {
  static override readonly args: readonly string[] = ['output'];
  /** Spatial extents of the output. */
  readonly output: readonly number[];
  protected abstract readonly pool: typeof adaptiveAvgPool;
  constructor(output: PerAxis, options: LayoutOption = {}) {
    super(options);
    this.output = perAxis('adaptive pool', 'output size', output, this.spatialRank, 1);
  }
  forward(x: Tensor): Tensor {
    this.check(x);
    return composite(() => this.pool(x, this.output, { layout: this.layout }));
  }
  override get config(): ConfigOf<{ output: PerAxis }, LayoutOption> {
    return { output: this.output, ...layoutConfig(this) };
  }
}
abstract class AdaptiveAvgPoolBase extends AdaptivePool {
  protected readonly pool: typeof adaptiveAvgPool = adaptiveAvgPool;
}
/**
 * Mean over bins that divide the input evenly: `[n, c, w]` → `[n, c, output]`.
 * @throws ShapeError where an extent is not a whole number of 1 or more.
 * @example
 * new AdaptiveAvgPool1d(3).forward(zeros([1, 2, 6])).shape; // → [1, 2, 3]
 */
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Mean over bins that divide the input evenly: `[n, c, h, w]` → `[n, c, ...output]`.
 * @throws ShapeError where an extent is not a whole number of 1 or more.
 * @example
 * new AdaptiveAvgPool2d(3).forward(zeros([1, 2, 6, 6])).shape; // → [1, 2, 3, 3]
 */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Mean over bins that divide the input evenly: `[n, c, d, h, w]` → `[n, c, ...output]`.
 * @throws ShapeError where an extent is not a whole number of 1 or more.
 * @example
 * new AdaptiveAvgPool3d(3).forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 2, 3, 3, 3]
 */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolBase {
  protected static override readonly rank = 3;
}
abstract class AdaptiveMaxPoolBase extends AdaptivePool {
  protected readonly pool: typeof adaptiveMaxPool = adaptiveMaxPool;
}
/**
 * Maximum over bins that divide the input evenly: `[n, c, w]` → `[n, c, output]`.
 * @throws ShapeError where an extent is not a whole number of 1 or more.
 * @example
 * new AdaptiveMaxPool1d(3).forward(zeros([1, 2, 6])).shape; // → [1, 2, 3]
 */
export class AdaptiveMaxPool1d extends AdaptiveMaxPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Maximum over bins that divide the input evenly: `[n, c, h, w]` → `[n, c, ...output]`.
 * @throws ShapeError where an extent is not a whole number of 1 or more.
 * @example
 * new AdaptiveMaxPool2d(3).forward(zeros([1, 2, 6, 6])).shape; // → [1, 2, 3, 3]
 */
export class AdaptiveMaxPool2d extends AdaptiveMaxPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Maximum over bins that divide the input evenly: `[n, c, d, h, w]` → `[n, c, ...output]`.
 * @throws ShapeError where an extent is not a whole number of 1 or more.
 * @example
 * new AdaptiveMaxPool3d(3).forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 2, 3, 3, 3]
 */
export class AdaptiveMaxPool3d extends AdaptiveMaxPoolBase {
  protected static override readonly rank = 3;
}

export interface GlobalPoolOptions extends LayoutOption {
  /** Keep the spatial axes with extent 1. Default false: `[n, c]`. */
  readonly keepDims?: boolean;
}

abstract class GlobalPool extends SpatialModule {
  static override readonly args: readonly string[] = [];
  readonly keepDims: boolean;
  protected abstract readonly pool: typeof globalAvgPool;
  constructor(options: GlobalPoolOptions = {}) {
    super(options);
    this.keepDims = options.keepDims ?? false;
  }
  forward(x: Tensor): Tensor {
    this.check(x);
    return composite(() => this.pool(x, { layout: this.layout, keepDims: this.keepDims }));
  }
  override get config(): GlobalPoolOptions {
    return { keepDims: this.keepDims, ...layoutConfig(this) };
  }
}
abstract class GlobalAvgPoolBase extends GlobalPool {
  protected readonly pool: typeof globalAvgPool = globalAvgPool;
}
/**
 * Mean over all positions: `[n, c, w]` → `[n, c]`.
 * @example
 * new GlobalAvgPool1d().forward(zeros([1, 2, 6])).shape; // → [1, 2]
 */
export class GlobalAvgPool1d extends GlobalAvgPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Mean over all positions: `[n, c, h, w]` → `[n, c]`.
 * @example
 * new GlobalAvgPool2d().forward(zeros([1, 2, 6, 6])).shape; // → [1, 2]
 */
export class GlobalAvgPool2d extends GlobalAvgPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Mean over all positions: `[n, c, d, h, w]` → `[n, c]`.
 * @example
 * new GlobalAvgPool3d().forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 2]
 */
export class GlobalAvgPool3d extends GlobalAvgPoolBase {
  protected static override readonly rank = 3;
}
abstract class GlobalMaxPoolBase extends GlobalPool {
  protected readonly pool: typeof globalMaxPool = globalMaxPool;
}
/**
 * Maximum over all positions: `[n, c, w]` → `[n, c]`.
 * @example
 * new GlobalMaxPool1d().forward(zeros([1, 2, 6])).shape; // → [1, 2]
 */
export class GlobalMaxPool1d extends GlobalMaxPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Maximum over all positions: `[n, c, h, w]` → `[n, c]`.
 * @example
 * new GlobalMaxPool2d().forward(zeros([1, 2, 6, 6])).shape; // → [1, 2]
 */
export class GlobalMaxPool2d extends GlobalMaxPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Maximum over all positions: `[n, c, d, h, w]` → `[n, c]`.
 * @example
 * new GlobalMaxPool3d().forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 2]
 */
export class GlobalMaxPool3d extends GlobalMaxPoolBase {
  protected static override readonly rank = 3;
}
abstract class GlobalStatsPoolBase extends GlobalPool {
  protected readonly pool: typeof globalStatsPool = globalStatsPool;
}
/**
 * Mean and standard deviation over all positions: `[n, c, w]` → `[n, 2c]`; see `globalStatsPool`.
 * @example
 * new GlobalStatsPool1d().forward(zeros([1, 2, 6])).shape; // → [1, 4]
 */
export class GlobalStatsPool1d extends GlobalStatsPoolBase {
  protected static override readonly rank = 1;
}
/**
 * Mean and standard deviation over all positions: `[n, c, h, w]` → `[n, 2c]`; see `globalStatsPool`.
 * @example
 * new GlobalStatsPool2d().forward(zeros([1, 2, 6, 6])).shape; // → [1, 4]
 */
export class GlobalStatsPool2d extends GlobalStatsPoolBase {
  protected static override readonly rank = 2;
}
/**
 * Mean and standard deviation over all positions: `[n, c, d, h, w]` → `[n, 2c]`; see `globalStatsPool`.
 * @example
 * new GlobalStatsPool3d().forward(zeros([1, 2, 6, 6, 6])).shape; // → [1, 4]
 */
export class GlobalStatsPool3d extends GlobalStatsPoolBase {
  protected static override readonly rank = 3;
}
