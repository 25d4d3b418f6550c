import { sameShape } from '@graftjs/core';
import type { GraphDef, GraphInput, GraphNode } from './graph.ts';
import { prune } from './simplify.ts';

/** A linear layer without bias, and behind it the sum with a stored `[out]` that only it feeds: one layer with bias. */
export function joinBiases(graph: GraphDef): GraphDef {
  const users = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs])
    if (typeof name === 'string') users.set(name, (users.get(name) ?? 0) + 1);
  const byName = new Map(graph.nodes.map((n) => [n.name, n]));
  const shapeOf = (input: GraphInput | undefined): readonly number[] | undefined =>
    typeof input === 'string' && Object.hasOwn(graph.tensors, input)
      ? graph.tensors[input]!.shape
      : undefined;
  const joined = (sum: GraphNode): GraphNode => {
    if (sum.op !== 'add' || sum.inputs.length !== 2) return sum;
    for (const [a, bias] of [sum.inputs, [...sum.inputs].reverse()]) {
      const layer = typeof a === 'string' ? byName.get(a) : undefined;
      const shape = shapeOf(bias);
      const out = shapeOf(layer?.inputs[1])?.[0];
      if (!layer || layer.op !== 'linear' || layer.inputs.length !== 2 || users.get(layer.name) !== 1)
        continue;
      if (!shape || out === undefined || !sameShape(shape, [out])) continue;
      return { ...layer, name: sum.name, inputs: [...layer.inputs, bias!] };
    }
    return sum;
  };
  return prune({ ...graph, nodes: graph.nodes.map(joined) });
}
