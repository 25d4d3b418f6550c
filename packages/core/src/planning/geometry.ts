import type { PoolAttrs } from '../primitives.ts';
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

export function triple(list: readonly number[], fill: number): Triple {
  const [a, b, c] = [...new Array<number>(3 - list.length).fill(fill), ...list];
  return [a!, b!, c!];
}

export function activation(shape: Shape, layout: Layout): ActivationGeometry {
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

export function window(kernel: readonly number[], a: Omit<WindowAttrs, 'kernel'>): WindowGeometry {
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

export function product([a, b, c]: Triple): number {
  return a * b * c;
}
