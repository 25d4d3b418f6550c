import type { Attrs, GraphNode, GraphTensor, GraphValues, Json } from './graph.ts';
import type { TfNode } from './tfjs-node.ts';
import type { TfjsWeight } from './tfjs-weights.ts';

/** Thrown by a translation for what it cannot express; collected into one `UnsupportedOpsError`. */
export class Unsupported extends Error {}

/**
 * Collects the graph while TensorFlow nodes are translated into it. One TensorFlow node may become several: the
 * first one bears its name, the ones after it (fused activations) its name and a suffix.
 */
export class Lowering {
  readonly nodes: GraphNode[] = [];
  readonly tensors = Object.create(null) as Record<string, GraphTensor>;
  readonly weights: Map<string, GraphValues> = new Map();
  /** What a TensorFlow name is in the graph: another name, or a constant. */
  readonly #values = new Map<string, string | TfjsWeight>();

  /** `name` stands for `value` from now on. */
  bind(name: string, value: string | TfjsWeight): void {
    this.#values.set(name, value);
  }
  value(name: string): string | TfjsWeight {
    const v = this.#values.get(name);
    if (v === undefined) throw new Unsupported(`input '${name}' is a further output of its node`);
    return v;
  }
  isConstant(name: string): boolean {
    return typeof this.value(name) !== 'string';
  }

  /** A constant input, of any dtype. */
  constant(node: TfNode, i: number): TfjsWeight {
    const v = this.value(node.inputs[i] ?? '');
    if (typeof v === 'string') throw new Unsupported(`input ${i} must be a constant`);
    return v;
  }
  ints(node: TfNode, i: number): number[] {
    return Array.from(this.constant(node, i).data);
  }
  scalar(node: TfNode, i: number): number {
    const [v, ...rest] = this.constant(node, i).data;
    if (v === undefined || rest.length) throw new Unsupported(`input ${i} must be one number`);
    return v;
  }
  float(node: TfNode, i: number): GraphValues {
    const { shape, data, dtype } = this.constant(node, i);
    if (!(data instanceof Float32Array)) throw new Unsupported(`input ${i} is ${dtype}, not float32`);
    return { shape, data };
  }

  /** Stores values; they get the name `node.role`. */
  store(node: TfNode, role: string, values: GraphValues, trainable: boolean): string {
    const name = `${node.name}.${role}`;
    this.tensors[name] = { shape: values.shape, trainable };
    this.weights.set(name, values);
    return name;
  }

  /** An input as a graph operand: constants of one element become numbers, others are stored. */
  operand(node: TfNode, i: number, trainable = false): string | number {
    const v = this.value(node.inputs[i] ?? '');
    if (typeof v === 'string') return v;
    const values = this.float(node, i);
    return values.data.length === 1
      ? values.data[0]!
      : this.store(node, i === 1 ? 'constant' : `constant${i}`, values, trainable);
  }

  /** Adds nodes that follow each other; the first takes `inputs`, each other the one before it. */
  chain(
    node: TfNode,
    inputs: readonly (string | number)[],
    ops: readonly (readonly [op: string, attrs: Attrs, ...more: string[]])[],
  ): void {
    let from = inputs;
    ops.forEach(([op, attrs, ...more], i) => {
      const name = i === 0 ? node.name : `${node.name}.${op}`;
      this.nodes.push({ name, op, inputs: [...from, ...more], attrs });
      from = [name];
    });
    this.bind(node.name, from[0] as string);
  }
  add(
    node: TfNode,
    op: string,
    inputs: readonly (string | number)[],
    attrs: Record<string, Json> = {},
  ): void {
    this.chain(node, inputs, [[op, attrs]]);
  }
}
