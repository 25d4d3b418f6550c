import * as core from '@graftjs/core';
import { ShapeError, type Tensor } from '@graftjs/core';
import { composite, cubicWeights, resampleAxis, type Taps } from '@graftjs/core/extend';
import type { Attrs } from '../graph.ts';
import { boundedLists, boundedShape } from '../host-array.ts';
import {
  layoutOf,
  number,
  numbers,
  numbersAt,
  onTensors,
  optionalNumbers,
  tensorAt,
  type GraphOp,
  type Inputs,
} from './operation.ts';

/** Where an output element lies in the input; the names are those of ONNX's Resize. */
type CoordinateMode =
  | 'half_pixel'
  | 'half_pixel_symmetric'
  | 'pytorch_half_pixel'
  | 'align_corners'
  | 'asymmetric'
  | 'tf_half_pixel_for_nn'
  | 'tf_crop_and_resize';
type NearestMode = 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';

interface ResampleOptions {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: CoordinateMode;
  readonly nearestMode: NearestMode;
  /** The cubic's coefficient a: −0.75 in PyTorch and ONNX, −0.5 in TensorFlow. */
  readonly cubicA: number;
  /** Weights outside the input are 0 and the others scaled up to a sum of 1, instead of repeating the edge. */
  readonly excludeOutside: boolean;
  /** `tf_crop_and_resize` only: what lies outside the input. */
  readonly extrapolation: number;
}

/** How one axis is resampled. */
interface ResampleAxis {
  /** Extent afterwards. */
  readonly size: number;
  /** Output elements per input element, where the caller said that and `size` was rounded from it. */
  readonly scale?: number;
  /** `tf_crop_and_resize` only: the part of the axis that is read, in units of its extent. */
  readonly roi?: readonly [start: number, end: number];
}

/**
 * Positions in the input of one axis' output elements, in input elements. ONNX operators, Resize-19. By a scale, in float32
 * as onnxruntime: what a stored scale such as 0.6 is off by, the rounding of the quotient takes away again.
 */
function positions(n: number, { size, scale, roi = [0, 1] }: ResampleAxis, mode: CoordinateMode): number[] {
  const f = scale === undefined ? (v: number): number => v : Math.fround;
  // Without a scale, of whole numbers: ⌊i · n / size⌋ must not miss the element that it hits.
  const back = (v: number): number => (scale === undefined ? (v * n) / size : f(f(v) / f(scale)));
  // ONNX's reference divides by the length before it was rounded to `size`.
  const length = scale === undefined ? size : f(f(scale) * n);
  const at = (i: number): number => {
    switch (mode) {
      case 'half_pixel':
        return f(back(i + 0.5) - 0.5);
      case 'half_pixel_symmetric':
        return f(f((n / 2) * (1 - size / length)) + f(back(i + 0.5) - 0.5));
      case 'pytorch_half_pixel':
        return size > 1 ? f(back(i + 0.5) - 0.5) : 0;
      case 'align_corners':
        return length === 1 ? 0 : f((i * (n - 1)) / f(length - 1));
      case 'asymmetric':
        return back(i);
      case 'tf_half_pixel_for_nn':
        return back(i + 0.5);
      case 'tf_crop_and_resize':
        return size > 1
          ? roi[0] * (n - 1) + (i * (roi[1] - roi[0]) * (n - 1)) / (size - 1)
          : 0.5 * (roi[0] + roi[1]) * (n - 1);
    }
  };
  return Array.from({ length: size }, (_, i) => at(i));
}

function nearestOf(x: number, mode: NearestMode): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(x - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
  }
}

/** The input elements that an output element is made of, and their weights. They may lie outside the input. */
function tapsAt(x: number, o: ResampleOptions): Taps {
  if (o.mode === 'nearest') return [[nearestOf(x, o.nearestMode), 1]];
  const low = Math.floor(x);
  const t = x - low;
  if (o.mode === 'linear') {
    return [
      [low, 1 - t],
      [low + 1, t],
    ];
  }
  return cubicWeights(t, o.cubicA).map((w, k) => [low - 1 + k, w]);
}

/** Without what lies outside, and the rest scaled up to a sum of 1. */
function insideOnly(taps: Taps, n: number): Taps {
  const kept = taps.map(([i, w]): [number, number] => [i, i >= 0 && i < n ? w : 0]);
  const total = kept.reduce((s, [, w]) => s + w, 0);
  return kept.map(([i, w]): [number, number] => [i, w / total]);
}

function resampleAlong(x: Tensor, axis: number, plan: ResampleAxis, o: ResampleOptions): Tensor {
  const n = x.shape[axis]!;
  const where = positions(n, plan, o.coordinates);
  const taps = (i: number): Taps => tapsAt(where[i]!, o);
  const y = resampleAxis(x, axis, plan.size, o.excludeOutside ? (i) => insideOnly(taps(i), n) : taps);
  if (o.coordinates !== 'tf_crop_and_resize') return y;
  const inside = where.map((p) => p >= 0 && p <= n - 1);
  if (inside.every(Boolean)) return y;
  const along = [plan.size, ...new Array<number>(x.rank - 1 - axis).fill(1)];
  const kept = core.tensor(Uint8Array.from(inside, Number), along, { dtype: 'bool', backend: x.backend });
  return core.select(kept, y, o.extrapolation);
}

