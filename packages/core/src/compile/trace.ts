import type { Backend } from '../backend.ts';
import { converted } from '../backend-kit/convert.ts';
import { GraftError, StateError, UnsupportedError } from '../errors.ts';
import type { Graph, GraphNode } from '../graph.ts';
import { withRunner, type CompositeHead, type OpDefinition, type Runner } from '../op.ts';
import type { OpAttrs, OpInputs, OpName } from '../primitives.ts';
import { neverGuard } from '../lost.ts';
import { tensorsIn } from '../memory.ts';
import { isTensor, scope, Tensor } from '../tensor.ts';
import { withTracing, type Cell, type Tracing } from '../tracing.ts';
import type { TensorSpec, TypedArray } from '../types.ts';
import { given } from './open.ts';

/** Where a value that comes from outside is found when the graph runs. */
export type Feed =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'cell'; readonly cell: Cell }
  /** A tensor that the function closes over. The trace keeps a share of its buffer. */
  | { readonly kind: 'tensor'; readonly tensor: Tensor }
  | { readonly kind: 'host'; readonly spec: TensorSpec; readonly make: () => ArrayLike<number> };

/** What the host does at each call, in the order in which the function did it. */
export type HostAct =
  { readonly value: number; readonly make: () => ArrayLike<number> } | { readonly effect: () => void };

/** What came of running a function on symbols. */
export interface Traced<R> {
  /** As recorded: nothing folded, opened or left out; `outputs`, `scalars` and `captures` are empty. */
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<number, Feed>;
  readonly host: readonly HostAct[];
  /** What `make` gave while the function was traced, for the first run: each is asked once per call. */
  readonly drawn: ReadonlyMap<number, ArrayLike<number>>;
  /** The function's result with `build`'s tensors in it, one for each symbol; it is asked with the symbol's value. */
  readonly rebuild: (build: (value: number) => Tensor) => R;
  /** Values of the symbols in the result. */
  readonly results: readonly number[];
  /** Cells that the function gave new tensors, and their values. */
  readonly writes: ReadonlyMap<Cell, number>;
  /** Some of these cells were made by the function: it will not do so again. */
  readonly createsCells: boolean;
  /** Of the tensors that came from outside; null where there were none. */
  readonly backend: Backend | null;
  dispose(): void;
}

/** Records what a function does to symbols: tensors without values, whose buffer is the number of a graph's value. */
class Trace implements Tracing, Runner {
  readonly specs: TensorSpec[] = [];
  nodes: GraphNode[] = [];
  readonly constants = new Map<number, TypedArray>();
  readonly feeds = new Map<number, Feed>();
  readonly hostActs: HostAct[] = [];
  readonly drawn = new Map<number, ArrayLike<number>>();
  readonly writes = new Map<Cell, Tensor>();
  createsCells = false;
  real: Backend | null = null;
  readonly #cells = new Map<Cell, Tensor>();
  readonly #outside = new Map<unknown, { value: number; share: Tensor }>();
  readonly #kept: Tensor[] = [];

  readonly backend: Backend<number> = {
    name: 'compile',
    upload: (data, spec) => {
      const value = this.#value(spec);
      this.constants.set(value, converted(data, spec));
      return value;
    },
    read: () => Promise.reject(this.#noValues()),
    readSync: () => {
      throw this.#noValues();
    },
    release: () => {},
    flush: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
    run: () => {
      throw new GraftError('symbols are recorded, not computed');
    },
  };

  constructor() {
    neverGuard(this.backend);
  }

  #noValues(): UnsupportedError {
    return new UnsupportedError(
      'the values of this tensor are not known while compile() records the function: shapes and branches must not depend on them. Read what you need outside and pass it as an argument, or do without compile()',
    );
  }

