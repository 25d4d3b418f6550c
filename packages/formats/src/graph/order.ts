import { FormatError } from '../errors.ts';

/**
 * The nodes that `wanted` need, what they take before them.
 * @param sourcesOf The nodes whose results a node takes, and what each is called in messages.
 * @throws FormatError on cycles.
 */
export function inOrder<N>(
  wanted: readonly N[],
  sourcesOf: (node: N) => readonly (readonly [source: N, name: string])[],
): N[] {
  const order: N[] = [];
  const state = new Map<N, 'open' | 'done'>();
  // With an explicit stack: a hostile graph may be deeper than the call stack.
  const stack = [...wanted].reverse();
  while (stack.length) {
    const node = stack.at(-1)!;
    if (state.get(node) === 'done') stack.pop();
    else if (state.get(node) === 'open') {
      state.set(node, 'done');
      order.push(node);
      stack.pop();
    } else {
      state.set(node, 'open');
      for (const [source, name] of [...sourcesOf(node)].reverse()) {
        if (state.get(source) === 'open') throw new FormatError(`the graph has a cycle through '${name}'`);
        if (!state.has(source)) stack.push(source);
      }
    }
  }
  return order;
}
