import { product, type Activation, type Triple } from './geometry.ts';
import type { ConvProblem } from './conv-direct.ts';

/**
 * Where the sums of a convolution, or of its input gradient, take their terms from. Result position j (per axis) lies
 * at `toStart + j · toStep` of `to`; under tap t it reads `from` at `j · step + taps[t]`, or nothing where that is
 * outside.
 */
export interface Grid {
  readonly from: Activation;
  readonly to: Activation;
  readonly count: Triple;
  readonly step: Triple;
  readonly toStart: Triple;
  readonly toStep: Triple;
  /** In row-major order of the kernel. */
  readonly taps: readonly Triple[];
  /** Which tap of the kernel each is. */
  readonly tapIndex: readonly number[];
}

const AXES = [0, 1, 2] as const;

export function forwardGrid({ input, output, window: w }: ConvProblem): Grid {
  const all = AXES.map((axis) =>
    Array.from({ length: w.kernel[axis] }, (_, t) => t * w.dilation[axis] - w.before[axis]),
  );
  const taps = cross(all);
  return {
    from: input,
    to: output,
    count: output.extent,
    step: w.stride,
    toStart: [0, 0, 0],
    toStep: [1, 1, 1],
    taps,
    tapIndex: taps.map((_, i) => i),
  };
}

/**
 * The input gradient at position i takes tap t from the output (i + before − t · dilation) / stride, where the division
 * has no remainder. Which taps those are depends on i modulo the stride only: one grid for each class of positions,
 * with just the taps that reach it, so nothing is multiplied in vain.
 */
export function inputGradGrids({ input, output, window: w }: ConvProblem): Grid[] {
  const classes = AXES.map((axis) =>
    Array.from({ length: Math.min(w.stride[axis], input.extent[axis]) }, (_, start) => {
      const taps: { index: number; at: number }[] = [];
      for (let t = 0; t < w.kernel[axis]; t++) {
        const at = start + w.before[axis] - t * w.dilation[axis];
        if (at % w.stride[axis] === 0) taps.push({ index: t, at: at / w.stride[axis] });
      }
      return { start, count: Math.ceil((input.extent[axis] - start) / w.stride[axis]), taps };
    }),
  );
  return cross(classes).map((axes) => {
    const taps = cross(axes.map((a) => a.taps));
    const [, kh, kw] = w.kernel;
    return {
      from: output,
      to: input,
      count: mapTriple(axes, (a) => a.count),
      step: [1, 1, 1],
      toStart: mapTriple(axes, (a) => a.start),
      toStep: w.stride,
      taps: taps.map((t) => mapTriple(t, (axis) => axis.at)),
      tapIndex: taps.map(([z, y, x]) => (z.index * kh + y.index) * kw + x.index),
    };
  });
}

/** All combinations of what three axes offer, in row-major order. */
function cross<T>([zs, ys, xs]: readonly (readonly T[])[]): (readonly [T, T, T])[] {
  return zs!.flatMap((z) => ys!.flatMap((y) => xs!.map((x) => [z, y, x] as const)));
}

function mapTriple<T>([z, y, x]: readonly [T, T, T], fn: (t: T) => number): Triple {
  return [fn(z), fn(y), fn(x)];
}

/** Positions of all samples. */
export function positions(grid: Grid): number {
  return grid.from.batch * product(grid.count);
}

/**
 * For positions `first` to `first + m` (row-major, sample by sample): `offsets[tap · m + i]` is where position i
 * finds the tap in `from`, or −1 outside; `rows[i]` is where its result goes in `to`. Channels come on top.
 */
export function locate(grid: Grid, first: number, m: number, offsets: Int32Array, rows: Int32Array): void {
  const { from, to, step, toStart, toStep } = grid;
  const [, height, width] = grid.count;
  const [inD, inH, inW] = from.extent;
  const taps = grid.taps.length;
  const tz = Int32Array.from(grid.taps, (t) => t[0]);
  const ty = Int32Array.from(grid.taps, (t) => t[1]);
  const tx = Int32Array.from(grid.taps, (t) => t[2]);
  let x = first % width;
  let rest = (first - x) / width;
  let y = rest % height;
  rest = (rest - y) / height;
  let z = rest % grid.count[0];
  let n = (rest - z) / grid.count[0];
  for (let i = 0; i < m; i++) {
    rows[i] =
      n * to.batchStep +
      (toStart[0] + z * toStep[0]) * to.step[0] +
      (toStart[1] + y * toStep[1]) * to.step[1] +
      (toStart[2] + x * toStep[2]) * to.step[2];
    for (let t = 0; t < taps; t++) {
      const iz = z * step[0] + tz[t]!;
      const iy = y * step[1] + ty[t]!;
      const ix = x * step[2] + tx[t]!;
      const inside = iz >= 0 && iz < inD && iy >= 0 && iy < inH && ix >= 0 && ix < inW;
      offsets[t * m + i] = inside
        ? n * from.batchStep + iz * from.step[0] + iy * from.step[1] + ix * from.step[2]
        : -1;
    }
    if (++x < width) continue;
    x = 0;
    if (++y < height) continue;
    y = 0;
    if (++z < grid.count[0]) continue;
    z = 0;
    n++;
  }
}
