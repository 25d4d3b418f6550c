import type { Translation } from './lower.ts';
import { attrFloat, attrInt, Unsupported } from './node.ts';

/**
 * A batch norm whose statistics are stored is one that trains: ONNX's momentum is the share of the old statistics,
 * Graft's that of the batch.
 */
const batchNorm: Translation = (node, to) => {
  if (attrInt(node, 'spatial', 1) !== 1) throw new Unsupported('spatial 0');
  const stored = [3, 4].every((i) => to.input(i).kind === 'constant');
  const roles = ['weight', 'bias', 'running_mean', 'running_var'];
  to.give('batchNorm', [to.input(0), ...roles.map((role, i) => to.weight(i + 1, role, i < 2))], {
    epsilon: attrFloat(node, 'epsilon', 1e-5),
    ...(stored ? { momentum: 1 - attrFloat(node, 'momentum', 0.9) } : {}),
    layout: 'channels-first',
  });
};

export const norms: Readonly<Record<string, Translation>> = {
  BatchNormalization: batchNorm,
};
