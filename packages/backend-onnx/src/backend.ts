import {
  ARRAYS,
  type Backend,
  converted,
  type Executable,
  type Graph,
  KernelError,
  LruCache,
  type OpAttrs,
  type Operand,
  type OpName,
  relieve,
  sizeOf,
  StateError,
  type PrimitiveNode,
  type TensorSpec,
} from '@graftjs/core/backend';
import { encodeModel, lowerGraph } from '@graftjs/onnx-graph';
import { OnnxBuffer } from './buffer.ts';
import type { OrtData, OrtSession, OrtSessionOptions, OrtTensor } from './ort.ts';
import { inputName, keyOf, planOf, type Plan } from './plan.ts';
import { Pool } from './pool.ts';
import { Queue } from './queue.ts';
import { startRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';
import { LazySession, type Live } from './sessions.ts';

export interface OnnxBackendOptions extends RuntimeOptions {
  /**
   * Most sessions that are kept for ops that run one by one, a session per op, attributes and shapes. Default 1,000;
   * the one that was used least recently goes first.
   */
  readonly maxSessions?: number;
  /** Most bytes, approximately, that these sessions hold. Default 256 MiB. */
  readonly maxSessionBytes?: number;
}

export interface OnnxBackend extends Backend<OnnxBuffer> {
  readonly threads: number;
  readonly notes: readonly string[];
  /** Sessions of onnxruntime that are alive. */
  readonly sessions: number;
  /** It has no kernels for composites, so it gets primitives alone. */
  compile(graph: Graph<PrimitiveNode>, captures: readonly OnnxBuffer[]): Executable<OnnxBuffer>;
}

interface Entry {
  readonly plan: Plan;
  readonly session: LazySession | null;
  readonly bytes: number;
}

/**
 * ONNX Runtime behind Graft's contract. Op by op, each is a session of a small graph, kept and found again; a graph that
 * is compiled is one session. Everything runs on one serial queue: `run` returns at once, `read` and `flush` wait.
 * @throws UnsupportedError where the host has no WebAssembly and no module is handed in
 * @example
 * const onnx = await createOnnxBackend();
 * add(ones([2], { backend: onnx }), 1).data(); // → [2, 2]
 * await onnx.dispose();
 */
export async function createOnnxBackend(options: OnnxBackendOptions = {}): Promise<OnnxBackend> {
  return new Onnx(await startRuntime(options), options).backend();
}

/** From this many elements of inputs and output on, an op gets all threads; below, they cost more than they bring. */
const PARALLEL = 50_000;

class Onnx {
  readonly #runtime: Runtime;
  readonly #queue = new Queue((buffer) => this.#settle(buffer));
  readonly #pool = new Pool();
  readonly #live: Live = { count: 0 };
  readonly #ops: LruCache<Entry>;
  readonly #compiled = new Set<LazySession>();
  #inUse = 0;
  #disposed = false;

  constructor(runtime: Runtime, { maxSessions = 1000, maxSessionBytes = 2 ** 28 }: OnnxBackendOptions) {
    this.#runtime = runtime;
    this.#ops = new LruCache({
      entries: maxSessions,
      bytes: maxSessionBytes,
      bytesOf: ({ bytes }) => bytes,
      drop: ({ session }) => {
        if (session) this.#queue.after(() => session.release());
      },
    });
  }

  backend(): OnnxBackend {
    const live = this.#live;
    const backend: OnnxBackend = {
      name: 'onnx',
      threads: this.#runtime.threads,
      notes: this.#runtime.notes,
      get sessions() {
        return live.count;
      },
      upload: (data, spec) => {
        this.#alive();
        return this.#hold(new OnnxBuffer(spec, converted(data, spec)));
      },
      read: (buffer, spec) => this.#read(buffer, spec),
      release: (buffer) => this.#release(buffer),
      flush: async () => {
        await this.#queue.idle();
        this.#queue.failures.throwFirst();
        await relieve(backend);
      },
      dispose: () => this.#dispose(),
      run: (op, inputs, attrs, output) => this.#run(op, inputs, attrs, output),
      compile: (graph, captures) => this.#compile(graph, captures),
      memory: () => ({ inUse: this.#inUse, pooled: this.#ops.bytes + this.#pool.bytes }),
    };
    return backend;
  }

  #alive(): void {
    if (this.#disposed)
      throw new StateError("this 'onnx' backend was disposed, and its tensors with it: make a new one");
  }

  #hold(buffer: OnnxBuffer): OnnxBuffer {
    this.#inUse += buffer.bytes;
    return buffer;
  }

  #release(buffer: OnnxBuffer): void {
    if (buffer.released) return;
    buffer.released = true;
    this.#inUse -= buffer.bytes;
    this.#settle(buffer);
  }

  /** Lets go of numbers that nobody wants any more. */
  #settle(buffer: OnnxBuffer): void {
    if (!buffer.released || buffer.pending > 0 || !buffer.data) return;
    if (!this.#disposed) this.#pool.give(buffer.dtype, buffer.data);
    buffer.data = null;
  }

  async #read(buffer: OnnxBuffer, { dtype }: TensorSpec): Promise<OrtData> {
    this.#alive();
    buffer.pending++;
    await this.#queue.idle();
    buffer.pending--;
    if (buffer.failure) throw buffer.failure;
    if (!buffer.data) throw new StateError('this tensor has no numbers: its backend was disposed');
    return ARRAYS[dtype].from(buffer.data);
  }

  async #dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ops.clear();
    this.#pool.clear();
    for (const session of this.#compiled) this.#queue.after(() => session.release());
    await this.#queue.idle();
  }

  #session(model: () => Uint8Array, options: OrtSessionOptions): LazySession {
    return new LazySession(this.#live, () => this.#runtime.ort.InferenceSession.create(model(), options));
  }

  /** Runs a session; what it gives becomes the outputs' data. */
  async #fill(
    session: OrtSession,
    feeds: Record<string, OrtTensor>,
    outputs: readonly (readonly [name: string, buffer: OnnxBuffer, spec: TensorSpec])[],
  ): Promise<void> {
    const fetches = outputs.map(([name, , spec]) => [name, this.#place(spec)] as const);
    const results = await session.run(feeds, Object.fromEntries(fetches));
    for (const [name, buffer] of outputs) buffer.data = results[name]!.data as OrtData;
  }

  /** Where a result goes: onnxruntime-web makes its own arrays, and would copy these in first. */
  #place({ dtype, shape }: TensorSpec): OrtTensor | null {
    if (!this.#runtime.native) return null;
    return new this.#runtime.ort.Tensor(dtype, this.#pool.take(dtype, sizeOf(shape)), shape);
  }

  #tensor(buffer: OnnxBuffer, { dtype, shape }: TensorSpec): OrtTensor {
    return new this.#runtime.ort.Tensor(dtype, buffer.data!, shape);
  }

  #run<N extends OpName>(
    op: N,
    inputs: readonly Operand<OnnxBuffer>[],
    attrs: OpAttrs[N],
    output: TensorSpec,
  ): OnnxBuffer {
    this.#alive();
    const specs = inputs.map(({ spec }) => spec);
    const { plan, session } = this.#ops.getOrMake(keyOf(op, specs, attrs), () =>
      this.#entry(planOf(op, specs, attrs, output), [...specs, output]),
    );
    if (plan.kind === 'alias') return inputs[plan.input]!.buffer;
    if (plan.kind === 'constant') return this.#hold(new OnnxBuffer(output, converted(plan.values, output)));
    const y = this.#hold(new OnnxBuffer(output));
    const buffers = inputs.map(({ buffer }) => buffer);
    const run = async (): Promise<void> => {
      const feeds = Object.fromEntries(
        plan.inputs.map((i) => [inputName(i), this.#tensor(buffers[i]!, specs[i]!)]),
      );
      await this.#fill(await session!.get(), feeds, [[plan.output, y, output]]);
    };
    this.#queue.enqueue({ op, specs, inputs: buffers, outputs: [y], run });
    return y;
  }

  #entry(plan: Plan, specs: readonly TensorSpec[]): Entry {
    if (plan.kind !== 'model') return { plan, session: null, bytes: 0 };
    const elements = specs.reduce((n, { shape }) => n + sizeOf(shape), 0);
    const options: OrtSessionOptions = {
      ...this.#runtime.session(elements < PARALLEL ? 1 : Infinity),
      // Memory is kept per session: of hundreds, each would keep what one op needs.
      enableCpuMemArena: false,
      enableMemPattern: false,
    };
    return { plan, session: this.#session(() => plan.model, options), bytes: plan.bytes };
  }

  #compile(graph: Graph<PrimitiveNode>, captures: readonly OnnxBuffer[]): Executable<OnnxBuffer> {
    this.#alive();
    let lowered: ReturnType<typeof lowerGraph> | null = null;
    const session = this.#session(() => {
      lowered = lowerGraph(
        graph,
        captures.map(({ data }) => data!),
      );
      return encodeModel(lowered.model);
    }, this.#runtime.session(Infinity));
    this.#compiled.add(session);
    const specs = graph.inputs.map((id) => graph.specs[id]!);
    let disposed = false;
    return {
      run: (inputs) => {
        this.#alive();
        if (disposed) throw new StateError('this compiled graph was disposed');
        const outputs = graph.outputs.map((id) => this.#hold(new OnnxBuffer(graph.specs[id]!)));
        const run = async (): Promise<void> => {
          const s = await session.get();
          const feeds = lowered!.inputs.flatMap((name, i) =>
            name === null ? [] : [[name, this.#tensor(inputs[i]!, specs[i]!)] as const],
          );
          const results = outputs.map(
            (y, i) => [lowered!.outputs[i]!, y, graph.specs[graph.outputs[i]!]!] as const,
          );
          await this.#fill(s, Object.fromEntries(feeds), results).catch((error: unknown) => {
            throw failureOf(graph, error);
          });
        };
        this.#queue.enqueue({
          op: 'compiled graph',
          specs: [],
          inputs: [...inputs, ...captures],
          outputs,
          run,
        });
        return outputs;
      },
      dispose: () => {
        if (disposed) return;
        disposed = true;
        this.#compiled.delete(session);
        this.#queue.after(() => session.release());
      },
    };
  }
}

/** What failed in a compiled graph: onnxruntime tells the node's name, and that begins with the number of the primitive. */
function failureOf({ nodes, specs }: Graph<PrimitiveNode>, error: unknown): unknown {
  const number = /Name:'#(\d+) /.exec(String(error))?.[1];
  const node = number === undefined ? undefined : nodes[Number(number)];
  if (!node) return error;
  return new KernelError(
    node.op,
    node.inputs.map((id) => specs[id]!),
    error,
  );
}
