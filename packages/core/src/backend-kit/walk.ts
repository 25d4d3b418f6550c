import { stridesOf, type Shape } from '../types.ts';

/** A walk over several arrays at once: common extents, and for each array its strides over them (0 repeats). */
export interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/**
 * The same walk in fewer axes: extents of 1 go, and neighbours merge where every array steps through them evenly.
 * `[32, 64, 56, 56]` with a bias per channel becomes `[32, 64, 3136]`, with none `[6422528]`.
 */
export function collapse({ shape, strides }: Walk): Walk {
  const outShape: number[] = [];
  const outStrides: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis]!;
    if (extent === 1) continue;
    const last = outShape.length - 1;
    if (last >= 0 && strides.every((s, k) => outStrides[k]![last] === s[axis]! * extent)) {
      outShape[last]! *= extent;
      strides.forEach((s, k) => (outStrides[k]![last] = s[axis]!));
    } else {
      outShape.push(extent);
      strides.forEach((s, k) => outStrides[k]!.push(s[axis]!));
    }
  }
  return { shape: outShape, strides: outStrides };
}

/** With leading extents of 1, so that there are at least `rank` axes. */
export function widen({ shape, strides }: Walk, rank: number): Walk {
  const missing = Math.max(rank - shape.length, 0);
  return {
    shape: [...new Array<number>(missing).fill(1), ...shape],
    strides: strides.map((s) => [...new Array<number>(missing).fill(0), ...s]),
  };
}

/** Strides of a shape that broadcasts to `rank` axes: 0 where it repeats. */
export function broadcastStrides(shape: Shape, rank: number): number[] {
  const own = stridesOf(shape);
  const lead = rank - shape.length;
  return Array.from({ length: rank }, (_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** Calls `visit` with each array's offset, from `start` on, for every index of the leading axes (all but the last `inner`). */
export function forEachOuter(
  walk: Walk,
  inner: number,
  visit: (at: readonly number[]) => void,
  start: readonly number[] = walk.strides.map(() => 0),
): void {
  const outer = walk.shape.length - inner;
  const index = new Array<number>(Math.max(outer, 0)).fill(0);
  const at = [...start];
  if (walk.shape.includes(0)) return;
  for (;;) {
    visit(at);
    let axis = outer - 1;
    for (; axis >= 0; axis--) {
      if (++index[axis]! < walk.shape[axis]!) {
        for (let k = 0; k < at.length; k++) at[k]! += walk.strides[k]![axis]!;
        break;
      }
      index[axis] = 0;
      for (let k = 0; k < at.length; k++) at[k]! -= walk.strides[k]![axis]! * (walk.shape[axis]! - 1);
    }
    if (axis < 0) return;
  }
}
