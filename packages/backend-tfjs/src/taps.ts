import type { WindowAttrs } from '@graftjs/core/backend';
import type { Info, Tfjs } from './tfjs.ts';
import { pad, slice } from './vocabulary.ts';

/**
 * A tap of a window, with the block of output positions whose reading of it lies inside the input: `count` of them from
 * `out` on, which read the input from `start` on, in steps of the stride.
 */
export interface Tap {
  /** Its position in the kernel. */
  readonly at: readonly number[];
  readonly out: readonly number[];
  readonly count: readonly number[];
  readonly start: readonly number[];
}

/** The taps in row-major order, without those that never meet the input. */
export function tapsOf(input: readonly number[], output: readonly number[], w: WindowAttrs): Tap[] {
  let taps: Tap[] = [{ at: [], out: [], count: [], start: [] }];
  input.forEach((extent, i) => {
    const [stride, before] = [w.stride[i]!, w.padding[i]![0]];
    taps = taps.flatMap((tap) =>
      Array.from({ length: w.kernel[i]! }, (_, at): Tap => {
        const offset = at * w.dilation[i]! - before;
        const out = Math.max(0, Math.ceil(-offset / stride));
        const end = Math.min(output[i]!, Math.floor((extent - 1 - offset) / stride) + 1);
        return {
          at: [...tap.at, at],
          out: [...tap.out, out],
          count: [...tap.count, end - out],
          start: [...tap.start, out * stride + offset],
        };
      }),
    );
  });
  return taps.filter(({ count }) => count.every((n) => n > 0));
}

// Activations are `[n, ...spatial, c]` here.

/** What the tap reads: the input at its block of output positions. */
export function readInput(t: Tfjs, x: Info, tap: Tap, { stride }: WindowAttrs): Info {
  return slice(t, x, [0, ...tap.start, 0], [x.shape[0]!, ...tap.count, x.shape.at(-1)!], [1, ...stride, 1]);
}

/** The tap's block of output positions. */
export function readOutput(t: Tfjs, y: Info, tap: Tap): Info {
  return slice(t, y, [0, ...tap.out, 0], [y.shape[0]!, ...tap.count, y.shape.at(-1)!]);
}

/** Values at what the tap reads, among zeros in all the rest of the input. */
export function placeInInput(
  t: Tfjs,
  v: Info,
  tap: Tap,
  { stride }: WindowAttrs,
  input: readonly number[],
): Info {
  const after = input.map((n, i) => n - (tap.start[i]! + (tap.count[i]! - 1) * stride[i]! + 1));
  return pad(t, v, [0, ...tap.start, 0], [0, ...after, 0], {
    interior: [0, ...stride.map((s) => s - 1), 0],
  });
}

/** Values at the tap's output positions, among `value` in all the rest of the output. */
export function placeInOutput(t: Tfjs, v: Info, tap: Tap, output: readonly number[]): Info {
  const after = output.map((n, i) => n - (tap.out[i]! + tap.count[i]!));
  return pad(t, v, [0, ...tap.out, 0], [0, ...after, 0]);
}
