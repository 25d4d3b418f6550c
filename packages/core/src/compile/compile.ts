import type { Backend, Executable } from '../backend.ts';
import { GraftError } from '../errors.ts';
import type { Graph } from '../graph.ts';
import type { Storage } from '../ledger.ts';
import { whenLost } from '../lost.ts';
import { activeRecorders, fusedKernel } from '../op.ts';
import { Tensor } from '../tensor.ts';
import { tracing, type Cell } from '../tracing.ts';
import { bytesOf, showShape, sizeOf } from '../types.ts';
import { interpret } from './interpret.ts';
import { simplify } from './simplify.ts';
import { trace, type Feed, type Traced } from './trace.ts';

export interface CompileOptions {
  /**
   * Which parameters and buffers are built into the graph, where a backend can prepare them: the locked ones (default),
   * or all that the function does not change. One that is given another value makes the function compile again.
   */
  readonly captured?: 'locked' | 'all';
  /** How many graphs are kept, the least recently used go first. Default 8. */
  readonly limit?: number;
}

/** A compiled function. */
export interface Compiled<A extends readonly Tensor[], R> {
  (...inputs: A): R;
  /** Graphs that are kept now. */
  readonly size: number;
  /** Frees its graphs, after the runs that are still queued. */
  dispose(): void;
}

/**
 * Records what `fn` does into a graph, the first time for each set of dtypes and shapes of its arguments, and from then on
 * runs the graph: whole, on backends that take one, otherwise op by op.
 *
 * `fn` is called to be recorded, not each time. So it may depend on nothing but its arguments, the parameters and buffers
 * of modules and what optimizers keep (all of these are read, and changed, at every call), and tensors that it closes
 * over, which stay as they are. Dropout and learning rates are asked anew; a module's `train()` and `lock()` are not.
 * Under a tape (`grad`, `valueAndGrad`) it runs op by op; compile the function that takes the gradient.
 * @throws UnsupportedError, at a call, where `fn` looks at values: shapes and branches must not depend on them; GraftError where
 * it uses no tensor.
 * @example
 * const w = new Parameter(tensor([[1, 0]]));
 * const optimizer = sgd({ lr: 0.1 });
 * const step = compile((x: Tensor) => {
 *   const { value, grads } = valueAndGrad(() => mean(linear(x, w.value)), [w]);
 *   optimizer.step([{ name: 'w', parameter: w, grad: grads[0]! }]);
 *   return value;
 * });
 * step(tensor([[1, 2]])); // → 1
 * step(tensor([[1, 2]])); // → 0.5
 */
