import { ShapeError, type Tensor } from '@graftjs/core';
import { gridSample, type GridSampleOptions } from '../functional/grid-sample.ts';
import {
  resample,
  type CoordinateMode,
  type NearestMode,
  type ResampleAxis,
} from '../functional/resample.ts';
import type { Attrs } from '../graph.ts';
import { boundedLists, boundedShape } from '../host-array.ts';
import {
  layoutOf,
  number,
  numbers,
  numbersAt,
  optionalNumbers,
  tensorAt,
  type GraphOp,
  type Inputs,
} from './arguments.ts';

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

export const resampling: Readonly<Record<string, GraphOp>> = {
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
    gridSample(tensorAt(x, 0), tensorAt(x, 1), {
      mode: a['mode'] as GridSampleOptions['mode'],
      padding: a['padding'] as GridSampleOptions['padding'],
      alignCorners: a['alignCorners'] === true,
    }),
};
