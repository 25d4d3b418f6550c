import {
  averageDivisors,
  type AvgPoolAttrs,
  type PoolAttrs,
  type Shape,
  sizeOf,
  triple,
  type WindowAttrs,
  windowGeometry,
} from '@graftjs/core/backend';
import type { Attributes, GraphBuilder, Value } from './builder.ts';
import { transposedConv } from './conv.ts';
import { correlate } from './correlate.ts';
import type { Lowerings } from './lowerings.ts';
import {
  cast,
  choose,
  elementwise,
  expand,
  isNan,
  pad,
  reduce,
  reshape,
  scalar,
  slice,
} from './vocabulary.ts';
import { fromChannelsFirst, padsOf, reachOf, spatialOf, toChannelsFirst } from './windows.ts';

/** The window with as much padding after the input as its last position reaches; none where it ends before the input does. */
function windowOf(a: PoolAttrs, input: Shape, output: Shape): WindowAttrs {
  const reach = reachOf(a);
  const padding = a.padding.map(([lo], i): [number, number] => [
    lo,
    Math.max(0, (output[i]! - 1) * a.stride[i]! + reach[i]! + 1 - lo - input[i]!),
  ]);
  return { kernel: a.kernel, stride: a.stride, dilation: a.dilation, padding };
}

/** onnxruntime's MaxPool starts from here and takes what is greater: −∞ is lost, and so is NaN. */
const START = -3.4028234663852886e38;

/** MaxPool's attributes, and its input with the padding that it would not take itself. */
function prepared(
  b: GraphBuilder,
  x: Value,
  w: WindowAttrs,
  below: number,
): { readonly wide: Value; readonly before: readonly number[]; readonly attributes: Attributes } {
  // It wants padding smaller than the kernel; and a window of padding only has no maximum.
  const inside = w.padding.every(
    ([lo, hi], i) => lo < w.kernel[i]! && hi < w.kernel[i]! && w.dilation[i] === 1,
  );
  const before = w.padding.map(([lo]) => (inside ? 0 : lo));
  const after = w.padding.map(([, hi]) => (inside ? 0 : hi));
  const pads = inside ? padsOf(w.padding) : w.padding.flatMap(() => [0, 0]);
  return {
    wide: pad(b, x, [0, 0, ...before], [0, 0, ...after], below),
    before,
    attributes: { kernel_shape: w.kernel, strides: w.stride, dilations: w.dilation, pads },
  };
}

/** x `[n, c, ...in]` → `[n, c, ...out]`. */
function maxima(b: GraphBuilder, x: Value, w: WindowAttrs, output: Shape): Value {
  const result = { shape: [...x.shape.slice(0, 2), ...output] };
  const pooled = (of: Value, below: number): Value => {
    const { wide, attributes } = prepared(b, of, w, below);
    return b.add('MaxPool', [wide], result, attributes);
  };
  const y = pooled(x, -Infinity);
  const none = elementwise(b, 'Equal', [y, scalar(b, START)], 'bool');
  // Not 0 around it: onnxruntime would make that padding of the MaxPool itself, and refuse it for being too wide.
  const marks = pooled(cast(b, isNan(b, x), 'float32'), -1);
  const nan = elementwise(b, 'Greater', [marks, scalar(b, 0)], 'bool');
  return choose(b, nan, scalar(b, NaN), choose(b, none, scalar(b, -Infinity), y));
}

/** Order-preserving stand-ins for padding, −∞, ∞ and NaN among halved float32, which are below 2¹²⁷. */
const [BELOW, LOWEST, HIGHEST, ABOVE] = [-3e38, -1.75e38, 1.75e38, 3e38];

/**
 * Where the first maxima are, as positions in a flat array of shape `padded`. To be found, numbers are halved, and the others
 * put beyond their range. (Subnormal numbers lose their last bit: two that differ in nothing else tie.)
 */
