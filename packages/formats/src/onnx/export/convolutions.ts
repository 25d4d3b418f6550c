import type { Shape } from '@graftjs/core';
import type { ConvAttrs, OpAttrs } from '@graftjs/core/backend';
import type { Attributes, GraphBuilder, Value } from '@graftjs/onnx-graph';
import { channelsFirst, firstShape, padsOf } from './emit.ts';

function layer(
  b: GraphBuilder,
  op: 'Conv' | 'ConvTranspose',
  [x, w, bias]: readonly [Value, Value, Value | null],
  a: ConvAttrs,
  shape: Shape,
  more: Attributes = {},
): Value | null {
  const pads = padsOf(a.padding);
  if (!pads) return null;
  const { stride: strides, dilation: dilations, groups: group, layout } = a;
  const attributes = { kernel_shape: w.shape.slice(2), strides, pads, dilations, group, ...more };
  return channelsFirst(b, x, layout, (input) =>
    b.add(op, bias ? [input, w, bias] : [input, w], { shape: firstShape(shape, layout) }, attributes),
  );
}

/** x, w `[out, in / groups, ...kernel]`, bias `[out]`; null where padding is negative, which ONNX does not have. */
export function conv(
  b: GraphBuilder,
  x: Value,
  w: Value,
  bias: Value | null,
  attrs: ConvAttrs,
  shape: Shape,
): Value | null {
  return layer(b, 'Conv', [x, w, bias], attrs, shape);
}

/** The adjoint in x: w `[in, out / groups, ...kernel]`; null where ONNX cannot say how far the output reaches. */
export function convTranspose(
  b: GraphBuilder,
  x: Value,
  w: Value,
  bias: Value | null,
  { inputSize, ...attrs }: OpAttrs['convInputGrad'],
  shape: Shape,
): Value | null {
  const { stride, dilation, padding, layout } = attrs;
  const from = firstShape(x.shape, layout).slice(2);
  const rest = inputSize.map((n, i) => {
    const [lo, hi] = padding[i]!;
    const reach = dilation[i]! * (w.shape[i + 2]! - 1) + 1;
    return n + lo + hi - (from[i]! - 1) * stride[i]! - reach;
  });
  if (rest.some((n, i) => n < 0 || n >= Math.max(stride[i]!, dilation[i]!))) return null;
  return layer(b, 'ConvTranspose', [x, w, bias], attrs, shape, { output_padding: rest });
}
