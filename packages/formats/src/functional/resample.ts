import {
  add,
  composite,
  gather,
  mul,
  select,
  ShapeError,
  showShape,
  tensor,
  UnsupportedError,
  type Tensor,
} from '@graftjs/core';

/** Where an output element lies in the input; the names are those of ONNX's Resize. */
export type CoordinateMode =
  | 'half_pixel'
  | 'half_pixel_symmetric'
  | 'pytorch_half_pixel'
  | 'align_corners'
  | 'asymmetric'
  | 'tf_half_pixel_for_nn'
  | 'tf_crop_and_resize';
export type NearestMode = 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';

export interface ResampleOptions {
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
export interface ResampleAxis {
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

/** Weights of the elements ⌊x⌋ − 1 … ⌊x⌋ + 2 with t = x − ⌊x⌋. (Keys, 1981, doi:10.1109/TASSP.1981.1163711) */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** The input elements that an output element is made of, and their weights. They may lie outside the input. */
function tapsAt(x: number, o: ResampleOptions): [index: number, weight: number][] {
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

function resampleAxis(x: Tensor, axis: number, plan: ResampleAxis, o: ResampleOptions): Tensor {
  const n = x.shape[axis]!;
  const where = positions(n, plan, o.coordinates);
  const taps = where.map((p) => {
    const list = tapsAt(p, o);
    if (!o.excludeOutside) return list;
    const kept = list.map(([i, w]): [number, number] => [i, i >= 0 && i < n ? w : 0]);
    const total = kept.reduce((s, [, w]) => s + w, 0);
    return kept.map(([i, w]): [number, number] => [i, w / total]);
  });
  const along = [plan.size, ...new Array<number>(x.rank - 1 - axis).fill(1)];
  const count = taps[0]?.length ?? 1;
  let y: Tensor | null = null;
  for (let k = 0; k < count; k++) {
    const picked = gather(
      x,
      taps.map((list) => Math.min(Math.max(list[k]![0], 0), n - 1)),
      axis,
    );
    const weights = taps.map((list) => list[k]![1]);
    const part = o.mode === 'nearest' ? picked : mul(picked, tensor(weights, along, { backend: x.backend }));
    y = y ? add(y, part) : part;
  }
  if (o.coordinates !== 'tf_crop_and_resize') return y!;
  const inside = where.map((p) => p >= 0 && p <= n - 1);
  if (inside.every(Boolean)) return y!;
  return select(
    tensor(Uint8Array.from(inside, Number), along, { dtype: 'bool', backend: x.backend }),
    y!,
    o.extrapolation,
  );
}

/**
 * Resamples axes one after the other: every output element is a weighted sum of at most four input elements (ONNX
 * operators, Resize). Linear in x, and differentiable.
 * @param x Any rank; float32, or any dtype with `'nearest'`.
 * @param axes For every axis of x how it is resampled, or null.
 * @throws ShapeError where an axis without elements must give some.
 */
export function resample(
  x: Tensor,
  axes: readonly (ResampleAxis | null)[],
  options: ResampleOptions,
): Tensor {
  if (options.mode !== 'nearest' && x.dtype !== 'float32')
    throw new UnsupportedError(
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
        throw new ShapeError(`resample: ${showShape(x.shape)} has no element on axis ${axis} to repeat`);
      return resampleAxis(y, axis, plan, options);
    }, x),
  );
}
