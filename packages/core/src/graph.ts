import type { OpAttrs, OpName } from './primitives.ts';
import type { TensorSpec, TypedArray } from './types.ts';

/** One primitive in a graph. Values are numbers, see `Graph.specs`. */
export type PrimitiveNode = {
  [N in OpName]: {
    readonly op: N;
    readonly inputs: readonly number[];
    readonly attrs: OpAttrs[N];
    readonly output: number;
  };
}[OpName];

/** A composite that has a name ('softmax', 'batchNorm') in a graph, with its parts. */
export interface CompositeNode {
  readonly composite: string;
  /** Null where an optional one is absent. */
  readonly inputs: readonly (number | null)[];
  readonly attrs: object;
  /** Attributes that are scalar tensors, such as a learning rate that each step asks for; they are not among `attrs`. */
  readonly scalars: Readonly<Record<string, number>>;
  readonly outputs: readonly number[];
  /** Do inputs, attributes and outputs stand in `FusedAttrs`, so that a backend's kernel of this name may run it? */
  readonly fused: boolean;
  /**
   * Its definition, in the graph's own values: whoever does not take it whole takes these nodes in its place. Empty in a
   * graph that is made for a backend, where what is still whole has a kernel.
   */
  readonly body: readonly GraphNode[];
}

export type GraphNode = PrimitiveNode | CompositeNode;

/**
 * A computation as data, in static single assignment: every value is given once, by an input, a constant or a node.
 * `trace` records one; `compile` makes it ready for a backend; `interpret` runs it node by node; backends with `compile`
 * take it whole, and exporters write it.
 */
export interface Graph<Node extends GraphNode = GraphNode> {
  /** What each value is; a value's number is its place in this list. */
  readonly specs: readonly TensorSpec[];
  /** Values that each run is given, in this order. */
  readonly inputs: readonly number[];
  /** Values that each run is given as numbers, in this order: those that composites name as `scalars`. */
  readonly scalars: readonly number[];
  /** Values from outside that are the same in every run, such as locked weights: given once, when it is compiled. */
  readonly captures: readonly number[];
  /** Values that never change, row-major. */
  readonly constants: ReadonlyMap<number, TypedArray>;
  /** In an order in which every input comes before its use. */
  readonly nodes: readonly Node[];
  /** Values that each run gives, in this order: all distinct, each the output of a node. */
  readonly outputs: readonly number[];
}

/** Is it a named composite with its parts, rather than a primitive? */
export function isComposite(node: GraphNode): node is CompositeNode {
  return 'body' in node;
}

export function nameOf(node: GraphNode): string {
  return isComposite(node) ? node.composite : node.op;
}

/** What a node reads. */
export function inputsOf(node: GraphNode): readonly number[] {
  return isComposite(node) ? node.inputs.filter((v) => v !== null) : node.inputs;
}

/** What a node gives. */
export function outputsOf(node: GraphNode): readonly number[] {
  return isComposite(node) ? node.outputs : [node.output];
}
