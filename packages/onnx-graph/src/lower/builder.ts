import { type Shape, sizeOf, type TensorSpec } from '@graftjs/core/backend';
import type { OnnxAttribute, OnnxElement, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from '../model.ts';
import { tensorOf } from '../values.ts';

/** The operator set that everything here is written in. */
export const OPSET = 17;

/** A value in a graph that is being built. */
export interface Value {
  readonly name: string;
  readonly element: OnnxElement;
  readonly shape: Shape;
}

/** Attributes of a node: whole numbers are ints, strings strings; floats are said to be so. */
export type Attributes = Readonly<Record<string, number | string | readonly number[] | OnnxAttribute>>;

/** What a node gives. Where `element` is left out, it is that of the first input. */
export interface Result {
  readonly shape: Shape;
  readonly element?: OnnxElement;
}

/**
 * Builds an ONNX graph node by node. The same node on the same inputs is made once, and so is the same constant; nodes
 * whose results nobody uses are left out in the end.
 */
export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #inputs: Value[] = [];
  readonly #made = new Map<string, readonly Value[]>();
  readonly #makers = new Map<string, OnnxNode>();
  readonly #constants = new Map<string, ArrayLike<number>>();
  #count = 0;
  /** Put before the names of the nodes that are made from here on: runtimes name the node that failed. */
  label = '';

  /** Shapes of all values, by name. */
  readonly shapes: Map<string, Shape> = new Map();

  input(name: string, spec: TensorSpec | Omit<Value, 'name'>): Value {
    const value: Value = { name, element: 'element' in spec ? spec.element : spec.dtype, shape: spec.shape };
    this.#inputs.push(value);
    this.shapes.set(name, value.shape);
    return value;
  }

  /** A constant; `values` row-major, or one number for all. Kept small ones are found again by their numbers. */
  constant(values: ArrayLike<number> | number, shape: Shape, element: OnnxElement = 'float32'): Value {
    const list = typeof values === 'number' ? new Float64Array(sizeOf(shape)).fill(values) : values;
    const key = list.length <= MANY ? `${element}[${shape.join()}] ${Array.from(list, show).join()}` : null;
    const before = key === null ? undefined : this.#made.get(key);
    if (before) return before[0]!;
    const value: Value = { name: `c${this.#count++}`, element, shape };
    this.#initializers.set(value.name, tensorOf(value.name, element, shape, list));
    this.#constants.set(value.name, list);
    this.shapes.set(value.name, shape);
    if (key !== null) this.#made.set(key, [value]);
    return value;
  }

  /** A constant under a name of its own, such as a network's weights. */
  initializer(tensor: OnnxTensor): Value {
    const value: Value = { name: tensor.name, element: tensor.element, shape: tensor.dims };
    this.#initializers.set(tensor.name, tensor);
    this.shapes.set(tensor.name, tensor.dims);
    return value;
  }

  /** The numbers of a constant; undefined for what is computed. */
  valuesOf({ name }: Value): ArrayLike<number> | undefined {
    return this.#constants.get(name);
  }

  /** A list of int64, as shapes and axes are. */
  ints(list: readonly number[]): Value {
    return this.constant(list, [list.length], 'int64');
  }

  /** A node with one result; null among the inputs is one left out. */
  add(op: string, inputs: readonly (Value | null)[], result: Result, attributes: Attributes = {}): Value {
    return this.addAll(op, inputs, [result], attributes)[0]!;
  }

  /** A node with several results; null is one that is not wanted. */
  addAll(
    opType: string,
    inputs: readonly (Value | null)[],
    results: readonly (Result | null)[],
    attributes: Attributes = {},
  ): readonly Value[] {
    const names = inputs.map((v) => v?.name ?? '');
    const key = JSON.stringify([opType, names, results, attributes], (_, v: unknown) =>
      typeof v === 'number' ? show(v) : v,
    );
    const before = this.#made.get(key);
    if (before) return before;
    const values = results.map((r): Value => ({
      name: r ? `v${this.#count++}` : '',
      element: r?.element ?? inputs[0]!.element,
      shape: r?.shape ?? [],
    }));
    const node = nodeOf(
      opType,
      names,
      values.map((v) => v.name),
      attributes,
      this.label,
    );
    this.#nodes.push(node);
    for (const { name, shape } of values) {
      if (!name) continue;
      this.#makers.set(name, node);
      this.shapes.set(name, shape);
    }
    this.#made.set(key, values);
    return values;
  }

  /** The node that makes a value, if one does. */
  maker({ name }: Value): OnnxNode | undefined {
    return this.#makers.get(name);
  }

  /**
   * The graph that gives these values, under their names or `names`: a value that no node makes, or that is there twice,
   * is copied. Inputs that nothing depends on are left out.
   */
  model(
    results: readonly Value[],
    names: readonly string[] = [],
  ): { readonly model: OnnxModel; readonly outputs: readonly Value[] } {
    const taken = new Set<string>();
    const renamed = new Map<string, string>();
    const outputs = results.map((v, i) => {
      const own = this.#makers.has(v.name) && !taken.has(v.name) && !renamed.has(v.name);
      const output = { ...v, name: names[i] ?? (own ? v.name : `${v.name}_copy${taken.size}`) };
      if (!own) this.#nodes.push(nodeOf('Identity', [v.name], [output.name], {}));
      else if (output.name !== v.name) renamed.set(v.name, output.name);
      taken.add(output.name);
      return output;
    });
    const rename = (list: readonly string[]): string[] => list.map((name) => renamed.get(name) ?? name);
    const needed = new Set(taken);
    const named = this.#nodes.map((node) =>
      renamed.size ? { ...node, inputs: rename(node.inputs), outputs: rename(node.outputs) } : node,
    );
    const nodes = named.reverse().filter((node) => {
      if (!node.outputs.some((name) => needed.has(name))) return false;
      for (const name of node.inputs) needed.add(name);
      return true;
    });
    const model: OnnxModel = {
      irVersion: 8,
      opsets: new Map([['', OPSET]]),
      producerName: 'graft',
      producerVersion: '',
      metadata: new Map(),
      functions: 0,
      graph: {
        name: 'graft',
        nodes: nodes.reverse(),
        initializers: [...this.#initializers.values()].filter(({ name }) => needed.has(name)),
        inputs: this.#inputs.filter(({ name }) => needed.has(name)).map(infoOf),
        outputs: outputs.map(infoOf),
        valueInfo: [],
      },
    };
    return { model, outputs };
  }
}

function nodeOf(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes,
  label = '',
): OnnxNode {
  const named = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)]);
  return {
    name: `${label}${opType} ${outputs[0]}`,
    opType,
    domain: '',
    inputs,
    outputs,
    attributes: Object.fromEntries(named) as OnnxNode['attributes'],
  };
}

/** Constants of more numbers than this are not compared with each other. */
const MANY = 64;

/** A number as text that tells −0 from 0, and NaN from null. */
const show = (v: number): string => (Object.is(v, -0) ? '-0' : String(v));

const infoOf = ({ name, element, shape }: Value): OnnxValueInfo => ({ name, element, shape });

function attributeOf(value: Attributes[string]): OnnxAttribute {
  if (typeof value === 'number') return { type: 'int', value };
  if (typeof value === 'string') return { type: 'string', value };
  return Array.isArray(value)
    ? { type: 'ints', value: value as readonly number[] }
    : (value as OnnxAttribute);
}

/** A number as an attribute of type float. */
export const float = (value: number): OnnxAttribute => ({ type: 'float', value });
