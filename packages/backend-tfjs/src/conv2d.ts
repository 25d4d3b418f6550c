import { view, type Info, type Tfjs } from './tfjs.ts';
import { slice } from './vocabulary.ts';

/** A correlation in one or two dimensions. `before` and `after` are zeros, or where negative, what is cut off. */
interface Correlation {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * XNNPACK's convolution: x `[n, ...spatial, c]` with filter `[...kernel, c, o]`, or depthwise with `[...kernel, c, m]`,
 * where output channel c·m + j is filter j of channel c. Its padding is multiplied, too: 0 · ∞ gives NaN.
 */
export function correlate(
  t: Tfjs,
  kernel: 'Conv2D' | 'DepthwiseConv2dNative',
  x: Info,
  filter: Info,
  { stride, dilation, before, after }: Correlation,
): Info {
  const cut = [before, after].map((side) => [0, ...side.map((n) => Math.max(-n, 0)), 0]) as [
    number[],
    number[],
  ];
  const size = x.shape.map((n, i) => n - cut[0][i]! - cut[1][i]!);
  const inside = slice(t, x, cut[0], size);
  const flat = x.shape.length === 3;
  const two = (list: readonly number[], fill: number): number[] => (flat ? [fill, ...list] : [...list]);
  const lows = two(before, 0);
  const highs = two(after, 0);
  const y = t.run(
    kernel,
    {
      x: flat ? view(inside, inside.shape.toSpliced(1, 0, 1)) : inside,
      filter: flat ? view(filter, [1, ...filter.shape]) : filter,
    },
    {
      strides: two(stride, 1),
      dilations: two(dilation, 1),
      pad: [[0, 0], ...lows.map((n, i) => [Math.max(n, 0), Math.max(highs[i]!, 0)]), [0, 0]],
      dataFormat: 'NHWC',
    },
  );
  return flat ? view(y, y.shape.toSpliced(1, 1)) : y;
}
