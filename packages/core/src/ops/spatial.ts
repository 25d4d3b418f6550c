import { showShape, type Layout, type Shape, type TensorSpec } from '../types.ts';
import { fail, wantOneOf, wantWhole } from './check.ts';

/** One number for every spatial axis, or one each. */
export type PerAxis = number | readonly number[];

/**
 * `'valid'`: none. `'same'`: TensorFlow's rule, output extent ⌈input / stride⌉, the odd element at the end; `'same-lower'`: at
 * the start (ONNX's SAME_LOWER). A number, or
 * one per axis: that many on both sides. Pairs: before and after.
 */
export type Padding =
  'same' | 'same-lower' | 'valid' | number | readonly (number | readonly [number, number])[];

export const LAYOUT_NAMES: Record<Layout, readonly string[]> = {
  'channels-first': ['NCW', 'NCHW', 'NCDHW'],
  'channels-last': ['NWC', 'NHWC', 'NDHWC'],
};

const LAYOUTS = Object.keys(LAYOUT_NAMES);

export function channelAxis(layout: Layout, rank: number): number {
  wantOneOf('layout', 'the word', layout, LAYOUTS);
  return layout === 'channels-first' ? 1 : rank - 1;
}
/** Spatial axes of an activation with `rank` axes, batch included. */
export function spatialAxes(layout: Layout, rank: number): number[] {
  wantOneOf('layout', 'the word', layout, LAYOUTS);
  return Array.from({ length: rank - 2 }, (_, i) => i + (layout === 'channels-first' ? 2 : 1));
}
export function spatialOf(layout: Layout, shape: Shape): number[] {
  return spatialAxes(layout, shape.length).map((a) => shape[a]!);
}
/** Batch, channels and spatial extents put together in the layout's order. */
export function activationShape(layout: Layout, batch: number, channels: number, spatial: Shape): number[] {
  return layout === 'channels-first' ? [batch, channels, ...spatial] : [batch, ...spatial, channels];
}

export function perAxis(op: string, what: string, value: PerAxis, rank: number, least: number): number[] {
  if (typeof value !== 'number' && !Array.isArray(value)) wantWhole(op, what, value, least);
  const list = typeof value === 'number' ? new Array<number>(rank).fill(value) : [...value];
  if (list.length !== rank)
    fail(op, `${what} [${list.join(', ')}] has ${list.length} entries for ${rank} spatial axes`);
  for (const v of list) wantWhole(op, what, v, least);
  return list;
}

/** Factors on spatial extents, one each. */
export function scalesOf(op: string, scale: PerAxis, rank: number): number[] {
  const list = typeof scale === 'number' ? new Array<number>(rank).fill(scale) : [...scale];
  if (list.length !== rank)
    fail(op, `scale [${list.join(', ')}] has ${list.length} entries for ${rank} spatial axes`);
  for (const s of list)
    if (!(s > 0 && Number.isFinite(s))) fail(op, `scale ${s} must be a number greater than 0`);
  return list;
}

/** Does the padding follow from the extents? */
export const isSame = (padding: Padding | undefined): padding is 'same' | 'same-lower' =>
  padding === 'same' || padding === 'same-lower';

/** Checks what a user may say about padding, without knowing the input. */
export function wantPadding(op: string, padding: Padding): void {
  if (isSame(padding) || padding === 'valid') return;
  const list: readonly unknown[] = Array.isArray(padding) ? padding.flat() : [padding];
  if (list.every((p) => Number.isSafeInteger(p) && (p as number) >= 0)) return;
  const said = typeof padding === 'string' ? `'${padding}'` : JSON.stringify(padding);
  fail(
    op,
    `padding ${said} is not known: it must be 'same', 'valid', 'same-lower', or whole numbers, 0 or more: one, or one or a pair [before, after] for each spatial axis`,
  );
}

/**
 * Resolves any way of saying padding to `[before, after]` per axis.
 * @param input Extents of the spatial axes.
 * @throws ShapeError where it is no padding, or has not one entry for each axis.
 * @example
 * resolvePadding('conv', 'same', [5, 6], [3, 3], [2, 2], [1, 1]); // → [[1, 1], [0, 1]]
 */
export function resolvePadding(
  op: string,
  padding: Padding,
  input: Shape,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): [number, number][] {
  const rank = kernel.length;
  wantPadding(op, padding);
  if (padding === 'valid') return kernel.map(() => [0, 0]);
  if (isSame(padding)) {
    return kernel.map((k, i) => {
      const out = Math.ceil(input[i]! / stride[i]!);
      const total = Math.max((out - 1) * stride[i]! + (k - 1) * dilation[i]! + 1 - input[i]!, 0);
      const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
      return padding === 'same' ? [less, more] : [more, less];
    });
  }
  const list = typeof padding === 'number' ? new Array<number>(rank).fill(padding) : padding;
  if (list.length !== rank) fail(op, `padding has ${list.length} entries for ${rank} spatial axes`);
  return list.map((p) => {
    if (typeof p === 'number') return [p, p];
    if (p.length !== 2) fail(op, `padding [${p.join(', ')}] of one axis must be a pair, [before, after]`);
    return [p[0], p[1]];
  });
}

/** Extent of the output along one axis; 0 or less where the window does not fit. */
export function outputExtent(
  input: number,
  kernel: number,
  stride: number,
  dilation: number,
  [lo, hi]: readonly [number, number],
  ceilMode = false,
): number {
  const room = input + lo + hi - dilation * (kernel - 1) - 1;
  if (room < 0) return 0;
  const out = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  // PyTorch: the last window must start inside the input or the padding before it.
  return ceilMode && (out - 1) * stride >= input + lo ? out - 1 : out;
}

/** Output extents of a window op, or a `ShapeError` that names the axis on which the window does not fit. */
export function windowOutput(
  op: string,
  input: Shape,
  window: {
    readonly kernel: readonly number[];
    readonly stride: readonly number[];
    readonly padding: readonly (readonly [number, number])[];
    readonly dilation: readonly number[];
    readonly ceilMode?: boolean;
  },
): number[] {
  return input.map((n, i) => {
    const [k, d, p] = [window.kernel[i]!, window.dilation[i]!, window.padding[i]!];
    const out = outputExtent(n, k, window.stride[i]!, d, p, window.ceilMode);
    if (out < 1) {
      fail(
        op,
        `the window does not fit on spatial axis ${i}: it covers ${d * (k - 1) + 1} (kernel ${k}, dilation ${d}), the padded input has ${n + p[0] + p[1]}: pad more, or use a smaller kernel`,
      );
    }
    return out;
  });
}

/** Checks that an activation has batch, channel and `spatialRank` spatial axes. */
export function wantActivation(
  op: string,
  what: string,
  x: TensorSpec,
  layout: Layout,
  spatialRank: number,
): void {
  wantOneOf(op, 'layout', layout, LAYOUTS);
  if (x.dtype !== 'float32') fail(op, `${what} is ${x.dtype}, it must be float32: convert with cast()`);
  if (x.shape.length !== spatialRank + 2) {
    const axes = LAYOUT_NAMES[layout][spatialRank - 1];
    fail(
      op,
      `${what} has shape ${showShape(x.shape)}, it must have ${spatialRank + 2} axes (${axes}, ${layout})`,
    );
  }
}
