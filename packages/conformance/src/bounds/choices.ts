import { poolWindows, reduceGroups } from '../oracle/indexing.ts';
import { errorAt, gap, type BoundedOperand, type ErrorKernel } from './bounded.ts';
import { flushes, grain, type ErrorModel } from './model.ts';
import { Terms } from './sums.ts';

/**
 * Error of the maximum of `group`: it lies between the largest lower and the largest upper end. Where subnormal numbers may
 * be flushed, they may count as zeros when they are compared and be handed on as they are: any of them may win.
 */
function maxError(model: ErrorModel, x: BoundedOperand, group: readonly number[], max: number): number {
  if (!Number.isFinite(max)) return 0;
  let [low, high] = [-Infinity, -Infinity];
  for (const i of group) {
    low = Math.max(low, x.buffer.value[i] - errorAt(x, i));
    high = Math.max(high, x.buffer.value[i] + errorAt(x, i));
  }
  const flushed = flushes(model) && Math.abs(max) < model.smallest ? model.smallest : 0;
  return Math.max(gap(high, max), gap(max, low)) + flushed;
}

/**
 * Positions in `group` that can come out as the first maximum when every value is anywhere within its error: those not
 * surely below a later element, and not surely at or below an earlier one.
 */
export function contenders(x: BoundedOperand, group: readonly number[]): number[] {
  const nan = group.findIndex((i) => Number.isNaN(x.buffer.value[i]));
  if (nan >= 0) return [nan];
  const low = group.map((i) => x.buffer.value[i] - errorAt(x, i));
  const highestAfter = new Float64Array(group.length + 1).fill(-Infinity);
  for (let k = group.length - 1; k >= 0; k--) highestAfter[k] = Math.max(highestAfter[k + 1], low[k]);
  let before: number | undefined;
  return group.flatMap((i, k) => {
    const high = x.buffer.value[i] + errorAt(x, i);
    const possible = (before === undefined || high > before) && high >= highestAfter[k + 1];
    before = Math.max(before ?? -Infinity, low[k]);
    return possible ? [k] : [];
  });
}

export function reduceMaxError(model: ErrorModel): ErrorKernel<'reduce'> {
  return ([x], { axes }, _, value) => {
    if (x.buffer.error === null) return null;
    return Float64Array.from(reduceGroups(x.spec.shape, axes), (group, o) =>
      maxError(model, x, group, value[o]),
    );
  };
}

/** The distance to the farthest contender. */
export const argmaxError: ErrorKernel<'reduce'> = ([x], { axes }, _, value) => {
  if (x.buffer.error === null) return null;
  return Float64Array.from(reduceGroups(x.spec.shape, axes), (group, o) =>
    Math.max(...contenders(x, group).map((k) => gap(k, value[o]))),
  );
};

export function maxPoolError(model: ErrorModel): ErrorKernel<'maxPool'> {
  return ([x], attrs, out, value) => {
    if (x.buffer.error === null) return null;
    const windows = poolWindows(x.spec.shape, out.shape, attrs, false);
    return Float64Array.from(windows, ({ inputs }, o) => maxError(model, x, inputs, value[o]));
  };
}

/**
 * n − 1 additions of what the windows give. Where a window's maximum is undecided, each contender may or may not get its
 * gradient, so all of it counts as error.
 */
export function maxPoolGradError(model: ErrorModel): ErrorKernel<'maxPoolGrad'> {
  return ([x, gy], attrs, _, value) => {
    const terms = new Terms(value.length);
    poolWindows(x.spec.shape, gy.spec.shape, attrs, false).forEach(({ inputs }, o) => {
      const possible = contenders(x, inputs);
      const [size, error] = [Math.abs(gy.buffer.value[o]), errorAt(gy, o)];
      for (const k of possible) terms.add(inputs[k], size, possible.length === 1 ? error : size + error);
    });
    return terms.bounds(model, (o) => Math.max(terms.count[o] - 1, 0), grain(gy.buffer.value));
  };
}
