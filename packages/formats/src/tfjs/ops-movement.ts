import { dtypeOf } from '../graph/element.ts';
import type { Json } from '../graph/graph.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import type { TfLowering, Translation } from './lower.ts';
import { attrInt, attrInts, attrString } from './node.ts';

const reshape: Translation = (_, to) => {
  const { inputs, attrs } = to.extentsAs('shape', 1);
  to.give('reshape', [to.input(0), ...inputs], attrs);
};

const pad: Translation = (node, to) => {
  const filling: Record<string, Json> = { value: node.op === 'PadV2' ? to.one(2) : 0 };
  if (node.op === 'MirrorPad') {
    const mode = attrString(node, 'mode', 'REFLECT');
    if (mode !== 'REFLECT') throw new Unsupported(`mode ${mode}`);
    delete filling['value'];
    filling['mode'] = 'reflect';
  }
  const amounts = to.extents(1);
  if (amounts.kind === 'computed') {
    // All that comes before, then all that comes behind.
    const sides = to.add('transpose', [amounts], { perm: [1, 0] });
    return to.give('pad', [to.input(0), to.add('reshape', [sides], { shape: [-1] })], filling);
  }
  const side = (k: number): number[] => Array.from(amounts.array.values).filter((_, i) => i % 2 === k);
  to.give('pad', [to.input(0)], { before: side(0), after: side(1), ...filling });
};

/** Far behind every extent: a slice stops at the end. */
const END = 2 ** 31 - 1;

/**
 * Masks say, bit by bit: from the beginning, to the end, this entry is one place and its axis goes, here is a new axis, or
 * (ellipsis) all axes that nobody names. Axes behind an ellipsis are counted from the end.
 */
const stridedSlice: Translation = (node, to) => {
  const [begin, end, step] = [to.list(1), to.list(2), to.list(3)];
  const has = (mask: string, i: number): boolean => (attrInt(node, mask, 0) & (1 << i)) !== 0;
  const ellipsis = begin.findIndex((_, i) => has('ellipsis_mask', i));
  const isNew = (i: number): boolean => i !== ellipsis && has('new_axis_mask', i);
  const isGone = (i: number): boolean => i !== ellipsis && !isNew(i) && has('shrink_axis_mask', i);
  const behind = (i: number): boolean => ellipsis >= 0 && i > ellipsis;
  /** Where entry `i` stands among those that `counts`: from the front, or from the end behind an ellipsis. */
  const place = (i: number, counts: (k: number) => boolean): number => {
    const some = (from: number, to_: number): number =>
      begin.slice(from, to_).filter((_, k) => from + k !== ellipsis && counts(from + k)).length;
    return behind(i) ? -some(i, begin.length) : some(0, i);
  };
  const entries = begin.map((_, i) => i).filter((i) => i !== ellipsis && !isNew(i));
  const range = (i: number): [number, number, number] => {
    const b = begin[i]!;
    if (isGone(i)) return [b, b === -1 ? END : b + 1, 1];
    const s = step[i]!;
    const first = has('begin_mask', i) ? (s > 0 ? 0 : END) : b;
    return [first, has('end_mask', i) ? (s > 0 ? END : -END) : end[i]!, s];
  };
  const axes = entries.map((i) => place(i, (k) => !isNew(k)));
  const ranges = entries.map(range);
  let y = to.input(0);
  if (entries.length)
    y = to.add('slice', [y], {
      axes,
      starts: ranges.map((r) => r[0]),
      ends: ranges.map((r) => r[1]),
      steps: ranges.map((r) => r[2]),
    });
  const gone = entries.filter(isGone);
  if (gone.length) y = to.add('squeeze', [y], { axes: gone.map((i) => place(i, (k) => !isNew(k))) });
  const added = begin.map((_, i) => i).filter(isNew);
  if (added.length) y = to.add('unsqueeze', [y], { axes: added.map((i) => place(i, (k) => !isGone(k))) });
  to.output(y);
};

const slice: Translation = (_, to) => {
  const [begin, size] = [to.list(1), to.list(2)];
  const ranges = begin.map((b, i): Json => [b, size[i] === -1 ? null : b + size[i]!, 1]);
  to.give('slice', [to.input(0)], { ranges, drop: [] });
};

const joined = (inputs: readonly Value[], axis: number, to: TfLowering): void =>
  to.give('concat', inputs, { axis });
