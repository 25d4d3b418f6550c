import {
  batchNorm,
  getDefaultBackend,
  GraftError,
  isTensor,
  Module,
  Parameter,
  reshape,
  sameShape,
  ShapeError,
  sizeOf,
  StateBuffer,
  Tensor,
  tensor,
  type BackendOption,
  type Layout,
} from '@graftjs/core';
import {
  batchObserver,
  composite,
  freeEarly,
  prefixMessage,
  storedAffine,
  type Member,
  type MovingStatistics,
} from '@graftjs/core/extend';
import { FormatError } from '../errors.ts';
import {
  readersOf,
  type Attrs,
  type GraphDef,
  type GraphInput,
  type GraphNode,
  type GraphValues,
} from './graph.ts';
import { hostArray, isHostArray, toTensor, type GraphValue, type HostArray } from './host-array.ts';
import { graphFromJSON } from './json.ts';
import { outputLayout } from './layout.ts';
import { opOf } from './operations.ts';
import { layoutOf, type GraphOp, type Inputs } from './operations/operation.ts';

export type GraphModuleOptions = BackendOption;

/**
 * A `GraphDef` as an ordinary module: trainable tensors are parameters, the other stored tensors buffers, all under the
 * names that they have in the graph ('expand.weight'). Batch norm whose node has a `momentum` is one like core's: it uses
 * the batch's statistics while it trains, unless it is locked; any other runs on its stored statistics always.
 * @example
 * const net = new Sequential({ conv: new Conv2d(3, 8, 3), relu: new ReLU() });
 * const { graph, weights } = await readOnnx(await exportOnnx(net, { input: [3, 8, 8] }));
 * new GraphModule(graph, weights).forward(zeros([2, 3, 8, 8])).shape; // → [2, 8, 6, 6]
 */
export class GraphModule extends Module {
  readonly graph: GraphDef;
  /** What batch norm uses in training: the batch's statistics, or the stored ones as in evaluation. */
  override statistics: 'batch' | 'stored' = 'batch';
  readonly #slots = new Map<string, Parameter | StateBuffer>();
  /** What the nodes mean. */
  readonly #ops: ReadonlyMap<GraphNode, GraphOp>;
  /** The one node that reads another: see `onlyReaders`. */
  readonly #reader: ReadonlyMap<GraphInput, GraphNode>;
  readonly #norms: readonly GraphNode[];
  /** For the graph's own outputs. */
  readonly #lastUses: LastUses;

