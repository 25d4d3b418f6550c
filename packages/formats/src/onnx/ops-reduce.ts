import type { Translation } from './lower.ts';
import { attrInt } from './node.ts';
import { axesOf } from './ops-movement.ts';

/** Over the axes named; over all where none are, or with `noop_with_empty_axes` over none. */
const reduction =
  (op: string): Translation =>
  (node, to) => {
    const axes = axesOf(node, to) ?? [];
    if (!axes.length && attrInt(node, 'noop_with_empty_axes', 0) !== 0) return to.output(to.input(0));
    const keepDims = attrInt(node, 'keepdims', 1) !== 0;
    to.give(op, [to.input(0)], { ...(axes.length && { axes }), keepDims });
  };

export const reduceOps: Readonly<Record<string, Translation>> = {
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
  ReduceMax: reduction('max'),
  ReduceMin: reduction('min'),
};
