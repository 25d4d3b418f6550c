import { GraftError, type DType, type Shape } from '@graftjs/core';
import { FormatError, UnsupportedOpsError, type MissingOp } from '../errors.ts';
import type { ElementType } from './element.ts';
import type {
  Attrs,
  GraphInput,
  GraphNode,
  GraphTensor,
  GraphValues,
  GraphWithWeights,
  Json,
} from './graph.ts';
import { hostArray, type HostArray } from './host-array.ts';
import { graphFromJSON } from './json.ts';
import { isGivenName, ownerOf } from './names.ts';
import { opOf, type GraphOp } from './operations.ts';

/** Thrown by a translation for what it cannot express; collected into one `UnsupportedOpsError`. */
export class Unsupported extends Error {}

/** What a name of a file is in the graph. */
export type Value = Constant | Computed;
/** Known while the file is read. */
export interface Constant {
  readonly kind: 'constant';
  readonly array: HostArray;
  /** The name in the file of the stored tensor that it comes from, where it has one. */
  readonly source: string | null;
  /** Its type in the file; undefined for a number of the translation's own, which takes the type beside it. */
  readonly element?: ElementType | undefined;
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
  readonly element?: ElementType | undefined;
  /** The real numbers that the file's bytes stand for: their scale is 1, their zero point 0. */
  readonly real?: boolean;
  /** A graph input's values, for operations that must know them. */
  readonly known?: HostArray | undefined;
}

/** What may be computed from constants: some, and more where more is stored. A small file must not fill the memory. */
const FOLDED_ELEMENTS = 2 ** 24;
const FOLDS_PER_ELEMENT = 8;
/** Small constants go into the graph itself. */
const MAX_INLINE = 4096;

/** The names of a node's inputs and outputs in its file. */
interface Ends {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Collects the graph while the nodes of a file are translated into it; each format extends it by its own. `add` adds one
 * operation, or carries it out at once where all its inputs are constants. The first operation of a node bears its name,
 * others that and their own ('a.b.relu').
 */
export class Lowering {
  readonly nodes: GraphNode[] = [];
  /** Without a prototype: a file may call a tensor `__proto__`. */
  readonly tensors = Object.create(null) as Record<string, GraphTensor>;
  readonly weights: Map<string, GraphValues> = new Map();
  readonly inputs: string[] = [];
  readonly #values = new Map<string, Value | 'missing'>();
  /** Outputs that a translation does not give, and of which node. */
  readonly #absent = new Map<string, string>();
  /** Names that are taken, and how many asked for them. */
  readonly #names = new Map<string, number>();
  /** Stored tensors by the array that they hold, so that what is shared in the file stays shared. */
  readonly #stored = new Map<HostArray, Map<boolean, Computed>>();
  readonly #derived = new Map<HostArray, Map<string, HostArray>>();
  /** What cannot be said so far. */
  readonly #missing = new Map<string, MissingOp>();
  /** Elements that folding may still make. */
  #budget = FOLDED_ELEMENTS;
  #node: Ends | undefined;
  #base = '';

  // Values by their names in the file.

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
  /** Something stored: as much again, and more, may be computed from it. */
  bindConstant(name: string, constant: Constant): void {
    this.#budget += FOLDS_PER_ELEMENT * constant.array.values.length;
    this.bind(name, constant);
  }
  /** An input of the graph. `as`: its name there, if that is free. */
  bindInput(name: string, as: string, element?: ElementType, known?: HostArray): void {
    const unique = this.unique(as);
    this.inputs.push(unique);
    this.bind(name, { kind: 'computed', name: unique, host: false, trained: false, element, known });
  }

