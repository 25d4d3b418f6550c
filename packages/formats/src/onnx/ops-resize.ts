import type { OnnxNode } from '@graftjs/onnx-graph';
import type { Json } from '../graph/graph.ts';
import { Unsupported } from '../graph/lowering.ts';
import { wantFloat } from '../graph/translations.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrFloats, attrInt, attrInts, attrString } from './node.ts';

const MODES: Readonly<Record<string, string>> = {
  nearest: 'nearest',
  linear: 'linear',
  bilinear: 'linear',
  cubic: 'cubic',
};
const COORDINATES = [
  ...['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric'],
  ...['tf_half_pixel_for_nn', 'tf_crop_and_resize'],
];
const NEAREST = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

function oneOf(node: OnnxNode, name: string, fallback: string, known: readonly string[]): string {
  const value = attrString(node, name, fallback);
  if (!known.includes(value)) throw new Unsupported(`${name} ${value}`);
  return value;
}
function modeOf(node: OnnxNode, to: OnnxLowering): string {
  const mode = MODES[oneOf(node, 'mode', 'nearest', Object.keys(MODES))]!;
  if (mode !== 'nearest') wantFloat(to.elementOf(0));
  return mode;
}

/** Before version 11: by scales alone, in coordinates from the corner. */
function byScales(node: OnnxNode, to: OnnxLowering, scales: readonly number[] | undefined): void {
  if (!scales?.every((s) => s > 0)) throw new Unsupported('scales that are not known or not positive');
  to.give('resample', [to.input(0)], {
    scales: [...scales],
    mode: modeOf(node, to),
    coordinates: 'asymmetric',
    nearestMode: 'floor',
  });
}

/** A constant input that is neither left out nor empty. */
const filled = (to: OnnxLowering, i: number): number[] | undefined => {
  const v = to.knownInput(i);
  return v?.array.values.length ? Array.from(v.array.values) : undefined;
};

/** Inputs x, roi, scales, sizes; one of the last two is left out or empty. */
const resize: Translation = (node, to) => {
  if (to.opset < 11) return byScales(node, to, to.ints(1));
  for (const name of ['antialias', 'axes']) {
    const set = name === 'axes' ? attrInts(node, name) !== undefined : attrInt(node, name, 0) !== 0;
    if (set) throw new Unsupported(name);
  }
  oneOf(node, 'keep_aspect_ratio_policy', 'stretch', ['stretch']);
  const coordinates = oneOf(node, 'coordinate_transformation_mode', 'half_pixel', COORDINATES);
  const roi = coordinates === 'tf_crop_and_resize' ? to.ints(1) : undefined;
  const attrs: Record<string, Json> = {
    mode: modeOf(node, to),
    coordinates,
    nearestMode: oneOf(node, 'nearest_mode', 'round_prefer_floor', NEAREST),
    cubicA: attrFloat(node, 'cubic_coeff_a', -0.75),
    excludeOutside: attrInt(node, 'exclude_outside', 0) !== 0,
    extrapolation: attrFloat(node, 'extrapolation_value', 0),
    ...(roi && { roi }),
  };
  const scales = filled(to, 2);
  if (scales) {
    if (!scales.every((s) => s > 0)) throw new Unsupported('scales that are not positive');
    return to.give('resample', [to.input(0)], { ...attrs, scales });
  }
  to.give('resample', [to.input(0), to.extents(3)], attrs);
};

/** Scales: an attribute in version 7, an input in version 9. */
const upsample: Translation = (node, to) => {
  const scales = attrFloats(node, 'scales') ?? (to.inputCount > 1 ? to.ints(1) : undefined);
  byScales(node, to, scales);
};

/** Modes are called linear and cubic since version 20. */
const GRID_MODES: Readonly<Record<string, string>> = {
  nearest: 'nearest',
  bilinear: 'bilinear',
  linear: 'bilinear',
  bicubic: 'bicubic',
  cubic: 'bicubic',
};
const gridSample: Translation = (node, to) =>
  to.give('gridSample', [to.input(0), to.input(1)], {
    mode: GRID_MODES[oneOf(node, 'mode', 'bilinear', Object.keys(GRID_MODES))]!,
    padding: oneOf(node, 'padding_mode', 'zeros', ['zeros', 'border', 'reflection']),
    alignCorners: attrInt(node, 'align_corners', 0) !== 0,
  });

export const resizeOps: Readonly<Record<string, Translation>> = {
  Resize: resize,
  Upsample: upsample,
  GridSample: gridSample,
};
