import type { Shape } from '@graftjs/core';
import { valuesOf, type OnnxElement, type OnnxNode, type OnnxTensor } from '@graftjs/onnx-graph';
import { FormatError } from '../errors.ts';
import type { Attrs, GraphInput, GraphNode, GraphTensor, GraphValues, Json } from '../graph/graph.ts';
import { hostArray, type HostArray } from '../graph/host-array.ts';
import { hostOps } from '../graph/operations/host.ts';
import { dtypeOf, elementAfter, Unsupported } from './node.ts';
import { isGivenName, nodeName, ownerOf } from '../graph/names.ts';

/** What an ONNX name is in the graph. */
export type Value = Constant | Computed;
/** Known while the file is read. */
export interface Constant {
  readonly kind: 'constant';
  readonly array: HostArray;
  /** The initializer that it comes from, where it comes from one. */
  readonly source: string | null;
  /** Its type in the file; undefined for a number of the translation's own, which takes the type beside it. */
  readonly element?: OnnxElement | undefined;
}
/** A graph input, a node or a stored tensor. */
export interface Computed {
  readonly kind: 'computed';
  readonly name: string;
  /** Computed from shapes alone, so that it may say a shape. */
  readonly host: boolean;
  /** Does it depend on something that is trained? Factors and summands before that are preprocessing. */
  readonly trained: boolean;
  /** Its type in the file, where that is known. */
  readonly element?: OnnxElement | undefined;
  /** The real numbers that the file's bytes stand for: their scale is 1, their zero point 0. */
  readonly real?: boolean;
  /** A graph input's values, for operations that must know them: see `OnnxReadOptions.known`. */
  readonly known?: HostArray | undefined;
}

/**
 * Says one ONNX node in the graph's operations: reads the attributes of `node`, takes its inputs from `to`, gives its
 * outputs to it. What cannot be said throws `Unsupported`.
 */
export type Translation = (node: OnnxNode, to: OnnxLowering) => void;

/** What may be computed from constants: some, and more where more is stored. A small file must not fill the memory. */
const FOLDED_ELEMENTS = 2 ** 24;
const FOLDS_PER_ELEMENT = 8;
/** Small constants go into the graph itself. */
const MAX_INLINE = 4096;
/** Operations whose result is on the host although their input is a tensor. */
const TO_HOST = new Set(['shape']);

/**
 * Collects the graph while ONNX nodes are translated into it. `add` adds one operation, or carries it out at once where
 * all its inputs are constants.
 */
export class OnnxLowering {
  readonly nodes: GraphNode[] = [];
  /** Without a prototype: a file may call a tensor `__proto__`. */
  readonly tensors = Object.create(null) as Record<string, GraphTensor>;
  readonly weights: Map<string, GraphValues> = new Map();
  readonly inputs: string[] = [];
  /** Version of ONNX's own operators. */
  readonly opset: number;
  readonly #values = new Map<string, Value | 'missing'>();
  /** Outputs that a translation does not give, and of which node. */
  readonly #absent = new Map<string, string>();
  /** Names that are taken, and how many asked for them. */
  readonly #names = new Map<string, number>();
  /** Stored tensors by the array that they hold, so that what is shared in the file stays shared. */
  readonly #stored = new Map<HostArray, Map<boolean, Computed>>();
  readonly #derived = new Map<HostArray, Map<string, HostArray>>();
  /** Weights that are whole numbers still: their scale comes behind their layer. */
  readonly steps: Set<string> = new Set();
  readonly #leftOut: ReadonlySet<OnnxNode>;
  /** Elements that folding may still make. */
  #budget = FOLDED_ELEMENTS;
  #node: OnnxNode | undefined;
  #base = '';

  /** @param leftOut Nodes whose quantisation is left out: see `leftOut`. */
  constructor(opset: number, leftOut: ReadonlySet<OnnxNode> = new Set()) {
    this.opset = opset;
    this.#leftOut = leftOut;
  }

  // Values by ONNX name.

