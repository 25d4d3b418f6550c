import { Unsupported } from '../graph/lowering.ts';
import type { Translation } from './lower.ts';
import { attrFloat, attrInt, attrInts } from './node.ts';

/**
 * A batch norm whose statistics are stored is one that trains: ONNX's momentum is the share of the old statistics,
 * Graft's that of the batch. With `training_mode` it always uses the batch's, and its further outputs are where the
 * statistics move to.
 */
const batchNorm: Translation = (node, to) => {
  if (attrInt(node, 'spatial', 1) !== 1) throw new Unsupported('spatial 0');
  // The first versions train where they give statistics, unless told that this is a test.
  if (to.opset < 9 && node.outputs.length > 1 && attrInt(node, 'is_test', 0) === 0)
    throw new Unsupported('statistics of training');
  const epsilon = attrFloat(node, 'epsilon', 1e-5);
  const momentum = attrFloat(node, 'momentum', 0.9);
  const roles = ['weight', 'bias', 'running_mean', 'running_var'];
  const inputs = [to.input(0), ...roles.map((role, i) => to.weight(i + 1, role, i < 2))];
  if (attrInt(node, 'training_mode', 0) === 0) {
    const stored = [3, 4].every((i) => to.input(i).kind === 'constant');
    return to.give('batchNorm', inputs, {
      epsilon,
      ...(stored ? { momentum: 1 - momentum } : {}),
      layout: 'channels-first',
    });
  }
  to.give('batchNormOfBatch', inputs.slice(0, 3), { epsilon });
  ['channelMean', 'channelVariance'].forEach((op, i) => {
    if (!node.outputs[i + 1]) return;
    const batch = to.add('mul', [to.add(op, [inputs[0]]), to.number(1 - momentum)]);
    to.output(to.add('add', [to.add('mul', [inputs[i + 3], to.number(momentum)]), batch]), i + 1);
  });
};

const instanceNorm: Translation = (node, to) =>
  to.give('instanceNorm', [to.input(0), to.weight(1, 'weight'), to.weight(2, 'bias')], {
    epsilon: attrFloat(node, 'epsilon', 1e-5),
  });

/** Scale and shift are one per channel since version 21; before that, one per group. */
const groupNorm: Translation = (node, to) => {
  if (to.opset < 21) throw new Unsupported('scales of groups, as before version 21');
  to.give('groupNorm', [to.input(0), to.weight(1, 'weight'), to.weight(2, 'bias')], {
    epsilon: attrFloat(node, 'epsilon', 1e-5),
    groups: attrInt(node, 'num_groups', 1),
  });
};

/** Its further outputs are the mean and 1 / √(variance + ε). */
const layerNorm: Translation = (node, to) => {
  const attrs = { axis: attrInt(node, 'axis', -1), epsilon: attrFloat(node, 'epsilon', 1e-5) };
  const bias = to.optional(2) && to.weight(2, 'bias');
  to.give('layerNorm', [to.input(0), to.weight(1, 'weight'), bias], attrs);
  if (node.outputs[1]) to.output(to.add('layerMean', [to.input(0)], { axis: attrs.axis }), 1);
  if (node.outputs[2]) to.output(to.add('layerFactor', [to.input(0)], attrs), 2);
};

const localResponseNorm: Translation = (node, to) => {
  const size = attrInt(node, 'size', 1);
  if (!(size >= 1 && size <= 2 ** 16)) throw new Unsupported(`size ${size}`);
  to.give('localResponseNorm', [to.input(0)], {
    size,
    alpha: attrFloat(node, 'alpha', 1e-4),
    beta: attrFloat(node, 'beta', 0.75),
    bias: attrFloat(node, 'bias', 1),
  });
};

const lpNorm: Translation = (node, to) => {
  const p = attrInt(node, 'p', 2);
  if (p !== 1 && p !== 2) throw new Unsupported(`p ${p}`);
  to.give('lpNorm', [to.input(0)], { axis: attrInt(node, 'axis', -1), p });
};

export const norms: Readonly<Record<string, Translation>> = {
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
  GroupNormalization: groupNorm,
  LayerNormalization: layerNorm,
  LRN: localResponseNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: (node, to) =>
    to.give('meanVarianceNorm', [to.input(0)], { axes: [...(attrInts(node, 'axes') ?? [0, 2, 3])] }),
};
