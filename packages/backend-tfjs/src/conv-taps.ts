import { sizeOf, type WindowAttrs } from '@graftjs/core/backend';
import { spatialOf } from './layout.ts';
import { placeInInput, placeInOutput, readInput, readOutput, tapsOf, type Tap } from './taps.ts';
import { view, type Info, type Tfjs } from './tfjs.ts';
import { binary, broadcast, concat, fill, product, slice, sum, transpose } from './vocabulary.ts';

/*
 * Convolutions as sums over the taps of the kernel: each multiplies the block of positions at which it meets the input by
 * its own weights. For any number of spatial axes and any stride and dilation, and nothing is multiplied that is not there.
 * Activations are `[n, ...spatial, c]`, weights `[o, c, ...kernel]`, depthwise ones `[c·m, 1, ...kernel]`.
 */

/** Rows of channels: `[n, ...spatial, c]` → `[positions, c]`. */
function rows(x: Info): Info {
  const c = x.shape.at(-1)!;
  return view(x, [sizeOf(x.shape) / c, c]);
}

/** `[positions, c]` → each channel `m` times, `[positions, c·m]`. */
function repeated(t: Tfjs, x: Info, times: number): Info {
  const [n, c] = x.shape as [number, number];
  return times === 1 ? x : view(broadcast(t, view(x, [n, c, 1]), [n, c, times]), [n, c * times]);
}

/** The weights of a tap: `[o, c]`. */
function weightsAt(t: Tfjs, w: Info, tap: Tap): Info {
  const [o, c] = w.shape as [number, number];
  const here = slice(t, w, [0, 0, ...tap.at], [o, c, ...tap.at.map(() => 1)]);
  return view(here, [o, c]);
}

function total(t: Tfjs, terms: readonly Info[], shape: readonly number[]): Info {
  return terms.length === 0 ? fill(t, 0, shape) : terms.reduce((a, b) => binary(t, 'Add', a, b));
}

export function convByTaps(
  t: Tfjs,
  x: Info,
  w: Info,
  win: WindowAttrs,
  output: readonly number[],
  depthwise: boolean,
): Info {
  const [n, o] = [x.shape[0]!, w.shape[0]!];
  const terms = tapsOf(spatialOf(x), output, win).map((tap) => {
    const read = rows(readInput(t, x, tap, win));
    const weights = weightsAt(t, w, tap);
    const y = depthwise
      ? byChannel(t, repeated(t, read, o / read.shape[1]!), weights)
      : product(t, read, transpose(t, weights, [1, 0]));
    return placeInOutput(t, view(y, [n, ...tap.count, o]), tap, output);
  });
  return total(t, terms, [n, ...output, o]);
}

/** `[positions, o]` times one weight per channel `[o, 1]`; plus 0, for sums start at +0 and a product can be −0. */
function byChannel(t: Tfjs, x: Info, weights: Info): Info {
  const products = binary(t, 'Multiply', x, broadcast(t, view(weights, [x.shape[1]!]), x.shape));
  return binary(t, 'Add', products, 0);
}

/** Depthwise: `[n, ...in, c·m]`, which is still to be summed over the m filters of a channel. */
export function inputGradByTaps(
  t: Tfjs,
  gy: Info,
  w: Info,
  win: WindowAttrs,
  input: readonly number[],
  depthwise: boolean,
): Info {
  const n = gy.shape[0]!;
  const c = depthwise ? w.shape[0]! : w.shape[1]!;
  const terms = tapsOf(input, spatialOf(gy), win).map((tap) => {
    const read = rows(readOutput(t, gy, tap));
    const weights = weightsAt(t, w, tap);
    const gx = depthwise ? byChannel(t, read, weights) : product(t, read, weights);
    return placeInInput(t, view(gx, [n, ...tap.count, c]), tap, win, input);
  });
  return total(t, terms, [n, ...input, c]);
}

export function weightGradByTaps(t: Tfjs, x: Info, gy: Info, win: WindowAttrs, depthwise: boolean): Info {
  const [c, o] = [x.shape.at(-1)!, gy.shape.at(-1)!];
  const perTap = depthwise ? o : c * o;
  const met = new Map(
    tapsOf(spatialOf(x), spatialOf(gy), win).map((tap) => {
      const read = rows(readInput(t, x, tap, win));
      const g = rows(readOutput(t, gy, tap));
      const gw = depthwise
        ? sum(t, binary(t, 'Multiply', repeated(t, read, o / c), g), [0])
        : product(t, transpose(t, g, [1, 0]), read);
      return [tap.at.join(), view(gw, [perTap, 1])] as const;
    }),
  );
  // Taps that meet nothing have no gradient.
  const all = cross(win.kernel).map((at) => met.get(at.join()) ?? fill(t, 0, [perTap, 1]));
  return view(concat(t, all, 1), [o, depthwise ? 1 : c, ...win.kernel]);
}

/** All positions in a kernel, in row-major order. */
function cross(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (list, k) => list.flatMap((at) => Array.from({ length: k }, (_, i) => [...at, i])),
    [[]],
  );
}
