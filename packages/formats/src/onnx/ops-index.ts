import { elementOf, type OnnxNode } from '@graftjs/onnx-graph';
import { dtypeOf, isElement } from '../graph/element.ts';
import { Unsupported, type Value } from '../graph/lowering.ts';
import { topK } from '../graph/translations.ts';
import type { OnnxLowering, Translation } from './lower.ts';
import { attrInt, attrString } from './node.ts';

/** Indices must be known, or follow from shapes: what is written twice must be found before anything runs. */
const knownIndices = (to: OnnxLowering): Value => to.extents(1);
function reductionOf(node: OnnxNode): string {
  const reduction = attrString(node, 'reduction', 'none');
  if (!['none', 'add', 'mul', 'max', 'min'].includes(reduction))
    throw new Unsupported(`reduction ${reduction}`);
  return reduction;
}

const gatherElements: Translation = (node, to) =>
  to.give('gatherElements', [to.input(0), to.input(1)], { axis: attrInt(node, 'axis', 0) });
const gatherNd: Translation = (node, to) =>
  to.give('gatherNd', [to.input(0), knownIndices(to)], { batchAxes: attrInt(node, 'batch_dims', 0) });
const scatterElements: Translation = (node, to) =>
  to.give('scatterElements', [to.input(0), knownIndices(to), to.input(2)], {
    axis: attrInt(node, 'axis', 0),
    reduction: reductionOf(node),
  });
const scatterNd: Translation = (node, to) =>
  to.give('scatterNd', [to.input(0), knownIndices(to), to.input(2)], { reduction: reductionOf(node) });

/** Picks where the condition, which must be known, is true; without an axis from the flat input. */
const compress: Translation = (node, to) => {
  const picked = Array.from(to.constant(1).values).flatMap((v, i) => (v ? [i] : []));
  const axis = attrInt(node, 'axis');
  const flat = axis === undefined ? to.add('reshape', [to.input(0)], { shape: [-1] }) : to.input(0);
  to.give('gather', [flat, to.integers(picked)], { axis: axis ?? 0 });
};

/** Depth and the two values must be known. */
const oneHot: Translation = (node, to) => {
  const depth = to.scalar(1);
  const values = to.constant(2);
  to.give(
    'oneHot',
    [to.input(0)],
    {
      depth: depth ?? 0,
      axis: attrInt(node, 'axis', -1),
      values: Array.from(values.values),
      dtype: values.dtype,
    },
    to.elementOf(2),
  );
};

const triangle: Translation = (node, to) =>
  to.give('triangle', [to.input(0)], { upper: attrInt(node, 'upper', 1) !== 0, k: to.scalar(1) ?? 0 });

const eyeLike: Translation = (node, to) => {
  const code = attrInt(node, 'dtype');
  const element = code === undefined ? to.elementOf(0) : elementOf(code);
  if (!isElement(element)) throw new Unsupported(`of ${element ?? 'an unknown type'}`);
  to.give('eye', [to.input(0)], { k: attrInt(node, 'k', 0), dtype: dtypeOf(element) }, element);
};

/** In the first versions, how often and along which axis were two inputs. */
const tile: Translation = (_, to) => {
  if (to.opset < 6) throw new Unsupported('tiles and axis, as before version 6');
  to.give('tile', [to.input(0), to.extents(1)]);
};

const reverseSequence: Translation = (node, to) => {
  to.constant(1);
  to.give('reverseSequence', [to.input(0), to.knownInput(1)], {
    batchAxis: attrInt(node, 'batch_axis', 1),
    timeAxis: attrInt(node, 'time_axis', 0),
  });
};

const depthToSpace: Translation = (node, to) => {
  const mode = attrString(node, 'mode', 'DCR');
  if (mode !== 'DCR' && mode !== 'CRD') throw new Unsupported(`mode ${mode}`);
  to.give('depthToSpace', [to.input(0)], {
    block: attrInt(node, 'blocksize', 1),
    columnFirst: mode === 'CRD',
  });
};

/** How many must be known: an attribute before version 10. The second output says where they are. */
const topKOf: Translation = (node, to) => {
  const k = attrInt(node, 'k') ?? to.scalar(1) ?? 0;
  topK(to, { k, axis: attrInt(node, 'axis', -1), smallest: attrInt(node, 'largest', 1) === 0 });
};

/** The number of elements, from the shape. */
const size: Translation = (_, to) => to.give('prod', [to.add('shape', [to.input(0)])], { keepDims: false });

export const indexOps: Readonly<Record<string, Translation>> = {
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterElements: scatterElements,
  /** The first name of it. */
  Scatter: scatterElements,
  ScatterND: scatterNd,
  Compress: compress,
  OneHot: oneHot,
  Trilu: triangle,
  EyeLike: eyeLike,
  Tile: tile,
  ReverseSequence: reverseSequence,
  DepthToSpace: depthToSpace,
  SpaceToDepth: (node, to) =>
    to.give('spaceToDepth', [to.input(0)], { block: attrInt(node, 'blocksize', 1) }),
  TopK: topKOf,
  Size: size,
};
