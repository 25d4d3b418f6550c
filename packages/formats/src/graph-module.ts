import {
  composite,
  getDefaultBackend,
  GraftError,
  Module,
  Parameter,
  sizeOf,
  StateBuffer,
  tensor,
  type Backend,
  type Member,
  type Tensor,
  type TensorLike,
} from '@graftjs/core';
import { FormatError } from './errors.ts';
import { graphOps } from './graph-ops.ts';
import type { Graph, GraphNode, GraphValues } from './graph.ts';

export interface GraphModuleOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
}

/**
 * A `Graph` as an ordinary module: trainable tensors are parameters, the other stored tensors buffers, all under the
 * names that they have in the graph ('expand.weight'). Batch norm that the graph has not folded runs on its stored
 * statistics, in training too; what drops out is not in an exported graph.
 */
export class GraphModule extends Module {
  readonly graph: Graph;
  readonly #slots = new Map<string, Parameter | StateBuffer>();
  readonly #activated: ReadonlyMap<string, GraphNode>;

  /**
   * Without `weights` all are zero, to be filled by `loadStateDict`.
   * @throws FormatError where values are missing or do not have the graph's shape.
   */
  constructor(graph: Graph, weights?: ReadonlyMap<string, GraphValues>, options: GraphModuleOptions = {}) {
    super();
    this.graph = graph;
    this.#activated = activatedConvolutions(graph);
    const backend = options.backend ?? getDefaultBackend();
    for (const [name, { shape, trainable }] of Object.entries(graph.tensors)) {
      const data = weights ? weights.get(name)?.data : new Float32Array(sizeOf(shape));
      if (data?.length !== sizeOf(shape)) {
        throw new FormatError(`no values of shape [${shape.join(', ')}] for '${name}' of the graph`);
      }
      const value = tensor(data, shape, { dtype: 'float32', backend });
      this.#slots.set(name, trainable ? new Parameter(value) : new StateBuffer(value));
    }
  }

  override *members(): IterableIterator<[string, Member]> {
    yield* this.#slots;
  }

  /** The one output of a graph with one input. @throws GraftError on others: call `run`. */
  forward(x: Tensor): Tensor {
    const { inputs, outputs } = this.graph;
    if (inputs.length !== 1 || outputs.length !== 1) {
      throw new GraftError(
        `this graph has ${inputs.length} inputs and ${outputs.length} outputs: call run()`,
      );
    }
    return this.run(new Map([[inputs[0]!, x]])).get(outputs[0]!)!;
  }

  /** Outputs by name, or any nodes' values, from inputs by name. */
  run(
    inputs: ReadonlyMap<string, Tensor>,
    wanted: readonly string[] = this.graph.outputs,
  ): Map<string, Tensor> {
    return composite(() => {
      const values = new Map<string, Tensor>();
      for (const name of this.graph.inputs) {
        const x = inputs.get(name);
        if (!x) throw new GraftError(`no value for the graph's input '${name}'`);
        values.set(name, x);
      }
      const valueOf = (input: string | number): TensorLike =>
        typeof input === 'number' ? input : (values.get(input) ?? this.#slots.get(input)!.value);
      for (const node of this.graph.nodes) {
        if (values.has(node.name)) continue;
        const after = wanted.includes(node.name) ? undefined : this.#activated.get(node.name);
        const whole = after ? { ...node, attrs: { ...node.attrs, activation: after.op } } : node;
        values.set((after ?? node).name, execute(whole, node.inputs.map(valueOf)));
      }
      return new Map(wanted.map((name) => [name, valueOf(name) as Tensor]));
    });
  }
}

/** Convolutions that only a relu or relu6 reads, and that node: the two are one pass over the data (`convAffine`). */
function activatedConvolutions({ nodes, outputs }: Graph): Map<string, GraphNode> {
  const users = new Map<string, GraphNode[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      if (typeof input === 'string') users.set(input, [...(users.get(input) ?? []), node]);
    }
  }
  const found = new Map<string, GraphNode>();
  for (const { name, op } of nodes) {
    const [user, another] = users.get(name) ?? [];
    if (op !== 'conv' || !user || another || outputs.includes(name)) continue;
    if (user.op === 'relu' || user.op === 'relu6') found.set(name, user);
  }
  return found;
}

function execute(node: GraphNode, inputs: readonly TensorLike[]): Tensor {
  try {
    return graphOps[node.op]!(inputs, node.attrs);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    // A TypeError here means attributes that no importer writes.
    const kind = cause instanceof GraftError ? GraftError : FormatError;
    throw Object.assign(new kind(`node '${node.name}' (${node.op}): ${cause.message}`), { cause });
  }
}
