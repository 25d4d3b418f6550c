import type { Triple, WindowGeometry } from './geometry.ts';

/**
 * For each axis and output position, how many taps of the window an average counts: those inside the input, or with
 * `includePad` inside the padded input. May be 0 (dilation can do it).
 * @param input Extents.
 * @param output Extents.
 */
export function countedTaps(
  input: Triple,
  output: Triple,
  w: WindowGeometry,
  includePad: boolean,
): readonly [readonly number[], readonly number[], readonly number[]] {
  const along = (axis: 0 | 1 | 2): number[] => {
    const low = includePad ? -w.before[axis] : 0;
    const high = input[axis] + (includePad ? w.after[axis] : 0);
    return Array.from({ length: output[axis] }, (_, i) => {
      let count = 0;
      for (let t = 0; t < w.kernel[axis]; t++) {
        const at = i * w.stride[axis] - w.before[axis] + t * w.dilation[axis];
        if (at >= low && at < high) count++;
      }
      return count;
    });
  };
  return [along(0), along(1), along(2)];
}

/** What the sum of each window is divided by, in row-major order of the output positions: the taps that count, 1 at least. */
export function averageDivisors(...args: Parameters<typeof countedTaps>): Int32Array {
  const [d, h, w] = countedTaps(...args);
  return Int32Array.from(d.flatMap((i) => h.flatMap((j) => w.map((k) => Math.max(i * j * k, 1)))));
}
