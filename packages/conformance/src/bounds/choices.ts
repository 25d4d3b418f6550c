import { errorAt, gap, type BoundedOperand } from './bounded.ts';
import { flushes, type ErrorModel } from './model.ts';

/**
 * Error of the maximum of `group`: it lies between the largest lower and the largest upper end. Where subnormal numbers may
 * be flushed, they may count as zeros when they are compared and be handed on as they are: any of them may win.
 */
export function maxError(
  model: ErrorModel,
  x: BoundedOperand,
  group: readonly number[],
  max: number,
): number {
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
