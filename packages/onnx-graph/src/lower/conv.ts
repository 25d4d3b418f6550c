import { sizeOf, type ConvAttrs, type Shape } from '@graftjs/core';
import type { GraphBuilder, Value } from './builder.ts';
import type { Lowerings } from './lowerings.ts';
import { fit, pad, reshape, reverse, slice, transpose } from './vocabulary.ts';
import { fromChannelsFirst, padsOf, reachOf, toChannelsFirst, type Window } from './windows.ts';

const windowOf = (a: ConvAttrs, kernel: readonly number[]): Window => ({
  kernel,
  stride: a.stride,
  dilation: a.dilation,
  padding: a.padding,
});

/** Negative padding cuts off, here already: ONNX's is 0 or more. */
function cropped(
  b: GraphBuilder,
  x: Value,
  padding: Window['padding'],
): { readonly x: Value; readonly padding: Window['padding'] } {
  if (padding.flat().every((n) => n >= 0)) return { x, padding };
  const cut = padding.map(([lo, hi]): [number, number] => [Math.max(-lo, 0), Math.max(-hi, 0)]);
  const start = [0, 0, ...cut.map(([lo]) => lo)];
  const size = x.shape.map((n, i) => (i < 2 ? n : Math.max(0, n - cut[i - 2]![0] - cut[i - 2]![1])));
  const rest = padding.map(([lo, hi]): [number, number] => [Math.max(lo, 0), Math.max(hi, 0)]);
  return { x: slice(b, x, start, size), padding: rest };
}

/** x `[n, c, ...in]`, w `[o, c / groups, ...kernel]` → `[n, o, ...out]`. */
export function correlate(
  b: GraphBuilder,
  input: Value,
  w: Value,
  { kernel, stride, dilation, padding }: Window,
  group: number,
): Value {
  const { x, padding: pads } = cropped(b, input, padding);
  const reach = reachOf({ kernel, dilation });
  const out = stride.map((s, i) => {
    const [lo, hi] = pads[i]!;
    return Math.floor((x.shape[i + 2]! + lo + hi - reach[i]! - 1) / s) + 1;
  });
  return b.add(
    'Conv',
    [x, w],
    { shape: [x.shape[0]!, w.shape[0]!, ...out] },
    { kernel_shape: kernel, strides: stride, pads: padsOf(pads), dilations: dilation, group },
  );
}

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
  window: Window,
  group: number,
  input: Shape,
): Value {
  const { kernel, stride, dilation, padding } = window;
  const reach = reachOf(window);
  if (stride.every((s) => s === 1)) {
    // The correlation with the reversed kernel is faster than ConvTranspose.
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

/**
 * The correlation of x with gy as the kernel, where samples take the place of channels, channels that of samples, and
 * stride and dilation change places. x `[n, c, ...in]`, gy `[n, o, ...out]` → `[o, c / groups, ...kernel]`.
 */
function weightGrad(b: GraphBuilder, x: Value, gy: Value, window: Window, groups: number): Value {
  const [n, c, ...input] = x.shape as number[];
  const spatial = input.map((_, i) => i);
  const split = reshape(b, x, [n!, groups, c! / groups, ...input]);
  const samples = reshape(b, transpose(b, split, [2, 1, 0, ...spatial.map((i) => i + 3)]), [
    c! / groups,
    groups * n!,
    ...input,
  ]);
  const filter = transpose(b, gy, [1, 0, ...spatial.map((i) => i + 2)]);
  const { kernel, stride, dilation, padding } = window;
  const reach = reachOf(window);
  // As much after the input as makes exactly the kernel's extents.
  const around = padding.map(([lo], i): [number, number] => {
    const covered = reach[i]! + (gy.shape[i + 2]! - 1) * stride[i]! + 1;
    return [lo, covered - lo - input[i]!];
  });
  const correlation = { kernel: gy.shape.slice(2), stride: dilation, dilation: stride, padding: around };
  const y = correlate(b, samples, filter, correlation, groups);
  if (sizeOf(y.shape.slice(2)) !== sizeOf(kernel)) throw new RangeError('weight gradient of another shape');
  return transpose(b, y, [1, 0, ...spatial.map((i) => i + 2)]);
}

export const convLowerings: Pick<Lowerings, 'conv' | 'convInputGrad' | 'convWeightGrad'> = {
  conv(b, [x, w], a) {
    const y = correlate(b, toChannelsFirst(b, x!, a.layout), w!, windowOf(a, w!.shape.slice(2)), a.groups);
    return fromChannelsFirst(b, y, a.layout);
  },

  convInputGrad(b, [gy, w], a) {
    const first = toChannelsFirst(b, gy!, a.layout);
    const gx = transposedConv(b, first, w!, windowOf(a, w!.shape.slice(2)), a.groups, a.inputSize);
    return fromChannelsFirst(b, gx, a.layout);
  },

  convWeightGrad(b, [x, gy], a) {
    const [p, q] = [toChannelsFirst(b, x!, a.layout), toChannelsFirst(b, gy!, a.layout)];
    return weightGrad(b, p, q, windowOf(a, a.kernelSize), a.groups);
  },
};
