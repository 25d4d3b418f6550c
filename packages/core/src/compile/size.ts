import { outputsOf } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { bytesOf, type TensorSpec } from '../types.ts';
import { lastUsesOf } from './interpret.ts';
import { open } from './open.ts';
import { trace } from './trace.ts';

/** What a function of one tensor gives, and the most bytes of its input and computed values at one time, from a trace. */
export function tracedSize(
  run: (x: Tensor) => Tensor,
  input: TensorSpec,
): { readonly output: TensorSpec; readonly bytes: number } {
  const { graph, results, dispose } = trace(run, [input]);
  dispose();
  const { specs, inputs } = graph;
  const nodes = open(graph.nodes, results, () => false);
  const total = (values: readonly number[]): number => values.reduce((sum, v) => sum + bytesOf(specs[v]!), 0);
  const lastUses = lastUsesOf(nodes, results);
  let now = total(inputs);
  let bytes = now;
  nodes.forEach((node, i) => {
    now += total(outputsOf(node));
    bytes = Math.max(bytes, now);
    now -= total(lastUses[i]!);
  });
  return { output: specs[results[0]!]!, bytes };
}
