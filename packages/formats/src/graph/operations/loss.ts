import * as core from '@graftjs/core';
import type { Attrs } from '../graph.ts';
import { number, onTensors, optionalTensor, tensorAt, type GraphOp, type Inputs } from './operation.ts';

function optionsOf(x: Inputs, a: Attrs): core.CrossEntropyOptions {
  return {
    weight: optionalTensor(x, 2),
    reduction: a['reduction'] as 'none' | 'sum' | 'mean',
    // No label is that.
    ignoreIndex: number(a, 'ignore', -(2 ** 31)),
  };
}

/** Inputs: log-probabilities or logits `[n, c, ...]`, labels `[n, ...]`, optional weights of the classes `[c]`. */
export const losses: Readonly<Record<string, GraphOp>> = onTensors({
  nll: (x, a) => core.nll(tensorAt(x, 0), tensorAt(x, 1), optionsOf(x, a)),
  crossEntropy: (x, a) => core.crossEntropy(tensorAt(x, 0), tensorAt(x, 1), optionsOf(x, a)),
});
