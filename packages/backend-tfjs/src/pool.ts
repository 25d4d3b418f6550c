import {
  averageDivisors,
  type PoolAttrs,
  triple,
  type WindowAttrs,
  windowGeometry,
} from '@graftjs/core/backend';
import type { Compositions } from './compositions.ts';
import { forward, inputGrad } from './conv.ts';
import { fromChannelsLast, spatialOf, toChannelsLast } from './layout.ts';
import { placeInInput, placeInOutput, readInput, readOutput, tapsOf } from './taps.ts';
import { type Info, type Tfjs } from './tfjs.ts';
import { allFinite, binary, broadcast, choose, fill, isNan, pad } from './vocabulary.ts';

type PoolOp = 'maxPool' | 'maxPoolGrad' | 'avgPool' | 'avgPoolGrad';

/** The window with as much padding after the input as its last position reaches (rounding up can need more). */
function windowOf(a: PoolAttrs, input: readonly number[], output: readonly number[]): WindowAttrs {
  const padding = a.padding.map(([lo], i): readonly [number, number] => {
    const end = (output[i]! - 1) * a.stride[i]! + (a.kernel[i]! - 1) * a.dilation[i]! + 1;
    return [lo, Math.max(0, end - lo - input[i]!)];
  });
  return { kernel: a.kernel, stride: a.stride, dilation: a.dilation, padding };
}

/** Can tfjs's own max pools take it? They know neither NaN, dilation nor a third axis, and XNNPACK refuses one tap. */
function plain(t: Tfjs, x: Info, w: WindowAttrs): boolean {
  return (
    w.kernel.length <= 2 && w.kernel.some((k) => k > 1) && w.dilation.every((d) => d === 1) && allFinite(t, x)
  );
}

/** The same in two dimensions, as tfjs has it. */
function inPlane(w: WindowAttrs): Record<string, unknown> {
  const flat = w.kernel.length === 1;
  return {
    filterSize: flat ? [1, ...w.kernel] : w.kernel,
    strides: flat ? [1, ...w.stride] : w.stride,
    pad: [[0, 0], ...(flat ? [[0, 0]] : []), ...w.padding, [0, 0]],
  };
}

const toPlane = (x: Info): Info => (x.shape.length === 3 ? { ...x, shape: x.shape.toSpliced(1, 0, 1) } : x);
const fromPlane = (x: Info, rank: number): Info =>
  rank === 1 ? { ...x, shape: x.shape.toSpliced(1, 1) } : x;

/** x `[n, ...in, c]` → `[n, ...out, c]`. */
function maxima(t: Tfjs, x: Info, w: WindowAttrs, output: readonly number[]): Info {
  if (plain(t, x, w)) return fromPlane(t.run('MaxPool', { x: toPlane(x) }, inPlane(w)), w.kernel.length);
  const before = [0, ...w.padding.map(([lo]) => lo), 0];
  const after = [0, ...w.padding.map(([, hi]) => hi), 0];
  const wide = pad(t, x, before, after, { value: -Infinity });
  const inside: WindowAttrs = { ...w, padding: w.padding.map(() => [0, 0]) };
  const [first, ...rest] = tapsOf(spatialOf(wide), output, inside).map((tap) =>
    readInput(t, wide, tap, inside),
  );
  // The first of equals stays, and NaN, which nothing is greater than.
  return rest.reduce(
    (most, v) => choose(t, binary(t, 'LogicalOr', binary(t, 'Greater', v, most), isNan(t, v)), v, most),
    first!,
  );
}

/** Tap by tap, each window's gradient goes to the first that equals its maximum, or is NaN; then there is none left. */
function toMaxima(t: Tfjs, x: Info, gy: Info, w: WindowAttrs): Info {
  const [input, output] = [spatialOf(x), spatialOf(gy)];
  const most = maxima(t, x, w, output);
  const zeros = fill(t, 0, gy.shape);
  let left = gy;
  let gx = fill(t, 0, x.shape);
  for (const tap of tapsOf(input, output, w)) {
    const v = readInput(t, x, tap, w);
    const hit = binary(t, 'LogicalOr', binary(t, 'Equal', v, readOutput(t, most, tap)), isNan(t, v));
    const given = choose(t, hit, readOutput(t, left, tap), readOutput(t, zeros, tap));
    gx = binary(t, 'Add', gx, placeInInput(t, given, tap, w, input));
    left = choose(t, placeInOutput(t, hit, tap, output), zeros, left);
  }
  return gx;
}

/** Values `[n, ...out, c]` divided by the number of taps of each window: inside the input, or the padded input. */
function divided(
  t: Tfjs,
  x: Info,
  input: readonly number[],
  a: PoolAttrs & { readonly countIncludePad: boolean },
): Info {
  const output = triple(spatialOf(x), 1);
  const window = windowGeometry(a.kernel, a);
  const divisors = Float32Array.from(averageDivisors(triple(input, 1), output, window, a.countIncludePad));
  if (divisors.every((d) => d === divisors[0])) return binary(t, 'RealDiv', x, divisors[0]!);
  const shape = [1, ...spatialOf(x), 1];
  return binary(t, 'RealDiv', x, broadcast(t, t.upload(divisors, shape, 'float32'), x.shape));
}

/** A sum over a window is a depthwise convolution with ones. */
function onesFor(t: Tfjs, x: Info, w: WindowAttrs): Info {
  return fill(t, 1, [x.shape.at(-1)!, 1, ...w.kernel]);
}

const extents = (shape: readonly number[], { layout }: PoolAttrs): readonly number[] =>
  layout === 'channels-last' ? shape.slice(1, -1) : shape.slice(2);

export const pools: Pick<Compositions, PoolOp> = {
  maxPool(t, [x], a, { shape }) {
    const last = toChannelsLast(t, x, a.layout);
    const output = extents(shape, a);
    const y = maxima(t, last, windowOf(a, spatialOf(last), output), output);
    return fromChannelsLast(t, y, a.layout);
  },

  maxPoolGrad(t, [x, gy], a) {
    const [last, g] = [toChannelsLast(t, x, a.layout), toChannelsLast(t, gy, a.layout)];
    const gx = toMaxima(t, last, g, windowOf(a, spatialOf(last), spatialOf(g)));
    return fromChannelsLast(t, gx, a.layout);
  },

  avgPool(t, [x], a, { shape }) {
    const last = toChannelsLast(t, x, a.layout);
    const [input, output] = [spatialOf(last), extents(shape, a)];
    const w = windowOf(a, input, output);
    const sums = forward(t, last, onesFor(t, last, w), w, output, true);
    return fromChannelsLast(t, divided(t, sums, input, a), a.layout);
  },

  avgPoolGrad(t, [gy], a) {
    const last = toChannelsLast(t, gy, a.layout);
    const w = windowOf(a, a.inputSize, spatialOf(last));
    const shares = divided(t, last, a.inputSize, a);
    const gx = inputGrad(t, shares, onesFor(t, last, w), w, a.inputSize, true);
    return fromChannelsLast(t, gx, a.layout);
  },
};