  #value({ dtype, shape }: TensorSpec): number {
    return this.specs.push({ dtype, shape }) - 1;
  }

  #symbol(value: number): Tensor {
    return Tensor.fromBuffer(this.backend, value, this.specs[value]!);
  }

  /** Symbols that outlive the scopes of the function. */
  #lasting(value: number): Tensor {
    const t = this.#symbol(value).keep();
    this.#kept.push(t);
    return t;
  }

  #feed(spec: TensorSpec, feed: Feed): number {
    const value = this.#value(spec);
    this.feeds.set(value, feed);
    return value;
  }

  #on(backend: Backend): void {
    this.real ??= backend;
    if (this.real !== backend) {
      throw new StateError(
        `compile: tensors live on different backends ('${this.real.name}' and '${backend.name}'): move some with await t.to(backend)`,
      );
    }
  }

  valueOf(t: Tensor): number {
    const { backend, buffer } = t.storage;
    if (backend === this.backend) return buffer as number;
    let known = this.#outside.get(buffer);
    if (!known || known.share.storage !== t.storage) {
      this.#on(backend);
      const share = new Tensor(t.storage, t).keep();
      this.#kept.push(share);
      known = { value: this.#feed(t, { kind: 'tensor', tensor: share }), share };
      this.#outside.set(buffer, known);
    }
    return known.value;
  }

  argument(t: Tensor | TensorSpec, index: number): Tensor {
    if (isTensor(t)) this.#on(t.backend);
    return this.#lasting(this.#feed(t, { kind: 'argument', index }));
  }

  run<N extends OpName>(
    op: OpDefinition<N>,
    inputs: OpInputs<Tensor>[N],
    attrs: OpAttrs[N],
    output: TensorSpec,
  ): Tensor {
    const value = this.#value(output);
    const node = { op: op.name, inputs: inputs.map((t) => this.valueOf(t)), attrs, output: value };
    this.nodes.push(node as unknown as GraphNode);
    return this.#symbol(value);
  }

  composite(
    { name, inputs, attrs, outputs: fused }: CompositeHead,
    parts: () => readonly Tensor[],
  ): readonly Tensor[] {
    const from = inputs.map((t) => t && this.valueOf(t));
    const entries = Object.entries(attrs) as [string, unknown][];
    const scalars = Object.fromEntries(
      entries.flatMap(([key, v]) => (isTensor(v) ? [[key, this.valueOf(v)] as const] : [])),
    );
    const numbers = Object.fromEntries(entries.filter(([, v]) => !isTensor(v)));
    const outer = this.nodes;
    const body: GraphNode[] = [];
    this.nodes = body;
    let made: readonly Tensor[];
    try {
      made = parts();
    } finally {
      this.nodes = outer;
    }
    const outputs = made.map((t) => this.valueOf(t));
    const own = new Set(given(body));
    // One that gives back what it was given is no more than its parts.
    if (outputs.every((v) => own.has(v))) {
      const node = { composite: name, inputs: from, attrs: numbers, scalars, outputs, body };
      this.nodes.push({ ...node, fused: fused !== undefined });
    } else this.nodes.push(...body);
    return made;
  }

  read(cell: Cell, current: Tensor | null): Tensor {
    const known = this.writes.get(cell) ?? this.#cells.get(cell);
    if (known) return known;
    if (!current) throw new StateError('compile: a parameter or buffer is read before it has a value');
    this.#on(current.backend);
    const symbol = this.#lasting(this.#feed(current, { kind: 'cell', cell }));
    this.#cells.set(cell, symbol);
    return symbol;
  }

  write(cell: Cell, next: Tensor, current: Tensor | null): void {
    const before = this.writes.get(cell);
    if (before === next) return;
    if (!current) this.createsCells = true;
    before?.dispose();
    this.writes.set(cell, next.keep());
    this.#kept.push(next);
  }

  drop(cell: Cell): void {
    this.writes.delete(cell);
  }

  host(spec: TensorSpec, make: () => ArrayLike<number>): Tensor {
    const value = this.#feed(spec, { kind: 'host', spec, make });
    this.hostActs.push({ value, make });
    this.drawn.set(value, make());
    return this.#symbol(value);
  }

  effect(effect: () => void): void {
    this.hostActs.push({ effect });
  }

  dispose(): void {
    for (const t of this.#kept) t.dispose();
  }
}

/** A copy of a value with other tensors in it: in arrays, maps, sets and plain objects, as `tensorsIn` finds them. */
function withTensors(value: unknown, replace: (t: Tensor) => Tensor): unknown {
  const walk = (v: unknown): unknown => withTensors(v, replace);
  if (isTensor(value)) return replace(value);
  if (Array.isArray(value)) return value.map(walk);
  if (value instanceof Set) return new Set([...value].map(walk));
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, walk(v)]));
  const proto: unknown =
    value !== null && typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (proto !== Object.prototype && proto !== null) return value;
  return Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, walk(v)]));
}

/**
 * Runs `fn` once on symbols and records what it does.
 * @param inputs Tensors like those that it will be given, or just their dtypes and shapes; any shape.
 * @throws UnsupportedError where it looks at values.
 * @example
 * const { graph } = trace((x: Tensor) => add(mul(x, 2), 1), [{ dtype: 'float32', shape: [3] }]);
 * graph.nodes.length; // → 2
 */
export function trace<A extends readonly Tensor[], R>(
  fn: (...inputs: A) => R,
  inputs: readonly (Tensor | TensorSpec)[],
): Traced<R> {
  const recorder = new Trace();
  try {
    return withTracing(recorder, () =>
      withRunner(recorder, () => {
        const symbols = inputs.map((t, i) => recorder.argument(t, i)) as readonly Tensor[] as A;
        const result = scope(() => fn(...symbols));
        if (result instanceof Promise)
          throw new GraftError('compile() takes a synchronous function: put the `await` outside');
        const { specs, nodes, constants, feeds } = recorder;
        const writes = new Map([...recorder.writes].map(([cell, t]) => [cell, recorder.valueOf(t)]));
        const found = [...tensorsIn(result, isTensor)];
        const results = found.map((t) => recorder.valueOf(t));
        const places = new Map(found.map((t, i) => [t, i]));
        const rebuild = (build: (value: number) => Tensor): R => {
          const built = results.map(build);
          return withTensors(result, (t) => built[places.get(t)!]!) as R;
        };
        for (const t of found) if (t.backend === recorder.backend) t.dispose();
        return {
          graph: {
            specs,
            inputs: [...feeds.keys()],
            scalars: [],
            captures: [],
            constants,
            nodes,
            outputs: [],
          },
          feeds,
          host: recorder.hostActs,
          drawn: recorder.drawn,
          rebuild,
          results,
          writes,
          createsCells: recorder.createsCells,
          backend: recorder.real,
          dispose: () => recorder.dispose(),
        };
      }),
    );
  } catch (e) {
    recorder.dispose();
    throw e;
  }
}
