import { unknownName } from '@graftjs/core/extend';
import type { OnnxGraph, OnnxNode } from '@graftjs/onnx-graph';
import { FormatError } from '../errors.ts';
import { inOrder } from '../graph/order.ts';

/**
 * The nodes that `outputs` need, inputs before users; files need not list them so.
 * @throws FormatError on cycles, values that are given twice and values that nothing gives.
 */
export function neededNodes(graph: OnnxGraph, outputs: readonly string[]): OnnxNode[] {
  const given = new Set([...graph.inputs.map((i) => i.name), ...graph.initializers.map((t) => t.name)]);
  const makers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) {
      if (!name) continue;
      if (makers.has(name) || given.has(name)) throw new FormatError(`the value '${name}' is given twice`);
      makers.set(name, node);
    }
  }
  for (const name of outputs) {
    if (makers.has(name) || given.has(name)) continue;
    // The search for similar names takes the square of their length.
    const near = [...makers.keys()].filter((k) => k.length <= 100).slice(0, 10_000);
    throw unknownName('value', name.slice(0, 100), near);
  }

  return inOrder(
    outputs.flatMap((o) => makers.get(o) ?? []),
    (node) =>
      node.inputs.flatMap((input): [OnnxNode, string][] => {
        if (!input || given.has(input)) return [];
        const maker = makers.get(input);
        const where = `node '${node.name || node.outputs[0]}' (${node.opType})`;
        if (!maker) throw new FormatError(`${where} takes '${input}', which nothing gives`);
        return [[maker, input]];
      }),
  );
}
