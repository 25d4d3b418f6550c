import { GraftError, inputShape, sameShape, showShape, type Preprocess, type Shape } from '@graftjs/core';
import type { GraphBuilder, Value } from '@graftjs/onnx-graph';
import { transposed, with_ } from './emit.ts';

/**
 * From uint8 `[batch, size, size, 3]` to what the model takes: (v / 255 − mean) / std per channel, then the layout; as one
 * multiplication and one addition, v · 1 / (255 · std) − mean / std.
 */
export function preprocessing(b: GraphBuilder, p: Preprocess, batch: number, input: Shape): Value {
  const pictures = [batch, p.size, p.size, 3];
  const wanted = [batch, ...inputShape(p)];
  if (!sameShape(wanted, input)) {
    throw new GraftError(
      `exportOnnx: the preprocessing gives samples of ${showShape(wanted.slice(1))}, the model is exported for ${showShape(input.slice(1))}`,
    );
  }
  const bytes = b.input('pictures', { element: 'uint8', shape: pictures });
  const x = b.add('Cast', [bytes], { shape: pictures, element: 'float32' }, { to: 1 });
  const scale = b.constant(
    p.std.map((s) => 1 / (255 * s)),
    [3],
  );
  const shift = b.constant(
    p.mean.map((m, i) => -m / p.std[i]!),
    [3],
  );
  const y = with_(b, 'Add', with_(b, 'Mul', x, scale), shift);
  return p.layout === 'channels-last' ? y : transposed(b, y, [0, 3, 1, 2]);
}
