import type { Layout } from '@graftjs/core';
import type { GraphDef, GraphNode } from './graph.ts';
import { opOf } from './operations.ts';

/**
 * Where the channels of a graph's first output are, from the last convolution, pool or norm before it and the transposes
 * behind that; null where nothing tells.
 */
export function outputLayout({ nodes, outputs }: GraphDef): Layout | null {
  const byName = new Map(nodes.map((n) => [n.name, n]));
  const moves: GraphNode[] = [];
  let at = byName.get(outputs[0]!);
  while (at) {
    const { layout } = at.attrs;
    if (layout === 'channels-first' || layout === 'channels-last') return moved(layout, moves);
    if (opOf(at).movesChannels) return null;
    if (at.op === 'transpose') moves.unshift(at);
    at = at.inputs.flatMap((i) => (typeof i === 'string' ? (byName.get(i) ?? []) : []))[0];
  }
  return null;
}

function moved(from: Layout, transposes: readonly GraphNode[]): Layout | null {
  let layout = from;
  for (const { attrs } of transposes) {
    const perm = attrs['perm'];
    if (!Array.isArray(perm)) return null;
    const channel = layout === 'channels-first' ? 1 : perm.length - 1;
    const now = perm.indexOf(channel);
    if (perm[0] !== 0 || (now !== 1 && now !== perm.length - 1)) return null;
    layout = now === 1 ? 'channels-first' : 'channels-last';
  }
  return layout;
}