function places(
  b: GraphBuilder,
  x: Value,
  w: WindowAttrs,
  output: Shape,
): { readonly at: Value; readonly padded: Shape; readonly before: readonly number[] } {
  const half = elementwise(b, 'Mul', [x, scalar(b, 0.5)]);
  const clipped = b.add('Clip', [half, scalar(b, LOWEST), scalar(b, HIGHEST)], { shape: x.shape });
  const keys = choose(b, isNan(b, x), scalar(b, ABOVE), clipped);
  const { wide, before, attributes } = prepared(b, keys, w, BELOW);
  const shape = [...x.shape.slice(0, 2), ...output];
  const [, at] = b.addAll('MaxPool', [wide], [{ shape }, { shape, element: 'int64' }], attributes);
  return { at: at!, padded: wide.shape, before };
}

/** A filter that adds up windows, channel by channel. */
const onesFor = (b: GraphBuilder, channels: number, { kernel }: WindowAttrs): Value =>
  expand(b, scalar(b, 1), [channels, 1, ...kernel]);

/** Does one window cover all of the input, and nothing else? */
function global(a: PoolAttrs, input: Shape, output: Shape): boolean {
  return (
    sizeOf(output) === 1 &&
    input.every((n, i) => n === a.kernel[i]! && a.dilation[i] === 1 && a.padding[i]!.every((p) => p === 0))
  );
}

/** Values `[n, c, ...out]` divided by the number of taps of each window: inside the input, or the padded input. */
function divided(b: GraphBuilder, x: Value, input: Shape, a: AvgPoolAttrs): Value {
  const output = x.shape.slice(2);
  const window = windowGeometry(a.kernel, a);
  const divisors = averageDivisors(triple(input, 1), triple(output, 1), window, a.countIncludePad);
  const same = divisors.every((d) => d === divisors[0]);
  const by = same ? scalar(b, divisors[0]!) : b.constant(divisors, output);
  return elementwise(b, 'Div', [x, by]);
}

export const poolLowerings: Pick<Lowerings, 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad'> = {
  maxPool(b, [x], a, { shape }) {
    const first = toChannelsFirst(b, x, a.layout);
    const output = spatialOf(shape, a.layout);
    const y = maxima(b, first, windowOf(a, first.shape.slice(2), output), output);
    return fromChannelsFirst(b, y, a.layout);
  },

  maxPoolGrad(b, [x, gy], a) {
    const [first, g] = [toChannelsFirst(b, x, a.layout), toChannelsFirst(b, gy, a.layout)];
    const w = windowOf(a, first.shape.slice(2), g.shape.slice(2));
    const { at, padded, before } = places(b, first, w, g.shape.slice(2));
    const [from, to] = [sizeOf(g.shape), sizeOf(padded)];
    const zeros = expand(b, scalar(b, 0), [to]);
    const flat = b.add(
      'ScatterElements',
      [zeros, reshape(b, at, [from]), reshape(b, g, [from])],
      { shape: [to] },
      { axis: 0, reduction: 'add' },
    );
    const gx = slice(b, reshape(b, flat, padded), [0, 0, ...before], first.shape);
    return fromChannelsFirst(b, gx, a.layout);
  },

  avgPool(b, [x], a, { shape }) {
    const first = toChannelsFirst(b, x, a.layout);
    const [n, c, ...input] = first.shape as number[];
    const output = spatialOf(shape, a.layout);
    const w = windowOf(a, input, output);
    const axes = output.map((_, i) => i + 2);
    const sums = global(a, input, output)
      ? reduce(b, 'ReduceSum', first, axes, true)
      : correlate(b, first, onesFor(b, c!, w), w, c!);
    return fromChannelsFirst(b, divided(b, reshape(b, sums, [n!, c!, ...output]), input, a), a.layout);
  },

  avgPoolGrad(b, [gy], a) {
    const first = toChannelsFirst(b, gy, a.layout);
    const [n, c, ...output] = first.shape as number[];
    const w = windowOf(a, a.inputSize, output);
    const shares = divided(b, first, a.inputSize, a);
    const gx = global(a, a.inputSize, output)
      ? expand(b, shares, [n!, c!, ...a.inputSize])
      : transposedConv(b, shares, onesFor(b, c!, w), w, c!, a.inputSize);
    return fromChannelsFirst(b, gx, a.layout);
  },
};
