import { type ConvAttrs, sizeOf, type WindowAttrs } from '@graftjs/core/backend';
import type { Compositions } from './compositions.ts';
import { correlate } from './conv2d.ts';
import { convByTaps, inputGradByTaps, weightGradByTaps } from './conv-taps.ts';
import { fromChannelsLast, spatialOf, toChannelsLast } from './layout.ts';
import { view, type Info, type Tfjs } from './tfjs.ts';
import { allFinite, concat, pad, product, slice, sum, transpose } from './vocabulary.ts';

/*
 * XNNPACK's convolution does most of the work, also of the gradients, which are correlations of other operands. Where it
 * cannot, a sum over the taps does: with three spatial axes, and where a factor that would be multiplied with padding is
 * not finite (what is outside adds nothing, but 0 · ∞ is NaN).
 */

const padded = ({ padding }: WindowAttrs): boolean => padding.some(([lo, hi]) => lo > 0 || hi > 0);
const oneTap = ({ kernel }: WindowAttrs): boolean => kernel.every((k) => k === 1);
const ones = (w: WindowAttrs): number[] => w.kernel.map(() => 1);
/** How far a window reaches on each axis, less one. */
const reach = (w: WindowAttrs): number[] => w.kernel.map((k, i) => (k - 1) * w.dilation[i]!);

/** Negative padding cuts off: is anything left? */
function someLeft(x: Info, before: readonly number[], after: readonly number[]): boolean {
  return spatialOf(x).every((n, i) => n + Math.min(before[i]!, 0) + Math.min(after[i]!, 0) > 0);
}

function windowOf(a: ConvAttrs, kernel: readonly number[]): WindowAttrs {
  return { kernel, stride: a.stride, dilation: a.dilation, padding: a.padding };
}

/** w `[o, c, ...kernel]` → `[...kernel, c, o]`, or with the last two swapped. */
function filterOf(t: Tfjs, w: Info, swap = false): Info {
  const kernel = Array.from({ length: w.shape.length - 2 }, (_, i) => i + 2);
  return transpose(t, w, [...kernel, ...(swap ? [0, 1] : [1, 0])]);
}

/** Depthwise weights `[c·m, 1, ...kernel]` → `[...kernel, c, m]`. */
function depthwiseFilter(t: Tfjs, w: Info, channels: number): Info {
  const kernel = w.shape.slice(2);
  const split = view(w, [channels, w.shape[0]! / channels, ...kernel]);
  return transpose(t, split, [...kernel.map((_, i) => i + 2), 0, 1]);
}

/** w `[o, c, ...kernel]` with its taps in reverse order: times a matrix, far faster than tfjs's Reverse. w is finite. */
function reversed(t: Tfjs, w: Info): Info {
  const taps = sizeOf(w.shape.slice(2));
  const exchange = new Float32Array(taps * taps);
  for (let i = 0; i < taps; i++) exchange[i * taps + taps - 1 - i] = 1;
  const rows = view(w, [sizeOf(w.shape) / taps, taps]);
  return view(product(t, rows, t.upload(exchange, [taps, taps], 'float32')), w.shape);
}

/** x `[n, ...in, c]`, w `[o, c, ...kernel]`, or depthwise `[c·m, 1, ...kernel]` → `[n, ...out, o]`. */
export function forward(
  t: Tfjs,
  x: Info,
  w: Info,
  win: WindowAttrs,
  output: readonly number[],
  depthwise: boolean,
): Info {
  // Some of tfjs's backends take no depthwise window that is both strided and dilated.
  const both = depthwise && [win.stride, win.dilation].every((list) => list.some((n) => n > 1));
  if (both || win.kernel.length > 2 || (padded(win) && !allFinite(t, w)))
    return convByTaps(t, x, w, win, output, depthwise);
  const kernel = depthwise ? 'DepthwiseConv2dNative' : 'Conv2D';
  const filter = t.derive(w, kernel, () =>
    depthwise ? depthwiseFilter(t, w, x.shape.at(-1)!) : filterOf(t, w),
  );
  return correlate(t, kernel, x, filter, {
    ...win,
    before: win.padding.map(([lo]) => lo),
    after: win.padding.map(([, hi]) => hi),
  });
}

/**
 * The correlation of gy, spread to the stride, with the reversed weights. gy `[n, ...out, o]` → `[n, ...in, c]`, depthwise
 * `[n, ...in, c·m]`, still to be summed over the m filters of a channel.
 */
