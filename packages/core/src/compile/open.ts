import { inputsOf, isComposite, outputsOf, type CompositeNode, type GraphNode } from '../graph.ts';

/**
 * The nodes that `wanted` needs, with composites opened: in the place of one that is not taken whole stand its parts. One
 * whose inner values somebody else reads, as gradients do, is always opened.
 * @param takes Does the reader of the graph have a word, or a kernel, for this one?
 */
export function open(
  nodes: readonly GraphNode[],
  wanted: Iterable<number>,
  takes: (node: CompositeNode) => boolean,
): GraphNode[] {
  const needed = new Set(wanted);
  const isWhole = (node: CompositeNode): boolean =>
    takes(node) && !given(node.body).some((v) => needed.has(v) && !node.outputs.includes(v));
  // From the end: all that reads a node comes before it then.
  const walk = (part: readonly GraphNode[]): GraphNode[] =>
    part.toReversed().flatMap((node) => {
      if (isComposite(node) && !isWhole(node)) return walk(node.body);
      if (!outputsOf(node).some((v) => needed.has(v))) return [];
      for (const v of inputsOf(node)) needed.add(v);
      return [node];
    });
  return walk(nodes).reverse();
}

/** All values that nodes give, those inside of composites included. */
export function given(nodes: readonly GraphNode[]): number[] {
  return nodes.flatMap((node) => (isComposite(node) ? given(node.body) : [node.output]));
}
