import type { GraphDef, GraphInput, GraphNode } from './graph.ts';

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
  const users = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs]) {
    if (typeof name === 'string') users.set(name, (users.get(name) ?? 0) + 1);
  }
  const only = (input: GraphInput | undefined, op: string): GraphNode | undefined => {
    const node = typeof input === 'string' ? byName.get(input) : undefined;
    return node?.op === op && users.get(node.name) === 1 ? node : undefined;
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
