import type { OpAttrs, OpName } from './primitives.ts';
import type { TensorSpec, TypedArray } from './types.ts';

/** One primitive in a graph. Values are numbers, see `Graph.specs`. */
export type GraphNode = {
  [N in OpName]: {
    readonly op: N;
    readonly inputs: readonly number[];
    readonly attrs: OpAttrs[N];
    readonly output: number;
  };
}[OpName];

/**
 * A computation as data, in static single assignment: every value is given once, by an input, a constant or a node.
 * `compile` records one; `interpret` runs one op by op; backends with `compile` take it whole.
 */
export interface Graph {
  /** What each value is; a value's number is its place in this list. */
  readonly specs: readonly TensorSpec[];
  /** Values that each run is given, in this order. */
  readonly inputs: readonly number[];
  /** Values from outside that are the same in every run, such as locked weights: given once, when it is compiled. */
  readonly captures: readonly number[];
  /** Values that never change, row-major. */
  readonly constants: ReadonlyMap<number, TypedArray>;
  /** In an order in which every input comes before its use. */
  readonly nodes: readonly GraphNode[];
  /** Values that each run gives, in this order: all distinct, each the output of a node. */
  readonly outputs: readonly number[];
}
