import { sizeOf } from '@graftjs/core/backend';
import type { GraphBuilder, Value } from './builder.ts';
import type { Lowerings } from './lowerings.ts';
import {
  choose,
  concat,
  elementwise,
  expand,
  pad,
  reshape,
  scalar,
  slice,
  spread,
  transpose,
} from './vocabulary.ts';

type MovementOp =
  'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather' | 'scatterAdd';

/** ONNX counts negative indices from the end; here they are outside, as the runtime will find. */
function withoutNegative(b: GraphBuilder, indices: Value): Value {
  const negative = elementwise(b, 'Less', [indices, scalar(b, 0, 'int32')], 'bool');
  return choose(b, negative, scalar(b, 2 ** 31 - 1, 'int32'), indices);
}

export const movementLowerings: Pick<Lowerings, MovementOp> = {
  reshape: (b, [x], _, { shape }) => reshape(b, x, shape),
  transpose: (b, [x], { perm }) => transpose(b, x, perm),
  slice: (b, [x], { start, size, step }) => slice(b, x, start, size, step),
  pad: (b, [x], { before, after, interior, value }) =>
    pad(b, spread(b, x, interior, value), before, after, value),
  concat(b, inputs, { axis }) {
    const some = inputs.filter((x) => sizeOf(x.shape) > 0);
    return concat(b, some, axis);
  },
  broadcastTo: (b, [x], { shape }) => expand(b, x, shape),
  gather: (b, [x, indices], { axis }, { shape }) =>
    b.add('Gather', [x, withoutNegative(b, indices)], { shape }, { axis }),
  scatterAdd(b, [x, indices], { axis }, { shape }) {
    // onnxruntime adds one after the other, in row-major order of the updates.
    const column = x.shape.map((n, i) => (i === axis ? n : 1));
    const everywhere = expand(b, reshape(b, withoutNegative(b, indices), column), x.shape);
    const zeros = expand(b, scalar(b, 0, x.element), shape);
    return b.add('ScatterElements', [zeros, everywhere, x], { shape }, { axis, reduction: 'add' });
  },
};