/**
 * Resamples axes one after the other: every output element is a weighted sum of at most four input elements (ONNX
 * operators, Resize). Linear in x, and differentiable.
 * @param x Any rank; float32, or any dtype with `'nearest'`.
 * @param axes For every axis of x how it is resampled, or null.
 * @throws ShapeError where an axis without elements must give some.
 */
function resample(x: Tensor, axes: readonly (ResampleAxis | null)[], options: ResampleOptions): Tensor {
  if (options.mode !== 'nearest' && x.dtype !== 'float32')
    throw new core.UnsupportedError(
      `resample: ${options.mode} of ${x.dtype}: only 'nearest' leaves integers whole`,
    );
  return composite(() =>
    axes.reduce((y, plan, axis) => {
      if (!plan) return y;
      const n = x.shape[axis]!;
      const whole = !plan.roi || (plan.roi[0] === 0 && plan.roi[1] === 1);
      // With equal extents all modes but this one are the identity.
      const same = plan.size === n && (plan.scale ?? 1) === 1 && whole;
      if (same && options.coordinates !== 'tf_half_pixel_for_nn') return y;
      if (n === 0 && plan.size > 0)
        throw new ShapeError(`resample: ${core.showShape(x.shape)} has no element on axis ${axis} to repeat`);
      return resampleAlong(y, axis, plan, options);
    }, x),
  );
}

/** Every axis' new extent and scale: from `scales`, or from sizes, an attribute or the second input. */
function axesOf(x: Tensor, inputs: Inputs, a: Attrs): ResampleAxis[] {
  const scales = optionalNumbers(a, 'scales');
  const sizes = scales ? undefined : inputs.length > 1 ? numbersAt(inputs, 1) : optionalNumbers(a, 'sizes');
  const roi = optionalNumbers(a, 'roi');
  const given = scales ?? sizes ?? [];
  if (given.length !== x.rank || (roi && roi.length !== 2 * x.rank))
    throw new ShapeError(`${given.length} ${scales ? 'scales' : 'sizes'} for ${x.rank} axes`);
  return x.shape.map((n, i) => {
    const part = roi && ([roi[i]!, roi[x.rank + i]!] as const);
    const scale = scales?.[i];
    // In float32, as runtimes: 0.7 is stored as a little less, and 100 of it are 70 all the same.
    const read = Math.fround(n * Math.fround(part ? part[1] - part[0] : 1));
    const size = sizes?.[i] ?? Math.floor(Math.fround(read * Math.fround(scale!)));
    return { size, ...(scale !== undefined && { scale }), ...(part && { roi: part }) };
  });
}

export const resampling: Readonly<Record<string, GraphOp>> = onTensors({
  /** See `resample`. */
  resample(x, a) {
    const input = tensorAt(x, 0);
    const axes = axesOf(input, x, a);
    // As onnxruntime: where no extent changes, nothing does, whatever the scales.
    if (axes.every((p, i) => p.size === input.shape[i] && p.scale !== undefined && !p.roi)) return input;
    boundedShape(axes.map((p) => p.size));
    boundedLists(axes.map((p) => p.size).filter((d, i) => d !== input.shape[i]));
    return resample(input, axes, {
      mode: a['mode'] as 'nearest' | 'linear' | 'cubic',
      coordinates: a['coordinates'] as CoordinateMode,
      nearestMode: a['nearestMode'] as NearestMode,
      cubicA: number(a, 'cubicA', -0.75),
      excludeOutside: a['excludeOutside'] === true,
      extrapolation: number(a, 'extrapolation', 0),
    });
  },
  /** As TensorFlow's two kernels: `size` of the two spatial axes, an attribute or the second input, `method` nearest or bilinear, in one of three coordinates. */
  resize(x, a) {
    const input = tensorAt(x, 0);
    const size = x.length > 1 ? numbersAt(x, 1) : numbers(a, 'size');
    const first = layoutOf(a) === 'channels-last' ? 1 : 2;
    const axes = input.shape.map((_, i) => {
      const extent = size[i - first];
      return extent === undefined ? null : { size: extent };
    });
    boundedShape(input.shape.map((d, i) => axes[i]?.size ?? d));
    boundedLists(size);
    const nearest = a['method'] === 'nearest';
    const centred =
      a['halfPixelCenters'] !== true ? 'asymmetric' : nearest ? 'tf_half_pixel_for_nn' : 'half_pixel';
    return resample(input, axes, {
      mode: nearest ? 'nearest' : 'linear',
      coordinates: a['alignCorners'] === true ? 'align_corners' : centred,
      nearestMode: a['alignCorners'] === true ? 'round_prefer_ceil' : 'floor',
      cubicA: -0.75,
      excludeOutside: false,
      extrapolation: 0,
    });
  },
  /** x, grid: see `gridSample`. */
  gridSample: (x, a) =>
    core.gridSample(tensorAt(x, 0), tensorAt(x, 1), {
      mode: a['mode'] as 'bilinear' | 'nearest' | 'bicubic',
      paddingMode: a['padding'] as 'zeros' | 'border' | 'reflection',
      alignCorners: a['alignCorners'] === true,
    }),
});
