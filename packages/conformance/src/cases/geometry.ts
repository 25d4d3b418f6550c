import type { Layout, Shape } from '@graftjs/core';
import type { ConvAttrs, PoolAttrs } from '@graftjs/core/backend';

export const LAYOUTS: readonly Layout[] = ['channels-first', 'channels-last'];

type Pad = readonly (readonly [number, number])[];

/** A convolution without its layout. */
export interface ConvGeometry {
  readonly what: string;
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly input: Shape;
  readonly kernel: Shape;
  readonly stride: Shape;
  readonly dilation: Shape;
  readonly padding: Pad;
}

/** A pool without its layout. */
export interface PoolGeometry {
  readonly what: string;
  readonly batch: number;
  readonly channels: number;
  readonly input: Shape;
  readonly kernel: Shape;
  readonly stride: Shape;
  readonly dilation: Shape;
  readonly padding: Pad;
  readonly ceilMode: boolean;
}

type Part<G, K extends keyof G> = Pick<G, K | ('what' & keyof G)> & Partial<G>;
const each = (rank: Shape, value: number): number[] => rank.map(() => value);
const unpadded = (rank: Shape): [number, number][] => rank.map(() => [0, 0]);

const conv = (g: Part<ConvGeometry, 'input' | 'kernel'>): ConvGeometry => ({
  batch: 2,
  channels: 3,
  filters: 4,
  groups: 1,
  stride: each(g.kernel, 1),
  dilation: each(g.kernel, 1),
  padding: unpadded(g.kernel),
  ...g,
});

const same = (rank: number, p: number): [number, number][] => Array.from({ length: rank }, () => [p, p]);

