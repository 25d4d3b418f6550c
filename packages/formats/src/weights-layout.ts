import type { GraphValues } from './graph.ts';

/** Reorders axes: element `[i_perm[0], i_perm[1], …]` of the result is `[i_0, i_1, …]` of the source. */
export function permute(source: GraphValues, perm: readonly number[]): GraphValues {
  const shape = perm.map((p) => source.shape[p]!);
  const strides = source.shape.map((_, i) => source.shape.slice(i + 1).reduce((n, d) => n * d, 1));
  const data = new Float32Array(source.data.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let out = 0; out < data.length; out++) {
    let from = 0;
    for (let axis = 0; axis < perm.length; axis++) from += index[axis]! * strides[perm[axis]!]!;
    data[out] = source.data[from]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

/** TensorFlow's `[height, width, in / groups, out]` → `[out, in / groups, height, width]`. */
export function fromHWIO(w: GraphValues): GraphValues {
  return permute(w, [3, 2, 0, 1]);
}

/** TensorFlow's depthwise `[height, width, channels, multiplier]` → `[channels · multiplier, 1, height, width]`. */
export function fromHWCM(w: GraphValues): GraphValues {
  const { shape, data } = permute(w, [2, 3, 0, 1]);
  return { shape: [shape[0]! * shape[1]!, 1, shape[2]!, shape[3]!], data };
}
