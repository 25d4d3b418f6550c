import { composite, type CompositeHead } from '../op.ts';
import { add, mul, reshape } from '../ops/index.ts';
import { fail, wantWhole } from '../ops/check.ts';
import { channelAxis, spatialAxes } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { sameShape, showShape, type Layout, type Shape } from '../types.ts';
import { channelsOf, perChannel, wantPerChannel } from './channels.ts';
import { standardize } from './standardize.ts';

const EPS = 1e-5;

export interface AffineOptions {
  /** Factor. Default 1. */
  readonly weight?: Tensor | null;
  /** Summand. Default 0. */
  readonly bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

function affine(y: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight ? mul(y, weight) : y;
  return bias ? add(scaled, bias) : scaled;
}

/**
 * Normalizes each sample over its last axes. (Ba et al., 2016, arXiv:1607.06450)
 * @param x `[...batch, ...shape]`.
 * @param shape The extents of those axes; `weight` and `bias` have this shape, too.
 * @throws ShapeError where x does not end in `shape`.
 * @example
 * layerNorm(tensor([[1, 3], [10, 30]]), 2); // → [[-1.0, 1.0], [-1.0, 1.0]]
 */
export function layerNorm(x: Tensor, shape: number | Shape, options: AffineOptions = {}): Tensor {
  const want = typeof shape === 'number' ? [shape] : shape;
  const first = x.rank - want.length;
  if (!want.length || first < 0 || !sameShape(x.shape.slice(first), want)) {
    fail('layerNorm', `input ${showShape(x.shape)} does not end in the normalized shape ${showShape(want)}`);
  }
  for (const [name, p] of [
    ['weight', options.weight],
    ['bias', options.bias],
  ] as const) {
    if (p && !sameShape(p.shape, want))
      fail('layerNorm', `${name} has shape ${showShape(p.shape)}, it must be ${showShape(want)}`);
  }
  const axes = want.map((_, i) => first + i);
  const { weight = null, bias = null, eps = EPS } = options;
  return composite(() => affine(standardize(x, axes, eps), weight, bias), {
    name: 'layerNorm',
    inputs: [x, weight, bias],
    attrs: { axes, eps },
  });
}

export interface ChannelNormOptions extends AffineOptions {
  /** Default channels-first. */
  readonly layout?: Layout;
}

function channelAffine(op: string, y: Tensor, options: ChannelNormOptions): Tensor {
  const layout = options.layout ?? 'channels-first';
  const shaped = (what: string, p: Tensor | null | undefined): Tensor | null => {
    if (!p) return null;
    wantPerChannel(op, what, p, channelsOf(op, y.shape, layout));
    return perChannel(p, y.rank, layout);
  };
  return affine(y, shaped('weight', options.weight), shaped('bias', options.bias));
}

function wholeNorm(name: string, x: Tensor, options: ChannelNormOptions, more: object = {}): CompositeHead {
  const { weight = null, bias = null, eps = EPS, layout = 'channels-first' } = options;
  return { name, inputs: [x, weight, bias], attrs: { eps, layout, ...more } };
}

/**
 * Normalizes each sample over groups of neighbouring channels and all positions. (Wu, He, 2018, arXiv:1803.08494)
 * @param x `[n, c, ...spatial]` (or channels-last); `weight` and `bias` are `[c]`.
 * @throws ShapeError where the channels do not divide into `groups`.
 * @example
 * groupNorm(tensor([[[1], [3], [10], [30]]]), 2); // → [[[-1.0], [1.0], [-1.0], [1.0]]]
 */
export function groupNorm(x: Tensor, groups: number, options: ChannelNormOptions = {}): Tensor {
  const layout = options.layout ?? 'channels-first';
  const c = channelsOf('groupNorm', x.shape, layout);
  wantWhole('groupNorm', 'groups', groups, 1);
  if (c % groups !== 0) fail('groupNorm', `${c} channels do not divide into ${groups} groups`);
  const at = channelAxis(layout, x.rank);
  const parted = [...x.shape.slice(0, at), groups, c / groups, ...x.shape.slice(at + 1)];
  const axes = parted.map((_, i) => i).filter((i) => i !== 0 && i !== at);
  const { eps = EPS } = options;
  return composite(
    () => channelAffine('groupNorm', reshape(standardize(reshape(x, parted), axes, eps), x.shape), options),
    wholeNorm('groupNorm', x, options, { groups }),
  );
}

/**
 * Normalizes every channel of every sample over its positions. (Ulyanov et al., 2016, arXiv:1607.08022)
 * @param x `[n, c, ...spatial]` (or channels-last); `weight` and `bias` are `[c]`.
 * @throws ShapeError where there is no spatial axis, or weight or bias are not `[c]`.
 * @example
 * instanceNorm(tensor([[[1, 3], [10, 30]]])); // → [[[-1.0, 1.0], [-1.0, 1.0]]]
 */
export function instanceNorm(x: Tensor, options: ChannelNormOptions = {}): Tensor {
  if (x.rank < 3)
    fail('instanceNorm', `input has shape ${showShape(x.shape)}, it needs at least one spatial axis`);
  const axes = spatialAxes(options.layout ?? 'channels-first', x.rank);
  return composite(
    () => channelAffine('instanceNorm', standardize(x, axes, options.eps ?? EPS), options),
    wholeNorm('instanceNorm', x, options),
  );
}
