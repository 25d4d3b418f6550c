import type { OnnxNode } from '@graftjs/onnx-graph';
import { Unsupported, type Value } from '../graph/lowering.ts';
import { extreme, wantFloat } from '../graph/translations.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrInt, attrString } from './node.ts';
import { axesOf } from './ops-movement.ts';

/** A reduction's axes and what becomes of them. */
interface Reduction {
  readonly axes?: number[];
  readonly keepDims: boolean;
}
type Reduce = (x: Value, r: Reduction, to: OnnxLowering) => Value;

/** Over the axes named; over all where none are, or with `noop_with_empty_axes` over none. */
const reduction =
  (reduce: Reduce): Translation =>
  (node, to) => {
    const axes = axesOf(node, to) ?? [];
    if (!axes.length && attrInt(node, 'noop_with_empty_axes', 0) !== 0) {
      if (node.opType !== 'ReduceSum') throw new Unsupported('noop_with_empty_axes');
      return to.output(to.input(0));
    }
    const keepDims = attrInt(node, 'keepdims', 1) !== 0;
    to.output(reduce(to.input(0), { ...(axes.length && { axes }), keepDims }, to));
  };
const plain =
  (op: string): Reduce =>
  (x, r, to) =>
    to.add(op, [x], { ...r });
const floats =
  (reduce: Reduce): Translation =>
  (node, to) => {
    wantFloat(to.elementOf(0));
    reduction(reduce)(node, to);
  };

const squared: Reduce = (x, r, to) => to.add('sum', [to.add('mul', [x, x])], { ...r });
/** m + log Σ exp(x − m) with m the maximum. */
const logSumExp: Reduce = (x, r, to) => {
  const kept = { ...r, keepDims: true };
  const m = to.add('max', [x], kept);
  const sum = to.add('sum', [to.add('exp', [to.add('sub', [x, m])])], kept);
  const y = to.add('add', [m, to.add('log', [sum])]);
  // Without axes all have the extent 1 now, and go.
  return r.keepDims ? y : to.add('squeeze', [y], { axes: r.axes ?? [] });
};

/** Of equal ones the first, or the last. */
const extremeOf =
  (smallest: boolean): Translation =>
  (node, to) =>
    extreme(to, smallest, {
      axis: attrInt(node, 'axis', 0),
      keepDims: attrInt(node, 'keepdims', 1) !== 0,
      ...(attrInt(node, 'select_last_index', 0) !== 0 && { last: true }),
    });

const cumulativeSum: Translation = (node, to) =>
  to.give('cumulativeSum', [to.input(0)], {
    axis: to.scalar(1) ?? 0,
    exclusive: attrInt(node, 'exclusive', 0) !== 0,
    reverse: attrInt(node, 'reverse', 0) !== 0,
  });

const einsum: Translation = (node: OnnxNode, to) => {
  const inputs = node.inputs.map((_, i) => to.input(i));
  wantFloat(to.elementOf(0));
  to.give('einsum', inputs, { equation: attrString(node, 'equation', '') });
};

export const reduceOps: Readonly<Record<string, Translation>> = {
  ReduceMean: floats(plain('mean')),
  ReduceSum: reduction(plain('sum')),
  ReduceMax: reduction(plain('max')),
  ReduceMin: reduction(plain('min')),
  ReduceProd: reduction(plain('prod')),
  ReduceL1: reduction((x, r, to) => to.add('sum', [to.add('abs', [x])], { ...r })),
  ReduceL2: floats(plain('euclidean')),
  ReduceSumSquare: reduction(squared),
  ReduceLogSum: floats((x, r, to) => to.add('log', [to.add('sum', [x], { ...r })])),
  ReduceLogSumExp: floats(logSumExp),
  ArgMax: extremeOf(false),
  ArgMin: extremeOf(true),
  CumSum: cumulativeSum,
  Einsum: einsum,
};
