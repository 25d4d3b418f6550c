import type { GraphDef, GraphNode, GraphWithWeights } from './graph.ts';
import { opOf } from './operations.ts';
import { articulationPoints } from './segments.ts';

/** Nodes `from` to `end` (included) of a graph that become one stage. */
interface Part {
  readonly from: number;
  readonly end: number;
  /** What the stages of its layers' names have in common, '' for nothing; null without layers. */
  readonly key: string | null;
  /** Every layer has this key. */
  readonly isExact: boolean;
  readonly isHead: boolean;
}

export interface StagePlan {
  /** Node → stage. */
  readonly stageOf: ReadonlyMap<string, string>;
  /** The stage with the classifier and what comes right before and after it. */
  readonly head: string | null;
}

/** May it stand between the features and a classifier, or behind it? */
export const isPooling = (node: GraphNode): boolean => opOf(node).nearClassifier === 'around';

/**
 * Stages for `cutGraph` by the names of layers: up to the number of a block ('layer1.0', 'features.14') where there is
 * one, else the first part ('conv1', 'fc'). Layers that are not apart in the graph (a residual block, say) are one stage,
 * under what their names have in common or, where that says nothing, as 'block3'. Operations without weights belong to the stage before them.
 */
export function planStages(source: GraphWithWeights, withHead = true): StagePlan {
  const { graph } = source;
  const isTrained = trainedIn(graph);
  const layers = layersOf(graph);
  const shared = commonPath(layers.map((n) => parentOf(n.name)));
  const keyOf = (n: GraphNode): string => stageKey(n.name, shared);

  let from = 0;
  let parts = articulationPoints(graph).map((end): Part => {
    const inside = graph.nodes.slice(from, end + 1).filter((n) => n.inputs.some(isTrained));
    const keys = inside.map(keyOf);
    const key = keys.length ? commonPath(keys) : null;
    const part = { from, end, key, isExact: keys.every((k) => k === key), isHead: false };
    from = end + 1;
    return part;
  });
  const head = withHead ? headOf(graph, parts) : null;
  if (head) parts = [...parts.slice(0, head.first), merged(parts.slice(head.first), true)];
  parts = gather(parts, (a, b) => !b.isHead && b.key === null && !a.isHead);
  // What comes before the first layer belongs to it.
  parts = gather(parts, (a, b) => a.key === null && !b.isHead);
  // A key that all have tells none from the others.
  if (new Set(parts.flatMap((p) => (p.isHead ? [] : [p.key]))).size > 1)
    parts = gather(parts, (a, b) => !a.isHead && !b.isHead && a.key === b.key && a.isExact && b.isExact);
  parts = joinShared(parts, graph, isTrained);

  // What the layers of several blocks have in common says nothing of one of them: PaddlePaddle's 'p2o.Conv'.
  const vague = new Set(parts.map((p) => p.key).filter((key, i, all) => all.indexOf(key) !== i));
  const taken = new Set(parts.map((p) => p.key));
  let unnamed = 0;
  const fresh = (): string => {
    do unnamed++;
    while (taken.has(`block${unnamed}`));
    return `block${unnamed}`;
  };
  const stageOf = new Map<string, string>();
  let headName: string | null = null;
  for (const part of parts) {
    const classifier =
      part.isHead && head ? stageKey(graph.nodes[head.classifier]!.name, shared, true) : null;
    const free = classifier !== null && ![...stageOf.values()].includes(classifier);
    const name = (free ? classifier : part.isHead || vague.has(part.key) ? null : part.key) || fresh();
    if (part.isHead) headName = name;
    for (let i = part.from; i <= part.end; i++) stageOf.set(graph.nodes[i]!.name, name);
  }
  return { stageOf, head: headName };
}

/** Is it a tensor that is trained? */
const trainedIn =
  (graph: GraphDef) =>
  (name: unknown): name is string =>
    typeof name === 'string' && graph.tensors[name]?.trainable === true;
/** The nodes with weights. */
export function layersOf(graph: GraphDef): GraphNode[] {
  return graph.nodes.filter((n) => n.inputs.some(trainedIn(graph)));
}

const parentOf = (name: string): string => name.split('.').slice(0, -1).join('.');
function commonPath(names: readonly string[]): string {
  const [first = [], ...rest] = names.map((n) => n.split('.'));
  let n = 0;
  while (n < first.length && rest.every((p) => p[n] === first[n])) n++;
  return first.slice(0, n).join('.');
}

/** Up to the first part that is a number, or else that has one, or else the first; after what all layers share. */
function stageKey(name: string, shared: string, whole = false): string {
  if (whole) return name;
  const skip = shared ? shared.split('.').length : 0;
  const parts = name.split('.');
  const find = (pattern: RegExp): number => parts.findIndex((p, i) => i >= skip && pattern.test(p));
  const at = [find(/^\d+$/), find(/\d/), skip].find((i) => i >= 0)!;
  return parts.slice(0, at + 1).join('.');
}
function merged(parts: readonly Part[], isHead = false): Part {
  const keys = parts.flatMap((p) => p.key ?? []);
  const key = keys.length ? commonPath(keys) : null;
  return {
    from: parts[0]!.from,
    end: parts.at(-1)!.end,
    key,
    isExact: parts.every((p) => p.isExact && (p.key === null || p.key === key)),
    isHead,
  };
}
/** Joins neighbours that belong together. */
function gather(parts: readonly Part[], together: (a: Part, b: Part) => boolean): Part[] {
  const out: Part[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (last && together(last, part)) out[out.length - 1] = merged([last, part], part.isHead);
    else out.push(part);
  }
  return out;
}

/** Joins everything between two parts that train the same weights. */
function joinShared(
  parts: readonly Part[],
  graph: GraphDef,
  isTrained: (name: unknown) => name is string,
): Part[] {
  const first = new Map<string, number>();
  const out: Part[] = [];
  for (const part of parts) {
    const weights = graph.nodes.slice(part.from, part.end + 1).flatMap((n) => n.inputs.filter(isTrained));
    const back = Math.min(out.length, ...weights.map((w) => first.get(w) ?? Infinity));
    const joined = back < out.length ? merged([...out.splice(back), part]) : part;
    out.push(joined);
    // What has been joined is found where it is now.
    for (const [weight, at] of first) if (at > back) first.set(weight, back);
    for (const w of weights) first.set(w, Math.min(first.get(w) ?? Infinity, out.length - 1));
  }
  return out;
}

/**
 * The classifier is the last product with weights, or convolution with a kernel of one element, with nothing but pooling,
 * reshaping and an activation behind it. The head begins at the pooling and flattening right before it.
 */
function headOf(graph: GraphDef, parts: readonly Part[]): { first: number; classifier: number } | null {
  const classifier = graph.nodes.findLastIndex((n) => !opOf(n).nearClassifier);
  const node = graph.nodes[classifier];
  if (!node || !(node.op === 'linear' || isPointwise(node, graph))) return null;
  let first = parts.findIndex((p) => p.end >= classifier);
  const only = (from: number, end: number): boolean => graph.nodes.slice(from, end).every(isPooling);
  if (first < 0 || !only(parts[first]!.from, classifier)) return null;
  while (first > 0 && only(parts[first - 1]!.from, parts[first - 1]!.end + 1)) first--;
  return first > 0 ? { first, classifier } : null;
}

function isPointwise(node: GraphNode, graph: GraphDef): boolean {
  const w = node.inputs[1];
  const shape = typeof w === 'string' ? graph.tensors[w]?.shape : undefined;
  return node.op === 'conv' && shape !== undefined && shape.slice(2).every((k) => k === 1);
}
