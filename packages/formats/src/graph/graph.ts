import type { DType, Shape } from '@graftjs/core';
import { FormatError } from '../errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Attrs = Readonly<Record<string, Json>>;

/** A small constant with axes: indices, extents. Weights and everything large are stored tensors. */
export interface GraphConstant {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly values: readonly number[];
}
/** A name, a number for a scalar, or a small constant. */
export type GraphInput = string | number | GraphConstant;

/** One operation. */
export interface GraphNode {
  /** A dotted path, unique in the graph: 'block3.expand'. */
  readonly name: string;
  /** A key of `graphOps`. */
  readonly op: string;
  /** Names of graph inputs, nodes or stored tensors that come before, and constants. */
  readonly inputs: readonly GraphInput[];
  readonly attrs: Attrs;
}

/** A stored tensor; its values are kept beside the graph, under the same name. */
export interface GraphTensor {
  readonly shape: Shape;
  /** Parameters are trained, the others are constants. */
  readonly trainable: boolean;
}

/**
 * A network as data: what the importers give, what `GraphModule` runs, and plain JSON. Nodes are in topological order.
 * Weights are in Graft's layout, `[outChannels, inChannels / groups, ...kernel]`, wherever they came from.
 */
export interface GraphDef {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly GraphNode[];
  readonly tensors: Readonly<Record<string, GraphTensor>>;
  /** 'head': the classifier at the end of a chain, which `transfer` replaces. */
  readonly role?: 'head';
  /** Shape of one sample, where the graph holds numbers that were computed from it: others are refused. */
  readonly sampleShape?: Shape;
}

export interface GraphValues {
  readonly shape: Shape;
  readonly data: Float32Array;
}
/** A graph and the values of its stored tensors. */
export interface GraphWithWeights {
  readonly graph: GraphDef;
  readonly weights: ReadonlyMap<string, GraphValues>;
}

/** Who reads each value, and as often as they do: nodes, and null for the graph's outputs. */
export function readersOf({ nodes, outputs }: GraphDef): Map<GraphInput, (GraphNode | null)[]> {
  const readers = new Map<GraphInput, (GraphNode | null)[]>();
  const add = (input: GraphInput, reader: GraphNode | null): void => {
    const list = readers.get(input);
    if (list) list.push(reader);
    else readers.set(input, [reader]);
  };
  for (const node of nodes) for (const input of node.inputs) add(input, node);
  for (const output of outputs) add(output, null);
  return readers;
}

/**
 * Renames nodes, and with each the tensors that it alone names ('old.weight' → 'new.weight').
 * @throws FormatError where two would have one name.
 */
export function renameNodes(source: GraphWithWeights, rename: (node: GraphNode) => string): GraphWithWeights {
  const { graph, weights } = source;
  const names = new Map<string, string>();
  for (const node of graph.nodes) {
    const next = rename(node);
    names.set(node.name, next);
    for (const input of node.inputs) {
      if (
        typeof input === 'string' &&
        Object.hasOwn(graph.tensors, input) &&
        input.startsWith(`${node.name}.`)
      ) {
        names.set(input, next + input.slice(node.name.length));
      }
    }
  }
  const to = (name: string): string => names.get(name) ?? name;
  const entries = Object.entries(graph.tensors).map(([n, t]) => [to(n), t] as const);
  const seen = new Set<string>();
  for (const name of [...graph.inputs, ...graph.nodes.map((n) => to(n.name)), ...entries.map(([n]) => n)]) {
    if (seen.has(name)) throw new FormatError(`renaming gives two things the name '${name}'`);
    seen.add(name);
  }
  return {
    graph: {
      ...graph,
      outputs: graph.outputs.map(to),
      nodes: graph.nodes.map((n) => ({
        ...n,
        name: to(n.name),
        inputs: n.inputs.map((i) => (typeof i === 'string' ? to(i) : i)),
      })),
      tensors: Object.fromEntries(entries),
    },
    weights: new Map([...weights].map(([n, v]) => [to(n), v])),
  };
}
