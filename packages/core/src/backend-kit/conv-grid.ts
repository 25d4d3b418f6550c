import { product, type ActivationGeometry, type ConvProblem, type Triple } from './geometry.ts';

/**
 * Where the sums of a convolution, or of its input gradient, take their terms from. Result position j (per axis) lies
 * at `toStart + j · toStep` of `to`; under tap t it reads `from` at `j · step + taps[t]`, or nothing where that is
 * outside.
 */
export interface Grid {
  readonly from: ActivationGeometry;
  readonly to: ActivationGeometry;
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

/** The grid of a forward convolution: every output position takes all taps of its window. */
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

/** a₀b₀ + a₁b₁ + a₂b₂. */
export function dot(a: Triple, b: Triple): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** Axis by axis, [a₀b₀, a₁b₁, a₂b₂]. */
export function multiplyTriples(a: Triple, b: Triple): Triple {
  return [a[0] * b[0], a[1] * b[1], a[2] * b[2]];
}
