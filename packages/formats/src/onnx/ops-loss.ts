import type { OnnxNode } from '@graftjs/onnx-graph';
import type { Json } from '../graph/graph.ts';
import { Unsupported } from '../graph/lowering.ts';
import type { Translation } from './lower.ts';
import { attrInt, attrString } from './node.ts';

/** Reduction, and the label that does not count: by default there is none. */
function lossAttrs(node: OnnxNode): Record<string, Json> {
  const reduction = attrString(node, 'reduction', 'mean');
  if (!['none', 'sum', 'mean'].includes(reduction)) throw new Unsupported(`reduction ${reduction}`);
  const ignore = attrInt(node, 'ignore_index');
  return { reduction, ...(ignore !== undefined && { ignore }) };
}

/** Log-probabilities `[n, c, ...]`, labels `[n, ...]`, weights `[c]`. */
const nll: Translation = (node, to) =>
  to.give('nll', [to.input(0), to.input(1), to.optional(2)], lossAttrs(node));

/** Logits instead; the second output is their log-probabilities. */
const crossEntropy: Translation = (node, to) => {
  to.give('crossEntropy', [to.input(0), to.input(1), to.optional(2)], lossAttrs(node));
  if (node.outputs[1]) to.output(to.add('logSoftmax', [to.input(0)], { axis: 1 }), 1);
};

export const losses: Readonly<Record<string, Translation>> = {
  NegativeLogLikelihoodLoss: nll,
  SoftmaxCrossEntropyLoss: crossEntropy,
};
