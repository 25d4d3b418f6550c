import {
  inputsOf,
  isComposite,
  nameOf,
  outputsOf,
  type CompositeNode,
  type Graph,
  type GraphNode,
  type PrimitiveNode,
} from '../graph.ts';
import { sameShape, type TensorSpec, type TypedArray } from '../types.ts';
import { fold } from './fold.ts';
import { open } from './open.ts';

/**
 * The graph with every value computed once and only where it is needed: composites opened, constant folding, common
 * subexpressions, ops that change nothing, then dead code. Results keep their bits.
 * @param outputs Values wanted.
 * @param takes Is there a kernel for this composite? Others are opened.
 * @returns the graph (its `inputs` and `constants` are those still used) and where each wanted value is now.
 */
export function simplify(
  graph: Graph,
  outputs: readonly number[],
  takes: (node: CompositeNode) => boolean,
): { readonly graph: Graph; readonly found: ReadonlyMap<number, number> } {
  const { specs } = graph;
  const constants = new Map(graph.constants);
  const now = new Map<number, number>();
  const at = (value: number): number => now.get(value) ?? value;

  const seenConstants = new Map<string, number>();
  const share = (value: number, data: TypedArray): void => {
    const { dtype, shape } = specs[value]!;
    if (data.length > 64) return;
    const words = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = `${dtype}[${shape.join()}]${words.join()}`;
    const known = seenConstants.get(key);
    if (known === undefined) seenConstants.set(key, value);
    else now.set(value, known);
  };
  for (const [value, data] of constants) share(value, data);

  const seen = new Map<string, readonly number[]>();
  const producer = new Map<number, GraphNode>();
  const nodes: GraphNode[] = [];
  const keep = (node: GraphNode): void => {
    const key = `${nameOf(node)}(${node.inputs.join()})${JSON.stringify([node.attrs, isComposite(node) && node.scalars], exactly)}`;
    const known = seen.get(key);
    if (known) outputsOf(node).forEach((v, i) => now.set(v, known[i]!));
    else {
      seen.set(key, outputsOf(node));
      for (const v of outputsOf(node)) producer.set(v, node);
      nodes.push(node);
    }
  };
  for (const given of open(graph.nodes, outputs, takes)) {
    if (isComposite(given)) {
      keep({ ...given, inputs: given.inputs.map((v) => (v === null ? null : at(v))), body: [] });
      continue;
    }
    const node = shortened({ ...given, inputs: given.inputs.map(at) } as PrimitiveNode, producer);
    const same = unchanged(node, specs, constants);
    if (same !== null) {
      now.set(node.output, same);
      continue;
    }
    const data = node.inputs.map((value) => constants.get(value));
    if (data.every((d) => d !== undefined)) {
      const operands = data.map((d, i) => ({ spec: specs[node.inputs[i]!]!, data: d }));
      const folded = fold(node, operands, specs[node.output]!);
      if (folded) {
        constants.set(node.output, folded);
        share(node.output, folded);
        continue;
      }
    }
    keep(node);
  }

  const found = new Map(outputs.map((value) => [value, at(value)]));
  const needed = new Set(found.values());
  const live = nodes.toReversed().filter((node) => {
    if (!outputsOf(node).some((v) => needed.has(v))) return false;
    for (const value of inputsOf(node)) needed.add(value);
    return true;
  });
  return {
    graph: {
      specs,
      inputs: graph.inputs.filter((v) => needed.has(v)),
      scalars: [...new Set(live.flatMap((n) => (isComposite(n) ? Object.values(n.scalars) : [])))],
      captures: graph.captures.filter((v) => needed.has(v)),
      constants: new Map([...constants].filter(([v]) => needed.has(v))),
      nodes: live.reverse(),
      outputs: [...new Set(found.values())].filter((v) => producer.has(v)),
    },
    found,
  };
}

/** JSON says null for what is not finite, and 0 for −0. */
function exactly(_: string, v: unknown): unknown {
  return typeof v === 'number' && (!Number.isFinite(v) || Object.is(v, -0)) ? `${1 / v} ${v}` : v;
}

/** Of two reshapes or transposes in a row, one. */
function shortened(node: PrimitiveNode, producer: ReadonlyMap<number, GraphNode>): PrimitiveNode {
  const before = producer.get(node.inputs[0]!);
  if (!before || isComposite(before)) return node;
  if (node.op === 'reshape' && before.op === 'reshape') return { ...node, inputs: before.inputs };
  if (node.op === 'transpose' && before.op === 'transpose') {
    const perm = node.attrs.perm.map((i) => before.attrs.perm[i]!);
    return { ...node, inputs: before.inputs, attrs: { perm } };
  }
  return node;
}

/** The input that the node gives back as it is, if it does. */
function unchanged(
  node: PrimitiveNode,
  specs: readonly TensorSpec[],
  constants: ReadonlyMap<number, TypedArray>,
): number | null {
  const [a, b] = node.inputs as [number, number];
  const y = specs[node.output]!;
  const like = (value: number): boolean =>
    sameShape(specs[value]!.shape, y.shape) && specs[value]!.dtype === y.dtype;
  const isOne = (value: number): boolean => constants.get(value)?.every((v) => v === 1) ?? false;
  switch (node.op) {
    case 'reshape':
    case 'broadcastTo':
    case 'cast':
    case 'slice':
      return like(a) ? a : null;
    case 'pad':
      return like(a) && node.attrs.interior.every((d) => d === 0) ? a : null;
    case 'transpose':
      return node.attrs.perm.every((from, to) => from === to) ? a : null;
    case 'concat':
      return node.inputs.length === 1 ? a : null;
    case 'binary': {
      // x + 0 is not among these: −0 + 0 is +0.
      const { kind } = node.attrs;
      if ((kind === 'mul' || kind === 'div') && like(a) && isOne(b)) return a;
      return kind === 'mul' && like(b) && isOne(a) ? b : null;
    }
    default:
      return null;
  }
}
