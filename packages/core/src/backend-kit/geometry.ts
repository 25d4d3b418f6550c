import type { ConvAttrs, PoolAttrs } from '../primitives.ts';
import type { Layout, Shape } from '../types.ts';

/** Depth, height, width. */
export type Triple = readonly [number, number, number];

/** A sliding window over any number of spatial axes, one entry per axis: what convolutions and pools have in common. */
export type WindowAttrs = Pick<PoolAttrs, 'kernel' | 'stride' | 'padding' | 'dilation'>;

/**
 * Everything about a window op in numbers. There are always three spatial axes: in one or two dimensions the leading
 * extents, kernel extents, strides and dilations are 1, and one loop nest serves all three.
 */
export interface WindowGeometry {
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly dilation: Triple;
  /** Padding before. */
  readonly before: Triple;
  readonly after: Triple;
}

/** An activation `[n, c, d, h, w]` in either layout: extents, and how far apart neighbours are in memory. */
export interface ActivationGeometry {
  readonly batch: number;
  readonly channels: number;
  readonly extent: Triple;
  readonly channelsLast: boolean;
  readonly batchStep: number;
  readonly channelStep: number;
  readonly step: Triple;
}

/** A list of one, two or three entries, one per spatial axis, with `fill` for the leading axes that are missing. */
export function triple(list: readonly number[], fill: number): Triple {
  const [a, b, c] = [...new Array<number>(3 - list.length).fill(fill), ...list];
  return [a!, b!, c!];
}

/** @param shape `[n, c, ...spatial]` or `[n, ...spatial, c]`, as the layout says, with one to three spatial axes. */
export function activationGeometry(shape: Shape, layout: Layout): ActivationGeometry {
  const channelsLast = layout === 'channels-last';
  const channels = channelsLast ? shape.at(-1)! : shape[1]!;
  const extent = triple(channelsLast ? shape.slice(1, -1) : shape.slice(2), 1);
  const [d, h, w] = extent;
  const unit = channelsLast ? channels : 1;
  return {
    batch: shape[0]!,
    channels,
    extent,
    channelsLast,
    batchStep: channels * d * h * w,
    channelStep: channelsLast ? 1 : d * h * w,
    step: [h * w * unit, w * unit, unit],
  };
}

/** @param kernel One extent per spatial axis, as many as the attributes have entries. */
export function windowGeometry(kernel: readonly number[], a: Omit<WindowAttrs, 'kernel'>): WindowGeometry {
  return {
    kernel: triple(kernel, 1),
    stride: triple(a.stride, 1),
    dilation: triple(a.dilation, 1),
    before: triple(
      a.padding.map((p) => p[0]),
      0,
    ),
    after: triple(
      a.padding.map((p) => p[1]),
      0,
    ),
  };
}

/** The number of points in a box of these extents. */
export function product([a, b, c]: Triple): number {
  return a * b * c;
}

/** A convolution: `input` and `output` are those of the forward direction, for the gradients too. */
export interface ConvProblem {
  readonly input: ActivationGeometry;
  readonly output: ActivationGeometry;
  readonly window: WindowGeometry;
  readonly groups: number;
}

/**
 * The problem of `conv`, `convInputGrad` or `convWeightGrad`.
 * @param input Shape of the convolution's input, or of its gradient.
 * @param output Shape of the convolution's output, or of its gradient.
 * @param kernel The weights' spatial extents.
 */
export function convProblem(
  input: Shape,
  output: Shape,
  kernel: readonly number[],
  attrs: ConvAttrs,
): ConvProblem {
  return {
    input: activationGeometry(input, attrs.layout),
    output: activationGeometry(output, attrs.layout),
    window: windowGeometry(kernel, attrs),
    groups: attrs.groups,
  };
}
