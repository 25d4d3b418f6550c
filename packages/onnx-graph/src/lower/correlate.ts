import type { WindowAttrs } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import { slice } from './vocabulary.ts';
import { padsOf, reachOf } from './windows.ts';

/** Negative padding cuts off, here already: ONNX's is 0 or more. */
function cropped(
  b: GraphBuilder,
  x: Value,
  padding: WindowAttrs['padding'],
): { readonly x: Value; readonly padding: WindowAttrs['padding'] } {
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
  { kernel, stride, dilation, padding }: WindowAttrs,
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
