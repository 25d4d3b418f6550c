import { groupNorm, instanceNorm, layerNorm } from '../functional/norm.ts';
import { fail, wantWhole } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import { BatchNorm, Norm, type BatchNormModuleOptions, type NormOptions } from './batch-norm.ts';
import type { ConfigOf } from './init.ts';
import { layoutConfig } from './spatial.ts';

export type { BatchNormModuleOptions, NormOptions };

/**
 * Over `[n, c]` or `[n, c, w]`.
 * (Ioffe, Szegedy, 2015, arXiv:1502.03167)
 * @example
 * const layer = new BatchNorm1d(1, { affine: false });
 * layer.forward(tensor([[1], [3]])); // → [[-1.0], [1.0]]
 * layer.runningMean.value; // → [0.2]
 */
export class BatchNorm1d extends BatchNorm {
  protected static override readonly ranks: readonly number[] = [2, 3];
}
/**
 * Over `[n, c, h, w]`.
 * (Ioffe, Szegedy, 2015, arXiv:1502.03167)
 * @example
 * const layer = new BatchNorm2d(3);
 * layer.eval().forward(ones([1, 3, 2, 2])).shape; // → [1, 3, 2, 2]
 * [...layer.stateDict().keys()].length; // → 5
 */
export class BatchNorm2d extends BatchNorm {
  protected static override readonly ranks: readonly number[] = [4];
}
/**
 * Over `[n, c, d, h, w]`.
 * (Ioffe, Szegedy, 2015, arXiv:1502.03167)
 * @example
 * new BatchNorm3d(2).forward(ones([1, 2, 3, 3, 3])).shape; // → [1, 2, 3, 3, 3]
 */
export class BatchNorm3d extends BatchNorm {
  protected static override readonly ranks: readonly number[] = [5];
}

/**
 * Over the last axes of each sample; see `layerNorm`.
 * Input and output `[..., ...shape]`. (Ba et al., 2016, arXiv:1607.06450)
 * @example
 * new LayerNorm(2).forward(tensor([[1, 3], [0, 8]])); // → [[-1.0, 1.0], [-1.0, 1.0]]
 */
export class LayerNorm extends Norm {
  static override readonly args: readonly string[] = ['shape'];
  readonly shape: Shape;
  constructor(shape: number | Shape, options: Omit<NormOptions, 'layout'> = {}) {
    const axes = typeof shape === 'number' ? [shape] : shape;
    super(axes, options);
    this.shape = axes;
  }
  override get config(): ConfigOf<{ shape: Shape }, Omit<NormOptions, 'layout'>> {
    return { shape: this.shape, eps: this.eps, affine: this.weight !== null };
  }
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.shape, this.affine());
  }
}

/**
 * Over groups of channels of each sample; see `groupNorm`.
 * Input and output `[n, c, ...spatial]`. (Wu, He, 2018, arXiv:1803.08494)
 * @throws ShapeError where the channels do not divide into the groups.
 * @example
 * new GroupNorm(2, 4).forward(ones([1, 4, 3, 3])).shape; // → [1, 4, 3, 3]
 */
export class GroupNorm extends Norm {
  static override readonly args: readonly string[] = ['groups', 'channels'];
  constructor(
    readonly groups: number,
    readonly channels: number,
    options: NormOptions = {},
  ) {
    super([channels], options);
    wantWhole('GroupNorm', 'groups', groups, 1);
    if (channels % groups !== 0)
      fail('GroupNorm', `${channels} channels do not divide into ${groups} groups`);
  }
  override get config(): ConfigOf<{ groups: number; channels: number }, NormOptions> {
    const { groups, channels, eps } = this;
    return { groups, channels, eps, affine: this.weight !== null, ...layoutConfig(this) };
  }
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, this.affine());
  }
}

/**
 * Over each channel of each sample; see `instanceNorm`. No weight and bias by default, as in PyTorch.
 * Input and output `[n, c, ...spatial]`. (Ulyanov et al., 2016, arXiv:1607.08022)
 * @example
 * new InstanceNorm(1).forward(tensor([[[1, 3]]])); // → [[[-1.0, 1.0]]]
 */
export class InstanceNorm extends Norm {
  static override readonly args: readonly string[] = ['channels'];
  constructor(
    readonly channels: number,
    options: NormOptions = {},
  ) {
    super([channels], { affine: false, ...options });
  }
  override get config(): ConfigOf<{ channels: number }, NormOptions> {
    const { channels, eps } = this;
    return { channels, eps, affine: this.weight !== null, ...layoutConfig(this) };
  }
  forward(x: Tensor): Tensor {
    return instanceNorm(x, this.affine());
  }
}