  bind(name: string, value: Value | 'missing'): void {
    if (name) this.#values.set(name, value);
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  /** @throws FormatError for a name that nothing gives. */
  value(name: string): Value | 'missing' {
    const v = this.#values.get(name);
    const absent = this.#absent.get(name);
    if (absent !== undefined)
      throw new Unsupported(`takes '${name}', an output of ${absent} that is not given`);
    if (v === undefined) throw new FormatError(`nothing gives the value '${name}'`);
    return v;
  }
  /** An output of the node described that no translation gives. */
  bindAbsent(name: string, where: string): void {
    this.#absent.set(name, where);
  }
  bindTensor(tensor: OnnxTensor): void {
    this.bindConstant(tensor.name, this.tensorConstant(tensor, tensor.name));
  }
  /** Something stored: as much again, and more, may be computed from it. */
  bindConstant(name: string, constant: Constant): void {
    this.#budget += FOLDS_PER_ELEMENT * constant.array.values.length;
    this.bind(name, constant);
  }
  /** A stored tensor as a constant, in the type that Graft computes it in. */
  tensorConstant(tensor: OnnxTensor, source: string | null = null): Constant {
    const dtype = dtypeOf(tensor.element);
    if (!dtype) throw new Unsupported(`a tensor of ${tensor.element}`);
    const values = valuesOf(tensor);
    const array = { dtype, shape: tensor.dims, values };
    return { kind: 'constant', array, source, element: tensor.element };
  }
  bindInput(name: string, element: OnnxElement | null, known?: OnnxTensor): void {
    const unique = this.unique(name);
    this.inputs.push(unique);
    this.bind(name, {
      kind: 'computed',
      name: unique,
      host: false,
      trained: false,
      element: element ?? undefined,
      known: known && this.tensorConstant(known).array,
    });
  }

  /** From now on, names derive from this node. `weights`: the inputs that it trains or stores. */
  begin(node: OnnxNode): void {
    const sources = node.inputs.flatMap((i) => {
      const v = i && this.#values.get(i);
      return v &&
        v !== 'missing' &&
        v.kind === 'constant' &&
        v.array.dtype === 'float32' &&
        v.array.shape.length
        ? [v.source ?? i]
        : [];
    });
    this.beginAs(node, nodeName(node, sources));
  }
  /** The same, under this name. */
  beginAs(node: OnnxNode, name: string): void {
    this.#node = node;
    this.#base = name;
  }

  /** Does the current node pass on the real numbers instead of quantising them? */
  get leavesOut(): boolean {
    return this.#leftOut.has(this.#node!);
  }

  // Inputs of the current node.

  /** Undefined where it is left out. */
  optional(i: number): Value | undefined {
    const name = this.#node!.inputs[i];
    if (!name) return undefined;
    const v = this.value(name);
    if (v === 'missing') throw new Unsupported('input of an operation that is missing');
    return v;
  }
  input(i: number): Value {
    const v = this.optional(i);
    if (!v) throw new FormatError(`input ${i} is left out`);
    return v;
  }
  get inputCount(): number {
    return this.#node!.inputs.length;
  }
  constant(i: number): HostArray {
    const v = this.knownInput(i);
    if (!v) throw new Unsupported(`input ${i} must be a constant`);
    return v.array;
  }
  /** An input as a constant, where it is one or its values are known; undefined where it is left out, or computed. */
  knownInput(i: number): Constant | undefined {
    const v = this.optional(i);
    if (v?.kind !== 'computed') return v;
    return v.known && { kind: 'constant', array: v.known, source: null, element: v.element };
  }
  /** The type of an input in the file. */
  elementOf(i: number): OnnxElement | undefined {
    return this.optional(i)?.element;
  }
  /** Integers of a constant input; undefined where it is left out. */
  ints(i: number): number[] | undefined {
    return this.optional(i) && Array.from(this.constant(i).values);
  }
  /** One number; undefined where the input is left out. */
  scalar(i: number): number | undefined {
    if (!this.optional(i)) return undefined;
    const { values } = this.constant(i);
    if (values.length !== 1) throw new Unsupported(`input ${i} must be one number`);
    return values[0]!;
  }
  /** A value that may say a shape or a place: constant, or computed from shapes. */
  extents(i: number): Value {
    const v = this.knownInput(i) ?? this.input(i);
    if (v.kind === 'computed' && !v.host) throw new Unsupported(`input ${i} depends on data`);
    return v;
  }

  /**
   * An input that is trained where it is a constant, under its own name or that of the node and `role`. `change` gives it
   * another layout, for the reason `layout`.
   */
  weight(
    i: number,
    role: string,
    trainable = true,
    layout = '',
    change?: (a: HostArray) => HostArray,
  ): Value {
    const v = this.input(i);
    if (v.kind !== 'constant') {
      if (change) throw new Unsupported(`input ${i}, ${role}, must be a constant`);
      return v;
    }
    let { array } = v;
    if (change) {
      const changed = this.#derived.get(array) ?? new Map<string, HostArray>();
      this.#derived.set(array, changed);
      array = changed.get(layout) ?? change(array);
      changed.set(layout, array);
    }
    return this.store(array, role, trainable, v.source);
  }
  /** Stores float values; they get the name of their initializer, if somebody gave it, else that of the node and `role`. */
  store(array: HostArray, role: string, trainable: boolean, source: string | null = null): Computed {
    if (!(array.values instanceof Float32Array))
      throw new Unsupported(`${role} is ${array.dtype}, not float32`);
    const known = this.#stored.get(array) ?? new Map<boolean, Computed>();
    this.#stored.set(array, known);
    const before = known.get(trainable);
    if (before) return before;
    const given = source !== null && isGivenName(source);
    const owner = given ? ownerOf(source) : undefined;
    const name = this.unique(given && (owner || !source.includes('.')) ? source : `${this.#base}.${role}`);
    this.tensors[name] = { shape: array.shape, trainable };
    this.weights.set(name, { shape: array.shape, data: array.values });
    const value: Computed = { kind: 'computed', name, host: false, trained: trainable, element: 'float32' };
    known.set(trainable, value);
    return value;
  }

  // Results of the current node.

  /** A scalar of the translation's own. */
  number(value: number, dtype: HostArray['dtype'] = 'float32'): Constant {
    return constantOf(dtype, [], [value]);
  }
  /** A list of the translation's own. */
  integers(values: readonly number[]): Constant {
    return constantOf('int32', [values.length], values);
  }
  /**
   * One operation; `inputs` that are missing at the end may be undefined. Its value is a constant where its inputs are.
   * `element`: its type in the file, where that does not follow from the operation and its inputs' (`elementAfter`).
   */
  add(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Record<string, Json> = {},
    element?: OnnxElement,
  ): Value {
    const given = inputs.slice(0, inputs.findLastIndex((v) => v !== undefined) + 1) as Value[];
    if (given.includes(undefined as never)) throw new Unsupported('an input in the middle is left out');
    const hostOp = hostOps[op];
    const type =
      element ??
      elementAfter(
        op,
        given.map((v) => v.element),
        attrs,
      );
    if (hostOp && given.length && given.every((v) => v.kind === 'constant')) {
      const array = hostOp(
        given.map((v) => v.array),
        attrs as Attrs,
      );
      this.#budget -= array.values.length;
      if (this.#budget < 0)
        throw new FormatError('the constants of this graph need more memory than its weights explain');
      const source = given.find((v) => v.source !== null)?.source ?? null;
      return { kind: 'constant', array, source, element: type };
    }
    const name = this.unique(this.#names.has(this.#base) ? `${this.#base}.${op}` : this.#base);
    this.nodes.push({ name, op, inputs: given.map((v) => this.#operand(v)), attrs });
    const computed = given.filter((v) => v.kind === 'computed');
    const host = TO_HOST.has(op) || (hostOp !== undefined && computed.every((v) => v.host));
    return { kind: 'computed', name, host, trained: computed.some((v) => v.trained), element: type };
  }
  /** The value of the current node's output `i`. */
  output(value: Value, i = 0): void {
    this.bind(this.#node!.outputs[i] ?? '', value);
  }
  /** `add` and `output` in one. */
  give(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Record<string, Json> = {},
    element?: OnnxElement,
  ): void {
    this.output(this.add(op, inputs, attrs, element));
  }

  /** Name of a value that is an output of the graph: a constant is stored, or, if it is of integers, a node of its own. */
  outputName(v: Value, name: string): string {
    if (v.kind === 'computed') return v.name;
    if (v.array.values instanceof Float32Array)
      return this.store(v.array, 'value', false, v.source ?? name).name;
    // A scalar in a node's inputs is a number, which has no type: with an axis more it keeps its own.
    const { dtype, shape, values } = v.array;
    const node = this.unique(name);
    const given = { ...v, array: { dtype, shape: [1, ...shape], values } };
    this.nodes.push({
      name: node,
      op: 'reshape',
      inputs: [this.#operand(given)],
      attrs: { shape: [...shape] },
    });
    return node;
  }

  /** A name that is still free. */
  unique(name: string): string {
    const wanted = name || 'value';
    let free = wanted;
    let n = this.#names.get(wanted) ?? 1;
    while (this.#names.has(free)) free = `${wanted}_${++n}`;
    this.#names.set(wanted, n);
    this.#names.set(free, 1);
    return free;
  }

  #operand(v: Value): GraphInput {
    if (v.kind === 'computed') return v.name;
    const { dtype, shape, values } = v.array;
    const finite = values.every(Number.isFinite);
    if (!shape.length && finite) return values[0]!;
    if (values instanceof Float32Array && (values.length > 1 || !finite))
      return this.store(v.array, 'constant', false, v.source).name;
    if (values.length > MAX_INLINE || !finite)
      throw new Unsupported(`a constant of ${values.length} integers`);
    return { dtype, shape: [...shape], values: Array.from(values) };
  }
}

/** A constant of the translation's own. */
export function constantOf(dtype: HostArray['dtype'], shape: Shape, values: ArrayLike<number>): Constant {
  return { kind: 'constant', array: hostArray(dtype, shape, values), source: null };
}
