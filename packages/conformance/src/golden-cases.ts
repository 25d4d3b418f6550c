import { isTensor, vjp, type Tensor } from '@graftjs/core';
import type { Case } from './cases/case.ts';
import { values } from './cases/data.ts';
import { goldenCases, takesLayout, type GoldenCase, type GoldenFile, type GoldenTensor } from './golden.ts';

/** A case of PyTorch's: the outputs of `run` are what `wanted` lists, in this order. */
export interface GoldenAsCase extends Case {
  readonly wanted: readonly { readonly name: string; readonly tensor: GoldenTensor }[];
}

function asCase(c: GoldenCase): GoldenAsCase {
  const names = Object.keys(c.inputs);
  const sources = Object.keys(c.grads);
  const run = (...tensors: Tensor[]): Tensor[] => {
    const inputs = Object.fromEntries(names.map((name, i) => [name, tensors[i]]));
    const results = Object.values(reordered(c.run(inputs), c.outputs)).filter(isTensor);
    if (!sources.length) return results;
    const { grads } = vjp(
      (...moved) => {
        const at = Object.fromEntries(sources.map((name, i) => [name, moved[i]]));
        return c.run({ ...inputs, ...at }).y as Tensor;
      },
      sources.map((name) => inputs[name]),
      inputs.gy,
    );
    return [...results, ...grads];
  };
  return {
    name: `PyTorch's ${c.name}, ${c.layout}`,
    op: `PyTorch's ${c.op}`,
    family: 'golden',
    ...(takesLayout(c.op) ? { layout: c.layout } : {}),
    inputs: names.map((name) => {
      const { shape, dtype, data } = c.inputs[name];
      return { shape, dtype: dtype === 'int64' ? 'int32' : 'float32', fill: values(...data) };
    }),
    run,
    gradients: [], // they are among the outputs
    exact: false,
    wanted: [
      ...Object.entries(c.outputs).map(([name, tensor]) => ({ name, tensor })),
      ...Object.entries(c.grads).map(([name, tensor]) => ({ name: `gradient of ${name}`, tensor })),
    ],
  };
}

/** Values of `results` in the order of `like`'s keys. */
function reordered<T>(results: Readonly<Record<string, T>>, like: object): Record<string, T> {
  return Object.fromEntries(Object.keys(like).map((name) => [name, results[name]]));
}

/**
 * PyTorch's cases as cases of the suite, in both layouts where they take one; schedules, which give plain numbers, are
 * left out. That the oracle gives PyTorch's values is checked once; that a backend gives the oracle's, like in any case.
 */
export function goldenAsCases(file: GoldenFile): GoldenAsCase[] {
  return (['channels-first', 'channels-last'] as const)
    .flatMap((layout) => goldenCases(file, layout))
    .filter(({ op }) => !op.startsWith('lr_'))
    .map(asCase);
}
