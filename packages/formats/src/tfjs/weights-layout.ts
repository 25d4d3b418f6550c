import type { HostArray } from '../graph/host-array.ts';
import { permuted } from '../graph/operations/movement.ts';

/** TensorFlow's `[…kernel, in / groups, out]` → `[out, in / groups, …kernel]`. */
export function fromSpatial(w: HostArray): HostArray {
  const rank = w.shape.length;
  return permuted(w, [rank - 1, rank - 2, ...w.shape.slice(0, -2).map((_, i) => i)]);
}

/** TensorFlow's depthwise `[height, width, channels, multiplier]` → `[channels · multiplier, 1, height, width]`. */
export function fromHWCM(w: HostArray): HostArray {
  const { shape, ...rest } = permuted(w, [2, 3, 0, 1]);
  return { ...rest, shape: [shape[0]! * shape[1]!, 1, shape[2]!, shape[3]!] };
}
