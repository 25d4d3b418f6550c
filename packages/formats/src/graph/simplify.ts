import { sameShape } from '@graftjs/core';
import { readersOf, type GraphDef, type GraphInput, type GraphNode, type GraphWithWeights } from './graph.ts';

/** Exporters and float16 storage blur constants: 1/6 arrives as 0.16666667 or 0.16662598. */
const isAbout = (value: GraphInput | undefined, target: number): boolean =>
  typeof value === 'number' && Math.abs(value - target) <= target * 1e-3;

/**
 * Recognises hard-swish, x · relu6(x + 3) / 6, hard-sigmoid, relu6(x + 3) / 6, and SiLU, x · sigmoid(x), in the elementwise
 * operations that exporters write for them, and says them in one node each: with a gradient in closed form, and with the
 * exact 1/6 that the network was trained with where a file has rounded it. The new node bears the name of the last one that it replaces.
 */
export function simplifyActivations(graph: GraphDef): GraphDef {
  const byName = new Map(graph.nodes.map((n) => [n.name, n]));
  const readers = readersOf(graph);
  const only = (input: GraphInput | undefined, op: string): GraphNode | undefined => {
    const node = typeof input === 'string' ? byName.get(input) : undefined;
    return node?.op === op && readers.get(node.name)?.length === 1 ? node : undefined;
  };
  /** x of relu6(x + 3), with the nodes in between used by nobody else. */
  const shifted = (input: GraphInput | undefined): string | undefined => {
    const sum = only(only(input, 'relu6')?.inputs[0], 'add');
    if (!sum) return undefined;
    const [a, b] = sum.inputs;
    const x = isAbout(b, 3) ? a : isAbout(a, 3) ? b : undefined;
    return typeof x === 'string' ? x : undefined;
  };

  const replaced = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (node.op !== 'mul') continue;
    for (const [x, gate] of [node.inputs, [...node.inputs].reverse()]) {
      if (typeof x === 'string' && only(gate, 'sigmoid')?.inputs[0] === x)
        replaced.set(node.name, { name: node.name, op: 'silu', inputs: [x], attrs: {} });
    }
    const gated = scaledBySixth(node);
    const gate = gated === undefined ? undefined : shifted(gated);
    if (gate !== undefined)
      replaced.set(node.name, { name: node.name, op: 'hardsigmoid', inputs: [gate], attrs: {} });
    for (const [a, b] of [node.inputs, [...node.inputs].reverse()]) {
      const x = shifted(b);
      if (x !== undefined && scaledBySixth(only(a, 'mul')) === x) {
        replaced.set(node.name, { name: node.name, op: 'hardswish', inputs: [x], attrs: {} });
      }
    }
  }
  return prune({ ...graph, nodes: graph.nodes.map((n) => replaced.get(n.name) ?? n) });
}

/** What `node` multiplies by 1/6. */
function scaledBySixth(node: GraphNode | undefined): string | undefined {
  const [a, b] = node?.inputs ?? [];
  const x = isAbout(b, 1 / 6) ? a : isAbout(a, 1 / 6) ? b : undefined;
  return typeof x === 'string' ? x : undefined;
}

/** Without the nodes and stored tensors that no output needs. */
export function prune(graph: GraphDef): GraphDef {
  const used = new Set<GraphInput>(graph.outputs);
  const nodes: GraphNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!used.has(node.name)) continue;
    nodes.push(node);
    for (const input of node.inputs) used.add(input);
  }
  const tensors = Object.fromEntries(Object.entries(graph.tensors).filter(([name]) => used.has(name)));
  return { ...graph, nodes: nodes.reverse(), tensors };
}

/** The same, with the weights that are left. */
export function pruned({ graph, weights }: GraphWithWeights): GraphWithWeights {
  const needed = prune(graph);
  return {
    graph: needed,
    weights: new Map([...weights].filter(([name]) => Object.hasOwn(needed.tensors, name))),
  };
}

/** A linear layer without bias, and behind it the sum with a stored `[out]` that only it feeds: one layer with bias. */
export function joinBiases(graph: GraphDef): GraphDef {
  const readers = readersOf(graph);
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
      if (
        !layer ||
        layer.op !== 'linear' ||
        layer.inputs.length !== 2 ||
        readers.get(layer.name)?.length !== 1
      )
        continue;
      if (!shape || out === undefined || !sameShape(shape, [out])) continue;
      return { ...layer, name: sum.name, inputs: [...layer.inputs, bias!] };
    }
    return sum;
  };
  return prune({ ...graph, nodes: graph.nodes.map(joined) });
}
