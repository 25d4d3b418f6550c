import { type ConvAttrs, type Shape, sizeOf, type WindowAttrs } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import { correlate } from './correlate.ts';
import { isSmallDepthwise, smallForward, smallInputGrad, smallWeightGrad } from './depthwise.ts';
import type { Lowerings } from './lowerings.ts';
import { fit, pad, reshape, reverse, slice, transpose } from './vocabulary.ts';
import { fromChannelsFirst, padsOf, reachOf, spatialOf, toChannelsFirst } from './windows.ts';
import { weightGrad } from './weight-grad.ts';

/** With fewer, reversing the weights of a dense convolution costs too much. */
const FEW_POSITIONS = 768;

const windowOf = (a: ConvAttrs, kernel: readonly number[]): WindowAttrs => ({
  kernel,
  stride: a.stride,
  dilation: a.dilation,
  padding: a.padding,
});

/** w `[o, c / groups, ...kernel]` → `[c, o / groups, ...kernel]`, taps in reverse order. */
function adjointFilter(b: GraphBuilder, w: Value, groups: number): Value {
  const [o, c, ...kernel] = w.shape as number[];
  const spatial = kernel.map((_, i) => i);
  const flipped = reverse(
    b,
    w,
    spatial.map((i) => i + 2),
  );
  const split = reshape(b, flipped, [groups, o! / groups, c!, ...kernel]);
  const swapped = transpose(b, split, [0, 2, 1, ...spatial.map((i) => i + 3)]);
  return reshape(b, swapped, [groups * c!, o! / groups, ...kernel]);
}

/** gy `[n, o, ...out]`, w `[o, c / groups, ...kernel]` → `[n, c, ...in]`. */
export function transposedConv(
  b: GraphBuilder,
  gy: Value,
  w: Value,
  window: WindowAttrs,
  group: number,
  input: Shape,
): Value {
  const { kernel, stride, dilation, padding } = window;
  const reach = reachOf(window);
  // A correlation with the reversed kernel is faster than ConvTranspose, where it is not over more positions, and where
  // reversing the weights costs less than that brings.
  const [from, to] = [sizeOf(gy.shape.slice(2)), sizeOf(input)];
  const worthReversing =
    group > 1 || sizeOf(kernel) === 1 || (gy.shape[0]! * from >= FEW_POSITIONS && to <= from);
  if (stride.every((s) => s === 1) && worthReversing) {
    const around = padding.map(([lo], i): [number, number] => {
      const before = reach[i]! - lo;
      return [before, input[i]! + reach[i]! - before - gy.shape[i + 2]!];
    });
    return correlate(b, gy, adjointFilter(b, w, group), { kernel, stride, dilation, padding: around }, group);
  }
  const shape = [gy.shape[0]!, w.shape[1]! * group];
  // What the last window leaves of the input: ONNX takes a rest smaller than the stride.
  const rest = input.map(
    (n, i) => n + padding[i]![0] + padding[i]![1] - (gy.shape[i + 2]! - 1) * stride[i]! - reach[i]! - 1,
  );
  const attributes = { kernel_shape: kernel, strides: stride, dilations: dilation, group };
  if (padding.flat().every((n) => n >= 0) && rest.every((n, i) => n >= 0 && n < stride[i]!)) {
    return b.add(
      'ConvTranspose',
      [gy, w],
      { shape: [...shape, ...input] },
      { ...attributes, pads: padsOf(padding), output_padding: rest },
    );
  }
  const full = gy.shape.slice(2).map((n, i) => (n - 1) * stride[i]! + reach[i]! + 1);
  const y = b.add('ConvTranspose', [gy, w], { shape: [...shape, ...full] }, attributes);
  const before = padding.map(([lo]) => Math.max(-lo, 0));
  const none = [0, 0, ...full.map(() => 0)];
  const wide = pad(b, y, [0, 0, ...before], none);
  const start = padding.map(([lo]) => Math.max(lo, 0));
  const length = wide.shape.slice(2).map((n, i) => n - start[i]!);
  return fit(b, slice(b, wide, [0, 0, ...start], [...shape, ...length]), [...shape, ...input]);
}

export const convLowerings: Pick<Lowerings, 'conv' | 'convInputGrad' | 'convWeightGrad'> = {
  conv(b, [x, w], a, { shape }) {
    const first = toChannelsFirst(b, x, a.layout);
    const window = windowOf(a, w.shape.slice(2));
    const planes = { input: first.shape.slice(2), output: spatialOf(shape, a.layout), window };
    // Constant weights are packed ahead, for a kernel that is better still.
    const small = !b.valuesOf(w) && isSmallDepthwise(first.shape[1]!, w.shape[0]!, a.groups, planes);
    const y = small ? smallForward(b, first, w, planes) : correlate(b, first, w, window, a.groups);
    return fromChannelsFirst(b, y, a.layout);
  },

  convInputGrad(b, [gy, w], a) {
    const first = toChannelsFirst(b, gy, a.layout);
    const window = windowOf(a, w.shape.slice(2));
    const planes = { input: a.inputSize, output: first.shape.slice(2), window };
    const gx = isSmallDepthwise(w.shape[1]! * a.groups, w.shape[0]!, a.groups, planes)
      ? smallInputGrad(b, first, w, planes)
      : transposedConv(b, first, w, window, a.groups, a.inputSize);
    return fromChannelsFirst(b, gx, a.layout);
  },

  convWeightGrad(b, [x, gy], a) {
    const [p, q] = [toChannelsFirst(b, x, a.layout), toChannelsFirst(b, gy, a.layout)];
    const window = windowOf(a, a.kernelSize);
    const planes = { input: p.shape.slice(2), output: q.shape.slice(2), window };
    return isSmallDepthwise(p.shape[1]!, q.shape[1]!, a.groups, planes)
      ? smallWeightGrad(b, p, q, planes)
      : weightGrad(b, p, q, window, a.groups);
  },
};
