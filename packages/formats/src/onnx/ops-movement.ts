import type { OnnxNode } from '@graftjs/onnx-graph';
import type { Json } from '../graph/graph.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrFloat, attrInt, attrInts, attrString } from './node.ts';

/** Axes: an attribute in older versions, input `i` in newer ones. */
export function axesOf(node: OnnxNode, to: OnnxLowering, i = 1): number[] | undefined {
  const attribute = attrInts(node, 'axes');
  return attribute ? [...attribute] : to.ints(i);
}

const reshape: Translation = (node, to) => {
  const copyZeros = attrInt(node, 'allowzero', 0) === 0;
  const shape = attrInts(node, 'shape');
  const { inputs, attrs } = shape ? { inputs: [], attrs: { shape: [...shape] } } : to.extentsAs('shape', 1);
  to.give('reshape', [to.input(0), ...inputs], { ...attrs, copyZeros });
};

const concat: Translation = (node, to) => {
  const inputs = node.inputs.map((_, i) => to.input(i));
  to.give('concat', inputs, { axis: attrInt(node, 'axis', 1) });
};

/** Starts and ends: attributes before version 10, then inputs, which may be computed from shapes. */
const slice: Translation = (node, to) => {
  if (to.opset < 10) {
    const [starts, ends] = [attrInts(node, 'starts') ?? [], attrInts(node, 'ends') ?? []];
    const axes = attrInts(node, 'axes') ?? starts.map((_, i) => i);
    return to.give('slice', [to.input(0)], { starts: [...starts], ends: [...ends], axes: [...axes] });
  }
  const [starts, ends] = [to.extents(1), to.extents(2)];
  const [axes, steps] = [to.ints(3), to.ints(4)];
  const rest = { ...(axes && { axes }), ...(steps && { steps }) };
  if (starts.kind === 'constant' && ends.kind === 'constant') {
    const [from, end] = [starts, ends].map((v) => Array.from(v.array.values)) as [number[], number[]];
    return to.give('slice', [to.input(0)], { starts: from, ends: end, ...rest });
  }
  to.give('slice', [to.input(0), starts, ends], rest);
};

/** Every output is a slice. Extents: an attribute before version 13, then an input; or that many equal parts. */
const split: Translation = (node, to) => {
  const axis = attrInt(node, 'axis', 0);
  const sizes = attrInts(node, 'split') ?? to.ints(1);
  const x = to.input(0);
  if (sizes) {
    let at = 0;
    sizes.forEach((n, i) => {
      to.output(to.add('slice', [x], { axes: [axis], starts: [at], ends: [at + n] }), i);
      at += n;
    });
  } else {
    const count = attrInt(node, 'num_outputs', node.outputs.length);
    node.outputs.forEach((_, i) => to.output(to.add('part', [x], { axis, index: i, count }), i));
  }
};

/** What is in the padding; negative amounts cut off. Amounts may be computed from shapes, and be of some axes only. */
const pad: Translation = (node, to) => {
  const mode = attrString(node, 'mode', 'constant');
  if (!['constant', 'reflect', 'edge', 'wrap'].includes(mode)) throw new Unsupported(`mode ${mode}`);
  const attribute = attrInts(node, 'pads') ?? attrInts(node, 'paddings');
  const value = to.opset < 11 ? attrFloat(node, 'value', 0) : (to.scalar(2) ?? 0);
  const axes = to.opset < 11 ? undefined : to.ints(3);
  const filling: Record<string, Json> = {
    ...(axes && { axes }),
    ...(mode === 'constant' ? { value } : { mode }),
  };
  const amounts = attribute ? undefined : to.extents(1);
  if (amounts?.kind === 'computed') return to.give('pad', [to.input(0), amounts], filling);
  const pads = attribute ?? Array.from(amounts!.array.values);
  if (pads.length % 2 !== 0) throw new Unsupported(`pads of ${pads.length} numbers`);
  const rank = pads.length / 2;
  to.give('pad', [to.input(0)], { before: pads.slice(0, rank), after: pads.slice(rank), ...filling });
};

const gather: Translation = (node, to) =>
  to.give('gather', [to.input(0), to.input(1)], { axis: attrInt(node, 'axis', 0) });

const squeeze: Translation = (node, to) =>
  to.give('squeeze', [to.input(0)], { axes: axesOf(node, to) ?? [] });
const unsqueeze: Translation = (node, to) => {
  const axes = axesOf(node, to);
  if (!axes) throw new Unsupported('no axes');
  to.give('unsqueeze', [to.input(0)], { axes });
};

const transpose: Translation = (node, to) => {
  const perm = attrInts(node, 'perm');
  to.give('transpose', [to.input(0)], perm ? { perm: [...perm] } : {});
};

const shape: Translation = (node, to) => {
  const end = attrInt(node, 'end');
  const attrs: Record<string, Json> = { start: attrInt(node, 'start', 0), ...(end !== undefined && { end }) };
  to.give('shape', [to.input(0)], attrs);
};

/**
 * Passes its input on. A constant becomes one of its own under the new name: PyTorch stores equal tensors once (all the
 * zero biases of a fresh network) and gives the others as Identity of the first; they are not meant to train as one.
 */
const identity: Translation = (node, to) => {
  const v = to.input(0);
  to.output(v.kind === 'constant' ? { ...v, array: { ...v.array }, source: node.outputs[0] ?? null } : v);
};

/** In inference it does nothing, and its mask is true everywhere. */
const dropout: Translation = (node, to) => {
  const ratio = attrFloat(node, 'ratio', to.inputCount > 1 ? (to.scalar(1) ?? 0.5) : 0.5);
  if (to.optional(2) && to.scalar(2) !== 0 && ratio !== 0) throw new Unsupported('training_mode');
  to.output(to.input(0));
  if (!node.outputs[1]) return;
  const mask = to.add('fill', [to.add('shape', [to.input(0)])], { dtype: 'bool', value: 1 });
  to.output(to.opset < 10 ? to.add('cast', [mask], { dtype: 'float32' }) : mask, 1);
};

const expand: Translation = (_, to) => {
  const x: Value = to.input(0);
  to.give('expand', [x, to.extents(1)]);
};

export const movements: Readonly<Record<string, Translation>> = {
  Identity: identity,
  Dropout: dropout,
  Reshape: reshape,
  Flatten: (node, to) => to.give('flatten', [to.input(0)], { axis: attrInt(node, 'axis', 1) }),
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Shape: shape,
  Expand: expand,
};
