import { dot, multiplyTriples, type Grid } from '@graftjs/core/planning';

/** The grid as `locate` in assembly/grid.ts reads it. */
export function gridTable({ from, to, count, step, toStart, toStep, taps }: Grid): number[] {
  return [
    ...count,
    ...step,
    ...from.extent,
    ...from.step,
    from.batchStep,
    ...multiplyTriples(toStep, to.step),
    dot(toStart, to.step),
    to.batchStep,
    taps.length,
    ...taps.flat(),
  ];
}