  /** What cannot be said: noted once, with how often it occurs. */
  note(op: string, example: string, reason?: string): void {
    const key = reason ? `${op} ${reason}` : op;
    const count = (this.#missing.get(key)?.count ?? 0) + 1;
    const first = this.#missing.get(key) ?? { op, example, ...(reason && { reason }) };
    this.#missing.set(key, { ...first, count });
  }
  /** Runs `say`; what it cannot express is noted, and `otherwise` done, so that the search goes on. */
  attempt(op: string, example: string, say: () => void, otherwise: () => void): void {
    try {
      say();
    } catch (error) {
      if (error instanceof Unsupported) {
        // What depends on something missing is not news.
        if (!error.message.startsWith('input of')) this.note(op, example, error.message);
        otherwise();
      } else if (error instanceof GraftError) {
        throw Object.assign(new FormatError(`node '${example}' (${op}): ${error.message}`), { cause: error });
      } else throw error;
    }
  }
  /** `attempt` for the outputs of one node; `say` is undefined where nothing can say it, and `why` may tell the reason. */
  translate(op: string, example: string, outputs: readonly string[], say?: () => void, why?: string): void {
    const bindMissing = (): void => {
      for (const o of outputs) if (!this.has(o)) this.bind(o, 'missing');
    };
    if (say) return this.attempt(op, example, say, bindMissing);
    this.note(op, example, why);
    bindMissing();
  }

  /** From now on, inputs and outputs are this node's, and names derive from `name`. */
  beginAs(node: Ends, name: string): void {
    this.#node = node;
    this.#base = name;
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
  elementOf(i: number): ElementType | undefined {
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

  /** The same for an operation that takes it as the attribute `key` where it is constant, else as a further input. */
  extentsAs(key: string, i: number): { inputs: Value[]; attrs: Record<string, Json> } {
    const v = this.extents(i);
    if (v.kind === 'computed') return { inputs: [v], attrs: {} };
    return { inputs: [], attrs: { [key]: Array.from(v.array.values) } };
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
  number(value: number, dtype: DType = 'float32'): Constant {
    return constantOf(dtype, [], [value]);
  }
  /** A list of the translation's own. */
  integers(values: readonly number[]): Constant {
    return constantOf('int32', [values.length], values);
  }
  /**
   * One operation; `inputs` that are missing at the end may be undefined. Its value is a constant where its inputs are.
   * `element`: its type in the file, where that does not follow from the operation and its inputs'.
   */
  add(
    op: string,
    inputs: readonly (Value | undefined)[],
    attrs: Record<string, Json> = {},
    element?: ElementType,
  ): Value {
    const given = inputs.slice(0, inputs.findLastIndex((v) => v !== undefined) + 1) as Value[];
    if (given.includes(undefined as never)) throw new Unsupported('an input in the middle is left out');
    const meaning = opOf({ op });
    const type = element ?? elementAfter(meaning, given, attrs);
    if (meaning.host && given.length && given.every((v) => v.kind === 'constant')) {
      const array = meaning.host(
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
    const host = meaning.toHost ?? (meaning.host !== undefined && computed.every((v) => v.host));
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
    element?: ElementType,
  ): void {
    this.output(this.add(op, inputs, attrs, element));
  }

  /** Name of a value that is an output of the graph: a constant is stored, or, if it is of integers, a node of its own. */
  protected outputName(v: Value, name: string): string {
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

  /**
   * The graph with these outputs, checked like one from a file.
   * @throws UnsupportedOpsError that lists all that could not be said; FormatError where an output cannot be given.
   */
  finished(outputs: readonly string[]): GraphWithWeights {
    if (this.#missing.size) throw new UnsupportedOpsError([...this.#missing.values()]);
    const { inputs, nodes, tensors, weights } = this;
    if (!inputs.length) throw new FormatError('the wanted outputs do not depend on any input of the graph');
    const names = outputs.map((name) => {
      try {
        const v = this.value(name);
        if (v === 'missing') throw new FormatError(`the output '${name}' cannot be given`);
        return this.outputName(v, name);
      } catch (error) {
        if (error instanceof Unsupported) throw new FormatError(`the model's output ${error.message}`);
        throw error;
      }
    });
    return { graph: graphFromJSON({ inputs, outputs: names, nodes, tensors }), weights };
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

/** The type of an operation's result in the file. */
function elementAfter(
  { element, typedFrom = 0 }: GraphOp,
  inputs: readonly Value[],
  attrs: Attrs,
): ElementType | undefined {
  // What is computed in a type is also called so.
  return (
    element ??
    (attrs['dtype'] as DType | undefined) ??
    inputs.slice(typedFrom).find((v) => v.element)?.element
  );
}

/** A constant of the translation's own. */
export function constantOf(dtype: DType, shape: Shape, values: ArrayLike<number>): Constant {
  return { kind: 'constant', array: hostArray(dtype, shape, values), source: null };
}
