import { type Layout, type Shape } from '@graftjs/core';
import { stridesOf, type PoolAttrs } from '@graftjs/core/backend';
import { memo } from './memo.ts';

/** All coordinates of a shape, row-major. */
export function coordinates(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (all, extent) => all.flatMap((head) => Array.from({ length: extent }, (_, i) => [...head, i])),
    [[]],
  );
}

/** Row-major number of the element at `at`. */
export function flat(shape: Shape, at: readonly number[]): number {
  let index = 0;
  for (let i = 0; i < shape.length; i++) index = index * shape[i] + at[i];
  return index;
}

/** For every element of `to`, row-major, the element of `from` that numpy's broadcasting puts there. */
export const broadcastMap: (from: Shape, to: Shape) => Int32Array = memo(
  (from: Shape, to: Shape): Int32Array => {
    const lead = to.length - from.length;
    const strides = stridesOf(from);
    return Int32Array.from(coordinates(to), (at) =>
      from.reduce((index, extent, i) => index + (extent === 1 ? 0 : at[lead + i] * strides[i]), 0),
    );
  },
);

/** For every output of a reduction, row-major, the inputs that it reduces, in row-major order. */
export const reduceGroups: (shape: Shape, axes: readonly number[]) => number[][] = memo(
  (shape: Shape, axes: readonly number[]): number[][] => {
    const kept = shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
    const strides = stridesOf(kept);
    const groups: number[][] = Array.from({ length: kept.reduce((n, d) => n * d, 1) }, () => []);
    coordinates(shape).forEach((at, input) => {
      groups[at.reduce((o, p, i) => o + (kept[i] === 1 ? 0 : p * strides[i]), 0)].push(input);
    });
    return groups;
  },
);

/** An activation's extents, and where the element at (sample, channel, position) is; positions are flat, row-major. */
export interface ActivationIndex {
  readonly samples: number;
  readonly channels: number;
  readonly spatial: number[];
  readonly at: (sample: number, channel: number, position: number) => number;
}

export function activation(shape: Shape, layout: Layout): ActivationIndex {
  const first = layout === 'channels-first';
  const samples = shape[0];
  const channels = first ? shape[1] : shape[shape.length - 1];
  const spatial = first ? shape.slice(2) : shape.slice(1, -1);
  const positions = spatial.reduce((n, d) => n * d, 1);
  const at = first
    ? (n: number, c: number, p: number): number => (n * channels + c) * positions + p
    : (n: number, c: number, p: number): number => (n * positions + p) * channels + c;
  return { samples, channels, spatial, at };
}

type WindowAttrs = Pick<PoolAttrs, 'kernel' | 'stride' | 'padding' | 'dilation'>;

/** Where tap `k` of window `o` lies: the coordinates in the unpadded input, which may be outside it. */
function place(w: WindowAttrs, o: readonly number[], k: readonly number[]): number[] {
  return o.map((at, i) => at * w.stride[i] - w.padding[i][0] + k[i] * w.dilation[i]);
}

/** Tap `tap` of the window at output position `output` reads input position `input`; all flat, row-major. */
export interface Tap {
  readonly tap: number;
  readonly output: number;
  readonly input: number;
}

/** All taps that lie inside the input: for each tap of the kernel in row-major order, each output position in row-major order. */
export const tapsOf: (input: Shape, output: Shape, w: WindowAttrs) => Tap[] = memo(
  (input: Shape, output: Shape, w: WindowAttrs): Tap[] => {
    const outputs = coordinates(output);
    return coordinates(w.kernel).flatMap((k, tap) =>
      outputs.flatMap((o, number) => {
        const at = place(w, o, k);
        const inside = at.every((p, i) => p >= 0 && p < input[i]);
        return inside ? [{ tap, output: number, input: flat(input, at) }] : [];
      }),
    );
  },
);

/** One window of a pool: the inputs inside it (element numbers, in row-major order of the taps) and what a mean divides by. */
export interface PoolWindow {
  readonly inputs: number[];
  readonly count: number;
}

/** The windows of all elements of a pool's output, row-major. */
export const poolWindows: (x: Shape, y: Shape, a: PoolAttrs, countIncludePad: boolean) => PoolWindow[] = memo(
  (x: Shape, y: Shape, a: PoolAttrs, countIncludePad: boolean): PoolWindow[] => {
    const [from, to] = [activation(x, a.layout), activation(y, a.layout)];
    const kernel = coordinates(a.kernel);
    const windows: PoolWindow[] = [];
    coordinates(to.spatial).forEach((o, position) => {
      const places = kernel.map((k) => place(a, o, k));
      const inside = places.filter((at) => at.every((p, i) => p >= 0 && p < from.spatial[i]));
      const padded = places.filter((at) =>
        at.every((p, i) => p >= -a.padding[i][0] && p < from.spatial[i] + a.padding[i][1]),
      );
      const count = Math.max(1, (countIncludePad ? padded : inside).length);
      const positions = inside.map((at) => flat(from.spatial, at));
      for (let n = 0; n < to.samples; n++) {
        for (let c = 0; c < to.channels; c++) {
          windows[to.at(n, c, position)] = { inputs: positions.map((p) => from.at(n, c, p)), count };
        }
      }
    });
    return windows;
  },
);
