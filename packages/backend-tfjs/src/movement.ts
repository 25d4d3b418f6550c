import { KernelError, type OpName, sizeOf } from '@graftjs/core/backend';
import type { Compositions } from './compositions.ts';
import { view, type Info, type Tfjs } from './tfjs.ts';
import { broadcast, concat, fill, gather, pad, slice, transpose } from './vocabulary.ts';

type MovementOp =
  'reshape' | 'transpose' | 'slice' | 'pad' | 'concat' | 'broadcastTo' | 'gather' | 'scatterAdd';

function checkIndices(t: Tfjs, op: OpName, inputs: readonly Info[], extent: number): void {
  const outside = t.read(inputs[1]!).find((i) => i < 0 || i >= extent);
  if (outside !== undefined)
    throw new KernelError(op, inputs, new RangeError(`index ${outside} is outside [0, ${extent})`));
}

export const movement: Pick<Compositions, MovementOp> = {
  reshape: (_, [x], { shape }) => view(x, shape),

  transpose: (t, [x], { perm }) => transpose(t, x, perm),

  slice: (t, [x], { start, size, step }) => slice(t, x, start, size, step),

  pad: (t, [x], { before, after, interior, value }) => pad(t, x, before, after, { interior, value }),

  concat(t, inputs, { axis }) {
    const some = inputs.filter((x) => sizeOf(x.shape) > 0);
    return concat(t, some, axis);
  },

  broadcastTo: (t, [x], { shape }) => broadcast(t, x, shape),

  gather(t, inputs, { axis }, { shape, dtype }) {
    const [x, indices] = inputs;
    checkIndices(t, 'gather', inputs, x.shape[axis]!);
    return sizeOf(shape) === 0 ? fill(t, 0, shape, dtype) : gather(t, x, indices, axis);
  },

  scatterAdd(t, inputs, { axis, size }, { shape, dtype }) {
    const [y, indices] = inputs;
    checkIndices(t, 'scatterAdd', inputs, size);
    if (sizeOf(y.shape) === 0 || sizeOf(shape) === 0) return fill(t, 0, shape, dtype);
    // The axis goes to the front, where tfjs scatters, and back again.
    const rank = y.shape.length;
    const others = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);
    const updates = transpose(t, y, [axis, ...others]);
    const n = indices.shape[0]!;
    const inner = sizeOf(others.map((i) => shape[i]!));
    const sums = t.run(
      'ScatterNd',
      { indices: view(indices, [n, 1]), updates: view(updates, [n, inner]) },
      { shape: [size, inner] },
    );
    const back = Array.from({ length: rank }, (_, i) => (i === axis ? 0 : others.indexOf(i) + 1));
    return transpose(t, view(sums, [size, ...others.map((i) => shape[i]!)]), back);
  },
};