// prettier-ignore
export const convGeometries: readonly ConvGeometry[] = [
  // One spatial axis.
  conv({ what: 'plain', input: [11], kernel: [3] }),
  conv({ what: 'strided, grouped, padded', input: [13], kernel: [5], stride: [2], padding: [[2, 1]], channels: 4, filters: 6, groups: 2 }),
  conv({ what: 'dilated depthwise', input: [16], kernel: [3], dilation: [4], padding: [[4, 4]], channels: 5, filters: 5, groups: 5 }),
  conv({ what: 'kernel = input', input: [7], kernel: [7] }),
  conv({ what: 'one element, padded', input: [1], kernel: [3], padding: [[1, 1]] }),
  // Two.
  conv({ what: 'padded', input: [7, 8], kernel: [3, 3], padding: same(2, 1) }),
  conv({ what: 'strided, grouped, unevenly padded', input: [9, 7], kernel: [3, 2], stride: [2, 1], padding: [[1, 0], [0, 2]], channels: 4, filters: 6, groups: 2 }),
  conv({ what: 'depthwise, stride 2', input: [10, 9], kernel: [3, 3], stride: [2, 2], padding: same(2, 1), channels: 6, filters: 6, groups: 6 }),
  conv({ what: 'depthwise, two filters per channel', input: [5, 6], kernel: [3, 3], padding: same(2, 1), channels: 3, filters: 6, groups: 3 }),
  conv({ what: 'grouped, dilated', input: [9, 9], kernel: [3, 3], dilation: [2, 2], padding: same(2, 2), channels: 8, filters: 4, groups: 4 }),
  conv({ what: 'pointwise', input: [6, 5], kernel: [1, 1], channels: 5, filters: 7 }),
  conv({ what: 'pointwise, stride 2', input: [6, 7], kernel: [1, 1], stride: [2, 2], channels: 9, filters: 5 }),
  conv({ what: 'stride > kernel', input: [9, 10], kernel: [2, 2], stride: [3, 4] }),
  conv({ what: 'kernel = input', input: [5, 4], kernel: [5, 4] }),
  conv({ what: 'window larger than the input', input: [2, 3], kernel: [5, 5], padding: same(2, 2) }),
  conv({ what: 'everything at once', input: [12, 11], kernel: [5, 3], stride: [3, 2], dilation: [2, 1], padding: [[2, 3], [0, 1]], channels: 4, filters: 6, groups: 2 }),
  conv({ what: 'one element, one channel', input: [1, 1], kernel: [1, 1], batch: 1, channels: 1, filters: 1 }),
  conv({ what: 'empty batch', input: [4, 4], kernel: [3, 3], batch: 0 }),
  conv({ what: 'stem', input: [15, 15], kernel: [7, 7], stride: [2, 2], padding: same(2, 3), batch: 1, filters: 8 }),
  conv({ what: 'odd channels', input: [4, 5], kernel: [3, 3], channels: 17, filters: 9, batch: 1, padding: same(2, 1) }),
  conv({ what: 'even channels', input: [4, 4], kernel: [3, 3], channels: 16, filters: 16, batch: 1, padding: same(2, 1) }),
  // Beyond the tiles of kernels that work on blocks, on all sides.
  conv({ what: 'pointwise, large', input: [12, 11], kernel: [1, 1], channels: 33, filters: 70, batch: 1 }),
  conv({ what: 'padded, large', input: [10, 9], kernel: [3, 3], channels: 20, filters: 24, batch: 1, padding: same(2, 1) }),
  conv({ what: 'depthwise, large', input: [13, 14], kernel: [5, 5], channels: 37, filters: 37, groups: 37, batch: 1, padding: same(2, 2) }),
  conv({ what: 'thousands of positions', input: [41, 37], kernel: [3, 3], channels: 3, filters: 5, padding: same(2, 1) }),
  conv({ what: 'four filters in each of two groups', input: [5, 19], kernel: [3, 3], channels: 6, filters: 8, groups: 2, padding: same(2, 1) }),
  conv({ what: 'hundreds of channels', input: [3, 2], kernel: [3, 3], channels: 130, filters: 34, padding: same(2, 1), batch: 1 }),
  conv({ what: 'depthwise, long rows', input: [23, 41], kernel: [3, 3], channels: 9, filters: 9, groups: 9, batch: 1, padding: same(2, 1) }),
  conv({ what: 'depthwise, stride 2, long rows', input: [33, 30], kernel: [3, 3], stride: [2, 2], channels: 8, filters: 8, groups: 8, batch: 1, padding: [[0, 1], [0, 1]] }),
  conv({ what: 'depthwise, strided, dilated, unevenly padded', input: [11, 13], kernel: [3, 2], stride: [3, 2], dilation: [2, 3], padding: [[2, 0], [1, 3]], channels: 10, filters: 10, groups: 10 }),
  conv({ what: 'depthwise, three filters per channel, stride 2', input: [7, 6], kernel: [3, 3], stride: [2, 2], padding: same(2, 1), channels: 5, filters: 15, groups: 5 }),
  conv({ what: 'depthwise, narrow', input: [3, 3], kernel: [3, 3], padding: same(2, 1), channels: 13, filters: 13, groups: 13, batch: 3 }),
  conv({ what: 'depthwise, one element', input: [1, 1], kernel: [3, 3], padding: same(2, 1), channels: 12, filters: 12, groups: 12, batch: 3 }),
  conv({ what: 'depthwise, pointwise, stride 2', input: [5, 7], kernel: [1, 1], stride: [2, 2], channels: 9, filters: 9, groups: 9 }),
  conv({ what: 'far side unread', input: [8, 8], kernel: [3, 3], stride: [4, 3], padding: [[0, 0], [1, 0]] }),
  conv({ what: 'a row', input: [1, 33], kernel: [1, 5], padding: [[0, 0], [2, 2]] }),
  // Three.
  conv({ what: 'padded', input: [4, 5, 4], kernel: [3, 3, 3], padding: same(3, 1), channels: 2, batch: 1 }),
  conv({ what: 'everything at once', input: [5, 5, 6], kernel: [2, 3, 2], stride: [2, 1, 2], dilation: [1, 1, 2], padding: [[0, 0], [1, 1], [1, 2]], channels: 4, filters: 4, groups: 2 }),
  conv({ what: 'dilated depthwise', input: [6, 5, 5], kernel: [3, 3, 3], stride: [1, 2, 1], dilation: [2, 1, 2], padding: [[2, 2], [1, 1], [2, 2]], channels: 3, filters: 3, groups: 3, batch: 1 }),
  conv({ what: 'depthwise', input: [9, 10, 11], kernel: [3, 3, 3], padding: same(3, 1), channels: 4, filters: 4, groups: 4, batch: 1 }),
  conv({ what: 'pointwise', input: [3, 2, 4], kernel: [1, 1, 1], channels: 5, filters: 6 }),
  conv({ what: 'kernel = input', input: [2, 3, 2], kernel: [2, 3, 2] }),
];

const pool = (g: Part<PoolGeometry, 'input' | 'kernel'>): PoolGeometry => ({
  batch: 2,
  channels: 3,
  stride: g.kernel,
  dilation: each(g.kernel, 1),
  padding: unpadded(g.kernel),
  ceilMode: false,
  ...g,
});