export function compile<A extends readonly Tensor[], R>(
  fn: (...inputs: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  const programs = new Map<string, Program<R>>();
  const forget = (key: string): void => {
    programs.get(key)?.dispose();
    programs.delete(key);
  };
  const call = (...inputs: A): R => {
    // Inside another graph it becomes a part of that; a tape has to see the ops.
    if (tracing() || activeRecorders().length > 0) return fn(...inputs);
    const key = inputs.map(({ dtype, shape }) => `${dtype}[${shape.join()}]`).join();
    const known = programs.get(key);
    if (known?.fits(inputs)) {
      programs.delete(key); // to the end: most recently used
      programs.set(key, known);
      return known.run(inputs);
    }
    forget(key);
    const program = new Program(fn, inputs, options.captured ?? 'locked');
    try {
      return program.run(inputs);
    } finally {
      if (program.once) program.dispose();
      else {
        programs.set(key, program);
        if (programs.size > (options.limit ?? 8)) forget(programs.keys().next().value!);
      }
    }
  };
  const dispose = (): void => [...programs.keys()].forEach(forget);
  return Object.defineProperty(Object.assign(call, { dispose }), 'size', {
    get: () => programs.size,
  }) as unknown as Compiled<A, R>;
}

/** One recorded graph, and how it meets the world. */
class Program<R> {
  /** It makes cells, such as an optimizer's first moments: the next call will find them made, and do something else. */
  readonly once: boolean;
  readonly #traced: Traced<R>;
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #found: ReadonlyMap<number, number>;
  /** In an object that outlives the program: a program that nobody holds frees it, too. */
  readonly #held: { executable: Executable | null };
  /** Cells built into the graph, and what they held then. */
  readonly #built: ReadonlyMap<Cell, Tensor>;
  #fresh = true;

  constructor(fn: (...inputs: never) => R, inputs: readonly Tensor[], captured: 'locked' | 'all') {
    const traced = trace(fn as (...inputs: Tensor[]) => R, inputs as Tensor[]);
    this.#traced = traced;
    this.once = traced.createsCells;
    if (!traced.backend)
      throw new GraftError('compile: the function uses no tensor: give it one, or call it as it is');
    this.#backend = traced.backend;
    const backend = traced.backend;
    const wanted = [...traced.results, ...traced.writes.values()];
    const { graph, found } = simplify(
      traced.graph,
      wanted,
      ({ fused, composite, scalars }) =>
        fused &&
        fusedKernel(backend, composite) !== undefined &&
        // A kernel takes numbers, and these are what the host knows.
        Object.values(scalars).every((v) => traced.feeds.get(v)?.kind === 'host'),
    );
    const isBuiltIn = (value: number): boolean => {
      const feed = traced.feeds.get(value)!;
      if (feed.kind === 'tensor') return true;
      if (feed.kind !== 'cell' || traced.writes.has(feed.cell)) return false;
      return captured === 'all' || (feed.cell.locked ?? false);
    };
    this.#graph = {
      ...graph,
      inputs: graph.inputs.filter((v) => !isBuiltIn(v)),
      captures: graph.inputs.filter(isBuiltIn),
    };
    this.#found = found;
    const tensors = this.#graph.captures.map((v): Tensor => this.#fed(traced.feeds.get(v)!, inputs));
    this.#built = new Map(
      this.#graph.captures.flatMap((v, i): [Cell, Tensor][] => {
        const feed = traced.feeds.get(v)!;
        // A share of its own: a buffer that goes to the next tensor must not pass for the old one.
        return feed.kind === 'cell' ? [[feed.cell, new Tensor(tensors[i]!.storage, tensors[i]!).keep()]] : [];
      }),
    );
    const buffers = tensors.map((t) => t.storage.buffer);
    try {
      const executable =
        this.#backend.compile?.(this.#graph, buffers) ?? interpret(this.#graph, this.#backend, buffers);
      this.#held = { executable };
      whenLost(this, this.#backend, disposal(this.#held));
    } catch (e) {
      this.#release();
      throw e;
    }
  }

  /** Are the cells that are built in as they were, and the arguments where they were? */
  fits(inputs: readonly Tensor[]): boolean {
    for (const [cell, held] of this.#built) if (cell.value.storage !== held.storage) return false;
    return inputs.every((t) => t.backend === this.#backend);
  }

  #fed(feed: Feed, inputs: readonly Tensor[]): Tensor {
    switch (feed.kind) {
      case 'argument':
        return inputs[feed.index]!;
      case 'cell':
        return feed.cell.value;
      case 'tensor':
        return feed.tensor;
      case 'host':
        throw new GraftError('host values have no tensor');
    }
  }

  run(inputs: readonly Tensor[]): R {
    const { feeds, host, drawn, writes } = this.#traced;
    const backend = this.#backend;
    const graph = this.#graph;
    // What the host does comes first, in the function's order: a step is counted after its learning rate was asked.
    const fresh = new Map<number, Storage>();
    const numbers = new Map<number, number>();
    for (const act of host) {
      if ('effect' in act) {
        if (!this.#fresh) act.effect();
        continue;
      }
      const values = this.#fresh ? drawn.get(act.value)! : act.make();
      const spec = graph.specs[act.value]!;
      if (values.length !== sizeOf(spec.shape))
        throw new GraftError(`compile: ${values.length} host values for ${showShape(spec.shape)}`);
      numbers.set(act.value, values[0]!);
      if (graph.inputs.includes(act.value) || this.#isResult(act.value))
        fresh.set(act.value, this.#stored(backend.upload(values, spec), act.value));
    }
    this.#fresh = false;

    const storages = new Map<number, Storage>(fresh);
    const outside = [...graph.inputs, ...graph.captures, ...this.#found.values()];
    for (const value of outside) {
      const feed = feeds.get(value);
      if (feed && feed.kind !== 'host') storages.set(value, this.#fed(feed, inputs).storage);
    }
    let made: unknown[];
    try {
      made = this.#held.executable!.run(
        graph.inputs.map((v) => storages.get(v)!.buffer),
        graph.scalars.map((v) => numbers.get(v)!),
      );
    } finally {
      // Released after the run that reads them; a result that is one of them holds it through its tensor.
      for (const [value, s] of fresh) if (!this.#isResult(value)) backend.release(s.buffer);
    }
    const byBuffer = new Map([...storages.values()].map((s) => [s.buffer, s]));
    graph.outputs.forEach((value, i) => {
      const storage = byBuffer.get(made[i]) ?? this.#stored(made[i], value);
      byBuffer.set(made[i], storage);
      storages.set(value, storage);
    });
    const build = (value: number): Tensor => {
      const at = this.#found.get(value)!;
      let storage = storages.get(at);
      if (!storage) {
        storage = this.#stored(backend.upload(graph.constants.get(at)!, graph.specs[at]!), at);
        storages.set(at, storage);
      }
      return new Tensor(storage, graph.specs[value]!);
    };
    const result = this.#traced.rebuild(build);
    for (const [cell, value] of writes) cell.set(build(value));
    return result;
  }

  #isResult(value: number): boolean {
    for (const v of this.#found.values()) if (v === value) return true;
    return false;
  }

  #stored(buffer: unknown, value: number): Storage {
    return { backend: this.#backend, buffer, bytes: bytesOf(this.#graph.specs[value]!), refs: 0 };
  }

  dispose(): void {
    disposal(this.#held)();
    this.#release();
  }

  /** Lets go of the shares in tensors from outside. */
  #release(): void {
    for (const t of this.#built.values()) t.dispose();
    this.#traced.dispose();
  }
}

function disposal(held: { executable: Executable | null }): () => void {
  return () => {
    held.executable?.dispose();
    held.executable = null;
  };
}