  /**
   * Without `weights` all are zero, to be filled by `loadStateDict`.
   * @throws FormatError where values are missing or do not have the graph's shape.
   */
  constructor(graph: GraphDef, weights?: ReadonlyMap<string, GraphValues>, options: GraphModuleOptions = {}) {
    super();
    this.graph = graph;
    this.#ops = new Map(graph.nodes.map((n) => [n, opOf(n)]));
    this.#reader = onlyReaders(graph);
    this.#lastUses = lastUsesOf(graph, graph.outputs);
    const backend = options.backend ?? getDefaultBackend();
    for (const [name, { shape, trainable }] of Object.entries(graph.tensors)) {
      options.reserve?.(shape);
      const data = weights ? weights.get(name)?.data : new Float32Array(sizeOf(shape));
      if (data?.length !== sizeOf(shape)) {
        throw new FormatError(`no values of shape [${shape.join(', ')}] for '${name}' of the graph`);
      }
      const value = tensor(data, shape, { dtype: 'float32', backend });
      this.#slots.set(name, trainable ? new Parameter(value) : new StateBuffer(value));
    }
    this.#norms = graph.nodes.filter(
      (n) => n.op === 'batchNorm' && typeof n.attrs['momentum'] === 'number' && this.#running(n),
    );
  }

  override get config(): { readonly graph: GraphDef } {
    return { graph: this.graph };
  }
  /** @throws FormatError where the graph, which may come from a file, is none. */
  static from({ graph }: { readonly graph: unknown }, options: GraphModuleOptions = {}): GraphModule {
    return new GraphModule(graphFromJSON(graph), undefined, options);
  }

  override *members(): IterableIterator<[string, Member]> {
    yield* this.#slots;
  }

  override get outputLayout(): Layout | null {
    return outputLayout(this.graph);
  }

  /** Is this the classifier of a chain? */
  override get isHead(): boolean {
    return this.graph.role === 'head';
  }

  override get frozen(): boolean {
    return super.frozen && !this.#norms.some((n) => this.#moves(n));
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

  /** Outputs by name, or any nodes' values, from inputs by name. Other values are freed after their last use. */
  run(
    inputs: ReadonlyMap<string, Tensor>,
    wanted: readonly string[] = this.graph.outputs,
  ): Map<string, Tensor> {
    return composite(() => {
      const values = new Values();
      for (const name of this.graph.inputs) {
        const x = inputs.get(name);
        if (!x) throw new GraftError(`no value for the graph's input '${name}'`);
        this.#wantSample(x);
        values.set(name, x);
      }
      const lastUses = wanted === this.graph.outputs ? this.#lastUses : lastUsesOf(this.graph, wanted);
      const valueOf = (input: GraphInput): GraphValue => {
        if (typeof input === 'number') return input;
        if (typeof input !== 'string') return hostArray(input.dtype, input.shape, input.values);
        return values.get(input) ?? this.#slots.get(input)!.value;
      };
      const done = new Set<GraphNode>();
      for (const node of this.graph.nodes) {
        if (done.has(node)) continue;
        const joined = this.#joined(node, wanted, valueOf);
        const inputs = [...node.inputs.map(valueOf), ...joined.more];
        const value = this.#execute(node, inputs, joined.attrs);
        values.set(joined.name, value);
        for (const n of joined.taken) done.add(n);
        for (const n of [node, ...joined.taken]) for (const name of lastUses.get(n) ?? []) values.drop(name);
      }
      const beside = [...inputs.values()][0];
      return new Map(
        wanted.map((name) => {
          const v = valueOf(name);
          if (!isTensor(v)) return [name, toTensor(onHost(v, []), beside)];
          // What is stored stays the module's own, whatever becomes of what it gives.
          return [name, values.has(name) ? v : reshape(v, v.shape)];
        }),
      );
    });
  }

  #wantSample(x: Tensor): void {
    const { sampleShape } = this.graph;
    if (sampleShape && !sameShape(x.shape.slice(1), sampleShape))
      throw new ShapeError(
        `this network was read for samples of [${sampleShape.join(', ')}], not of [${x.shape.slice(1).join(', ')}]: read it for those, { sampleShape }`,
      );
  }

  /**
   * A convolution takes with it, in one pass over the data (`convAffine`), a batch norm on stored statistics and a relu or
   * relu6, where only it leads there. The result is called as the last of them.
   */
  #joined(
    node: GraphNode,
    wanted: readonly string[],
    valueOf: (input: GraphInput) => GraphValue,
  ): { attrs: Attrs; name: string; more: readonly GraphValue[]; taken: readonly GraphNode[] } {
    const taken: GraphNode[] = [];
    const more: GraphValue[] = [];
    let { name, attrs } = node;
    if (node.op !== 'conv') return { attrs, name, more, taken };
    const after = (): GraphNode | undefined => (wanted.includes(name) ? undefined : this.#reader.get(name));
    const take = (n: GraphNode): void => {
      taken.push(n);
      name = n.name;
    };
    const norm = after();
    if (norm?.op === 'batchNorm' && norm.inputs[0] === name && node.inputs.length === 2) {
      const isStored = norm.inputs.slice(1).every((i) => typeof i === 'string' && this.#slots.has(i));
      if (isStored && !this.#usesBatch(norm)) {
        const p = norm.inputs.slice(1).map(valueOf);
        const [weight, bias, mean, variance] = p as [Tensor, Tensor, Tensor, Tensor];
        const eps = norm.attrs['epsilon'] as number;
        const { scale, shift } = storedAffine({ mean, variance }, weight, bias, eps);
        more.push(shift, scale);
        take(norm);
      }
    }
    const next = after();
    const activation = next && this.#ops.get(next)!.activation;
    if (activation) {
      attrs = { ...attrs, activation };
      take(next);
    }
    return { attrs, name, more, taken };
  }

  #execute(node: GraphNode, inputs: Inputs, attrs: Attrs): GraphValue {
    try {
      if (this.#usesBatch(node)) return this.#batchNorm(node, inputs);
      return composite(() => evaluate(this.#ops.get(node)!, inputs, attrs));
    } catch (cause) {
      const where = `node '${node.name}' (${node.op})`;
      if (cause instanceof GraftError) throw prefixMessage(cause, where);
      if (!(cause instanceof Error)) throw cause;
      // A TypeError here means attributes that no importer writes.
      throw Object.assign(new FormatError(`${where}: ${cause.message}`), { cause });
    }
  }

  /** The stored statistics of a batch norm, if they are stored. */
  #running(node: GraphNode): { mean: StateBuffer; variance: StateBuffer } | undefined {
    const [mean, variance] = node.inputs
      .slice(3)
      .map((i) => (typeof i === 'string' ? this.#slots.get(i) : undefined));
    return mean instanceof StateBuffer && variance instanceof StateBuffer ? { mean, variance } : undefined;
  }
  /** Would this batch norm move its statistics in training? Not where it is locked: as a module, or both its parameters. */
  #moves(node: GraphNode): boolean {
    if (this.locked || this.statistics === 'stored') return false;
    const own = node.inputs.slice(1, 3).map((i) => (typeof i === 'string' ? this.#slots.get(i) : undefined));
    const parameters = own.filter((p) => p instanceof Parameter);
    return !parameters.length || parameters.some((p) => !p.locked);
  }
  /** Does it normalize by the batch now, or by what is stored? */
  #usesBatch(node: GraphNode): boolean {
    if (!this.#norms.includes(node)) return false;
    return (this.training && this.#moves(node)) || batchObserver(this.#running(node)!.mean) !== undefined;
  }
  override *movingStatistics(): IterableIterator<MovingStatistics> {
    for (const node of this.#norms) {
      const { mean, variance } = this.#running(node)!;
      const momentum = node.attrs['momentum'] as number;
      if (this.#usesBatch(node)) yield { channels: mean.value.size, momentum, mean, variance };
    }
  }
  /** By the batch's statistics, and moves the stored ones. */
  #batchNorm(node: GraphNode, inputs: Inputs): Tensor {
    const running = this.#running(node)!;
    const observer = batchObserver(running.mean);
    const [x, weight, bias] = inputs as Tensor[];
    const out = batchNorm(
      x!,
      { mean: running.mean.value, variance: running.variance.value },
      {
        weight: weight!,
        bias: bias!,
        eps: node.attrs['epsilon'] as number,
        momentum: observer ? 1 : (node.attrs['momentum'] as number),
        layout: layoutOf(node.attrs),
        training: true,
      },
    );
    if (observer) observer(x!.size / running.mean.value.size, out.mean, out.variance);
    else {
      running.mean.set(out.mean);
      running.variance.set(out.variance);
    }
    return out.y;
  }
}

/** What a run of a graph has computed and still needs, by name. */
class Values {
  readonly #since = Tensor.lastId;
  readonly #values = new Map<string, GraphValue>();
  /** Names under which a tensor is known: some operations hand their input on. */
  readonly #names = new Map<GraphValue, number>();

  get(name: string): GraphValue | undefined {
    return this.#values.get(name);
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  set(name: string, value: GraphValue): void {
    this.#values.set(name, value);
    this.#names.set(value, (this.#names.get(value) ?? 0) + 1);
  }
  /** Nobody asks for it any more. Inputs are the caller's, and what a tape needs stays. */
  drop(name: string): void {
    const value = this.#values.get(name);
    if (value === undefined) return;
    this.#values.delete(name);
    const left = this.#names.get(value)! - 1;
    this.#names.set(value, left);
    if (left === 0 && isTensor(value)) freeEarly(value, this.#since);
  }
}

/** The values that nobody reads after a node. */
type LastUses = ReadonlyMap<GraphNode, readonly string[]>;

function lastUsesOf({ nodes }: GraphDef, wanted: readonly string[]): LastUses {
  const last = new Map<string, GraphNode>();
  for (const node of nodes) {
    last.set(node.name, node);
    for (const input of node.inputs) if (typeof input === 'string') last.set(input, node);
  }
  for (const name of wanted) last.delete(name);
  const uses = new Map<GraphNode, string[]>();
  for (const [name, node] of last) uses.set(node, [...(uses.get(node) ?? []), name]);
  return uses;
}

/** Numbers take the type of the arrays beside them. */
function onHost(v: HostArray | number, others: readonly HostArray[]): HostArray {
  if (typeof v !== 'number') return v;
  return hostArray(others[0]?.dtype ?? (Number.isInteger(v) ? 'int32' : 'float32'), [], [v]);
}

/**
 * One node's value from those of its inputs, of any shape. Values that are all on the host stay there, if the operation can.
 * @throws GraftError where the operation takes only what is known before anything is computed, ShapeError on its inputs.
 */
export function evaluate({ run, host }: GraphOp, inputs: Inputs, attrs: Attrs): GraphValue {
  if (!host || inputs.some(isTensor)) {
    if (!run) throw new GraftError('this operation takes only what is known before anything is computed');
    return run(inputs, attrs);
  }
  const arrays = inputs.filter(isHostArray);
  // Numbers alone are the floats of a file whose importer folds nothing: whole ones, too, are divided as floats.
  const alone = arrays.length ? arrays : [hostArray('float32', [], [0])];
  return host(
    inputs.map((v) => onHost(v as HostArray | number, alone)),
    attrs,
  );
}

/** For each node, the one that reads it, where there is exactly one and it reads it once. */
function onlyReaders(graph: GraphDef): Map<GraphInput, GraphNode> {
  return new Map(
    [...readersOf(graph)].flatMap(([name, [only, ...others]]) =>
      only && !others.length ? [[name, only] as const] : [],
    ),
  );
}