// prettier-ignore
export const poolGeometries: readonly PoolGeometry[] = [
  pool({ what: 'plain', input: [11], kernel: [3] }),
  pool({ what: 'overlapping, padded', input: [11], kernel: [3], stride: [2], padding: [[1, 1]] }),
  pool({ what: 'rounded up', input: [8], kernel: [3], stride: [2], ceilMode: true }),
  pool({ what: 'plain', input: [8, 9], kernel: [2, 2] }),
  pool({ what: 'overlapping, padded', input: [8, 9], kernel: [3, 3], stride: [2, 2], padding: same(2, 1), channels: 5 }),
  pool({ what: 'overlapping, padded, rounded up', input: [8, 9], kernel: [3, 3], stride: [2, 2], padding: same(2, 1), ceilMode: true }),
  pool({ what: 'unevenly padded', input: [7, 6], kernel: [4, 3], stride: [3, 1], padding: [[2, 1], [0, 1]] }),
  pool({ what: 'dilated', input: [9, 10], kernel: [3, 2], stride: [1, 2], padding: [[1, 1], [1, 1]], dilation: [2, 3] }),
  pool({ what: 'stride > kernel', input: [9, 8], kernel: [2, 2], stride: [3, 4] }),
  pool({ what: 'stride > kernel, rounded up', input: [6, 7], kernel: [2, 1], stride: [3, 3], ceilMode: true }),
  pool({ what: 'kernel = input', input: [5, 4], kernel: [5, 4] }),
  pool({ what: 'window larger than the input', input: [2, 2], kernel: [3, 3], stride: [1, 1], padding: same(2, 1) }),
  pool({ what: 'one element', input: [1, 1], kernel: [1, 1], batch: 1, channels: 1 }),
  pool({ what: 'empty batch', input: [4, 4], kernel: [2, 2], batch: 0 }),
  pool({ what: 'long rows', input: [4, 27], kernel: [2, 2], stride: [2, 2], channels: 2 }),
  pool({ what: 'long rows, overlapping, padded', input: [5, 27], kernel: [3, 3], stride: [2, 2], padding: same(2, 1), channels: 2 }),
  pool({ what: 'long rows, stride 1', input: [3, 19], kernel: [2, 3], stride: [1, 1], padding: same(2, 1), channels: 2 }),
  pool({ what: 'long rows, stride 2, dilated', input: [3, 21], kernel: [2, 2], stride: [2, 2], dilation: [1, 2], channels: 2, batch: 1 }),
  pool({ what: 'long rows, stride 3', input: [4, 23], kernel: [3, 3], stride: [3, 3], channels: 2, batch: 1 }),
  pool({ what: 'every second of a long row', input: [3, 21], kernel: [1, 1], stride: [2, 2], channels: 2, batch: 1 }),
  pool({ what: 'many channels', input: [4, 4], kernel: [2, 2], channels: 17, batch: 1 }),
  pool({ what: 'padded', input: [6, 7, 5], kernel: [2, 3, 2], stride: [2, 2, 1], padding: [[1, 1], [1, 1], [0, 0]], channels: 2, batch: 1 }),
  pool({ what: 'dilated, rounded up', input: [5, 6, 5], kernel: [2, 2, 3], stride: [2, 2, 2], dilation: [2, 1, 1], padding: [[0, 1], [0, 0], [1, 0]], ceilMode: true, channels: 2 }),
];

/** Extent of an op's output along one axis (core's rule, written again). */
function extent(
  input: number,
  kernel: number,
  stride: number,
  dilation: number,
  pad: readonly [number, number],
  ceil: boolean,
): number {
  let windows = 0;
  const reach = dilation * (kernel - 1) + 1;
  for (let at = -pad[0]; at + reach <= input + pad[1]; at += stride) windows++;
  // Rounded up: one more window that begins in the input (or the padding before it) and ends beyond the padding.
  const next = windows * stride - pad[0];
  const covered = (windows - 1) * stride - pad[0] + reach === input + pad[1];
  return ceil && !covered && next < input ? windows + 1 : windows;
}

export function outputOf(g: ConvGeometry | PoolGeometry): number[] {
  const ceil = 'ceilMode' in g && g.ceilMode;
  return g.input.map((n, i) => extent(n, g.kernel[i], g.stride[i], g.dilation[i], g.padding[i], ceil));
}

export function activationShape(batch: number, channels: number, spatial: Shape, layout: Layout): number[] {
  return layout === 'channels-first' ? [batch, channels, ...spatial] : [batch, ...spatial, channels];
}

/** Shapes of input, weights and output, and the attributes. */
export function convShapes(
  g: ConvGeometry,
  layout: Layout,
): { x: Shape; w: Shape; y: Shape; attrs: ConvAttrs } {
  const { stride, padding, dilation, groups } = g;
  return {
    x: activationShape(g.batch, g.channels, g.input, layout),
    w: [g.filters, g.channels / groups, ...g.kernel],
    y: activationShape(g.batch, g.filters, outputOf(g), layout),
    attrs: { stride, padding, dilation, groups, layout },
  };
}

export function poolShapes(g: PoolGeometry, layout: Layout): { x: Shape; y: Shape; attrs: PoolAttrs } {
  const { kernel, stride, padding, dilation, ceilMode } = g;
  return {
    x: activationShape(g.batch, g.channels, g.input, layout),
    y: activationShape(g.batch, g.channels, outputOf(g), layout),
    attrs: { kernel, stride, padding, dilation, ceilMode, layout },
  };
}

/** The permutation that turns channels-first into channels-last. */
export function toLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank }, (_, i) => i + 2), 1];
}

export function toFirst(rank: number): number[] {
  return [0, rank + 1, ...Array.from({ length: rank }, (_, i) => i + 1)];
}