const concat: Translation = (node, to) => {
  const last = node.inputs.length - 1;
  const at = node.op === 'Concat' ? 0 : last;
  const inputs = node.inputs.flatMap((_, i) => (i === at ? [] : [to.input(i)]));
  joined(inputs, to.one(at), to);
};
const pack: Translation = (node, to) => {
  const axis = attrInt(node, 'axis', 0);
  const inputs = node.inputs.map((_, i) => to.add('unsqueeze', [to.input(i)], { axes: [axis] }));
  joined(inputs, axis, to);
};
/** Along one axis, that axis gone. */
const unpack: Translation = (node, to) => {
  const count = attrInt(node, 'num', 0);
  for (let i = 0; i < Math.min(count, MAX_PARTS); i++)
    to.output(to.add('gather', [to.input(0), to.number(i, 'int32')], { axis: attrInt(node, 'axis', 0) }), i);
};
/** Outputs that `TfLowering` names; what takes more is refused when it is asked for. */
const MAX_PARTS = 64;
const split: Translation = (node, to) => {
  const [axis, count] = [to.one(0), attrInt(node, 'num_split', 1)];
  for (let index = 0; index < Math.min(count, MAX_PARTS); index++)
    to.output(to.add('part', [to.input(1)], { axis, index, count }), index);
};
/** One size may be −1: what is left. Those behind it are counted from the end. */
const splitSizes: Translation = (_, to) => {
  const [sizes, axis] = [to.list(1), to.one(2)];
  const open = sizes.indexOf(-1);
  const sum = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0);
  sizes.slice(0, MAX_PARTS).forEach((size, i) => {
    const fromEnd = open >= 0 && i > open;
    const start = fromEnd ? -sum(sizes.slice(i)) : sum(sizes.slice(0, i));
    const rest = sum(sizes.slice(i + 1));
    const end = i === open || fromEnd ? (rest ? -rest : END) : start + size;
    to.output(to.add('slice', [to.input(0)], { axes: [axis], starts: [start], ends: [end] }), i);
  });
};

const gather: Translation = (node, to) => {
  if (attrInt(node, 'batch_dims', 0) !== 0) throw new Unsupported('batch_dims');
  to.give('gather', [to.input(0), to.input(1)], { axis: node.op === 'GatherV2' ? to.one(2) : 0 });
};
const fill: Translation = (_, to) => {
  const value = to.input(1);
  if (value.kind === 'computed') return to.give('expand', [value, to.extents(0)]);
  const element = value.element ?? 'float32';
  to.give('fill', [to.extents(0)], { dtype: dtypeOf(element), value: to.one(1) }, element);
};
/** How many axes, from the shape of the shape. */
const rank: Translation = (_, to) => {
  const extents = to.add('shape', [to.add('shape', [to.input(0)])]);
  to.give('reshape', [extents], { shape: [] }, 'int32');
};

export const movementOps: Readonly<Record<string, Translation>> = {
  Reshape: reshape,
  Squeeze: (node, to) =>
    to.give('squeeze', [to.input(0)], {
      axes: attrInts(node, node.attrs['squeeze_dims'] ? 'squeeze_dims' : 'axis'),
    }),
  ExpandDims: (_, to) => to.give('expandDims', [to.input(0)], { axis: to.one(1) }),
  Transpose: (_, to) => to.give('transpose', [to.input(0)], { perm: to.list(1) }),
  Concat: concat,
  ConcatV2: concat,
  Pack: pack,
  Unpack: unpack,
  Split: split,
  SplitV: splitSizes,
  Pad: pad,
  PadV2: pad,
  MirrorPad: pad,
  Slice: slice,
  StridedSlice: stridedSlice,
  Shape: (_, to) => to.give('shape', [to.input(0)], {}, 'int32'),
  Rank: rank,
  Size: (_, to) =>
    to.give('prod', [to.add('shape', [to.input(0)], {}, 'int32')], { keepDims: false }, 'int32'),
  Fill: fill,
  Tile: (_, to) => to.give('tile', [to.input(0), to.extents(1)]),
  BroadcastTo: (_, to) => to.give('expand', [to.input(0), to.extents(1)]),
  Gather: gather,
  GatherV2: gather,
  GatherNd: (_, to) => to.give('gatherNd', [to.input(0), to.extents(1)], { batchAxes: 0 }),
  Reverse: (_, to) => reverse(to, to.list(1)),
  ReverseV2: (_, to) => reverse(to, to.list(1)),
};

function reverse(to: TfLowering, axes: readonly number[]): void {
  const each = (v: number): number[] => axes.map(() => v);
  to.give('slice', [to.input(0)], { axes: [...axes], starts: each(END), ends: each(-END), steps: each(-1) });
}