export function inputGrad(
  t: Tfjs,
  gy: Info,
  w: Info,
  win: WindowAttrs,
  input: readonly number[],
  depthwise: boolean,
): Info {
  const byTaps = (): Info => inputGradByTaps(t, gy, w, win, input, depthwise);
  if (win.kernel.length > 2 || oneTap(win) || !allFinite(t, w)) return byTaps();
  const none = gy.shape.map(() => 0);
  const wide = pad(t, gy, none, none, { interior: [0, ...win.stride.map((s) => s - 1), 0] });
  const before = reach(win).map((r, i) => r - win.padding[i]![0]);
  const after = reach(win).map((r, i) => input[i]! + r - before[i]! - spatialOf(wide)[i]!);
  if (!someLeft(wide, before, after)) return byTaps();
  const correlation = { stride: ones(win), dilation: win.dilation, before, after };
  if (!depthwise) return correlate(t, 'Conv2D', wide, filterOf(t, reversed(t, w), true), correlation);
  const filter = depthwiseFilter(t, reversed(t, w), w.shape[0]!);
  return correlate(t, 'DepthwiseConv2dNative', wide, filter, correlation);
}

/**
 * The correlation of x with gy as the filter, where samples take the place of channels, channels that of samples, and
 * stride and dilation change places. x `[n, ...in, c]`, gy `[n, ...out, o]` → `[o, c, ...kernel]`.
 */
function weightGrad(t: Tfjs, x: Info, gy: Info, win: WindowAttrs, depthwise: boolean): Info {
  const byTaps = (): Info => weightGradByTaps(t, x, gy, win, depthwise);
  if (depthwise || win.kernel.length > 2 || oneTap(win) || (padded(win) && !allFinite(t, gy)))
    return byTaps();
  const rank = win.kernel.length;
  const spatial = win.kernel.map((_, i) => i + 1);
  const before = win.padding.map(([lo]) => lo);
  const after = reach(win).map(
    (r, i) => r + (spatialOf(gy)[i]! - 1) * win.stride[i]! + 1 - before[i]! - spatialOf(x)[i]!,
  );
  if (!someLeft(x, before, after)) return byTaps();
  const samples = transpose(t, x, [rank + 1, ...spatial, 0]);
  const filter = transpose(t, gy, [...spatial, 0, rank + 1]);
  const y = correlate(t, 'Conv2D', samples, filter, {
    stride: win.dilation,
    dilation: win.stride,
    before,
    after,
  });
  return transpose(t, y, [rank + 1, 0, ...spatial]);
}

/** Group `g` of `groups` along an axis. */
function part(t: Tfjs, x: Info, axis: number, g: number, groups: number): Info {
  const n = x.shape[axis]! / groups;
  const start = x.shape.map((_, i) => (i === axis ? g * n : 0));
  return slice(t, x, start, x.shape.with(axis, n));
}

/** Groups side by side on `axis`, each computed by itself; one per channel are the business of `whole` (depthwise). */
function grouped(
  t: Tfjs,
  groups: number,
  axis: number,
  depthwise: boolean,
  one: (part: (x: Info, axis: number) => Info) => Info,
): Info {
  if (groups === 1 || depthwise) return one((x) => x);
  const parts = Array.from({ length: groups }, (_, g) => one((x, at) => part(t, x, at, g, groups)));
  return concat(t, parts, axis);
}

export const convolutions: Pick<Compositions, 'conv' | 'convInputGrad' | 'convWeightGrad'> = {
  conv(t, [x, w], a, output) {
    const last = toChannelsLast(t, x, a.layout);
    const win = windowOf(a, w.shape.slice(2));
    const out = a.layout === 'channels-last' ? output.shape.slice(1, -1) : output.shape.slice(2);
    const depthwise = a.groups > 1 && w.shape[1] === 1;
    const axis = last.shape.length - 1;
    const y = grouped(t, a.groups, axis, depthwise, (of) =>
      forward(t, of(last, axis), of(w, 0), win, out, depthwise),
    );
    return fromChannelsLast(t, y, a.layout);
  },

  convInputGrad(t, [gy, w], a) {
    const last = toChannelsLast(t, gy, a.layout);
    const win = windowOf(a, w.shape.slice(2));
    const depthwise = a.groups > 1 && w.shape[1] === 1;
    const axis = last.shape.length - 1;
    const y = grouped(t, a.groups, axis, depthwise, (of) => {
      const gx = inputGrad(t, of(last, axis), of(w, 0), win, a.inputSize, depthwise);
      if (!depthwise || gx.shape[axis] === a.groups) return gx;
      // Several filters per channel: their gradients lie side by side.
      return sum(t, view(gx, [...gx.shape.slice(0, -1), a.groups, gx.shape[axis]! / a.groups]), [axis + 1]);
    });
    return fromChannelsLast(t, y, a.layout);
  },

  convWeightGrad(t, [x, gy], a, output) {
    const [lastX, lastGy] = [toChannelsLast(t, x, a.layout), toChannelsLast(t, gy, a.layout)];
    const win = windowOf(a, a.kernelSize);
    const depthwise = a.groups > 1 && output.shape[1] === 1;
    const axis = lastX.shape.length - 1;
    return grouped(t, a.groups, 0, depthwise, (of) =>
      weightGrad(t, of(lastX, axis), of(lastGy, axis), win, depthwise),
    );
  },
};
