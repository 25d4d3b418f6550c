import type { Backend, Operand } from './backend.ts';
import { KernelError, GraftError, ShapeError, StateError } from './errors.ts';
import type { FusedAttrs, FusedInputs, FusedName, FusedOutputs } from './fused.ts';
import { wantDtype, wantRoom } from './ops/check.ts';
import type { OpAttrs, OpInputs, OpName } from './primitives.ts';
import { isTensor, scope, Tensor, type TensorLike } from './tensor.ts';
import type { TensorSpec } from './types.ts';

/** What a vjp gets: the forward's tensors, the gradient of each output, and which gradients are wanted. */
export interface VjpContext<A, I = readonly Tensor[]> {
  readonly inputs: I;
  /** The first (usually the only) output. */
  readonly y: Tensor;
  readonly outputs: readonly Tensor[];
  /** The gradient with respect to `y`. */
  readonly gy: Tensor;
  /** One per output; null where the loss does not depend on it. */
  readonly grads: readonly (Tensor | null)[];
  readonly attrs: A;
  /** `needs[i]`: input i's gradient is used. Compute only those; give null for the others. */
  readonly needs: readonly boolean[];
}

/** One gradient per input, null where there is none or it is not needed. */
export type Vjp<N extends OpName> = (
  ctx: VjpContext<OpAttrs[N], OpInputs<Tensor>[N]>,
) => OpInputs<Tensor | null>[N];

export interface OpDefinition<N extends OpName> {
  readonly name: N;
  /** The output's spec; the only place where arguments are checked. */
  readonly infer: (inputs: OpInputs<TensorSpec>[N], attrs: OpAttrs[N]) => TensorSpec;
  /** Written in public ops, so that gradients differentiate too. */
  readonly vjp: Vjp<N>;
  /** Multiplications and additions, for reports. */
  readonly flops: (inputs: OpInputs<TensorSpec>[N], attrs: OpAttrs[N], output: TensorSpec) => number;
}

/** What happened in one `apply`, as tapes record it. */
export interface Recorded {
  readonly name: string;
  /** The primitive's attributes; most composites with a gradient of their own have none. */
  readonly attrs?: unknown;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly vjp: (ctx: Omit<VjpContext<unknown>, 'attrs'>) => readonly (Tensor | null)[];
}
/** How a composite is known to who may take it whole: a backend with a kernel for it, a format with a word for it. */
export interface CompositeHead {
  readonly name: string;
  /** Null where an optional one is absent. */
  readonly inputs: readonly (Tensor | null)[];
  readonly attrs: object;
  /** What a backend's kernel gives: for those in `FusedAttrs`. */
  readonly outputs?: readonly TensorSpec[];
}
/** Sees every op that runs while it is installed. */
export interface Recorder {
  record(entry: Recorded): void;
  /** Does it care what becomes of this tensor? Where nobody does, fused kernels may run. Default: of every one. */
  follows?(t: Tensor): boolean;
}

/** Carries an op out. *Eager* calls the backend at once; a tracer appends a node to a graph instead. */
export interface Runner {
  run<N extends OpName>(
    op: OpDefinition<N>,
    inputs: OpInputs<Tensor>[N],
    attrs: OpAttrs[N],
    output: TensorSpec,
  ): Tensor;
  /** Carries out a composite that has a name; `parts` is its definition. Default: the parts alone. */
  composite?(head: CompositeHead, parts: () => readonly Tensor[]): readonly Tensor[];
}

/** Runs a kernel at once. A failure becomes a `KernelError`; buffers become tensors. */
export function carryOut(
  name: string,
  inputs: readonly (Tensor | null)[],
  outputs: readonly TensorSpec[],
  kernel: (operands: (Operand<unknown> | null)[]) => readonly unknown[],
): Tensor[] {
  const given = inputs.filter((t) => t !== null);
  const backend = commonBackend(name, given);
  const operands = inputs.map((t) => t && { buffer: t.storage.buffer, spec: t });
  let buffers: readonly unknown[];
  try {
    buffers = kernel(operands);
  } catch (e) {
    throw e instanceof GraftError ? e : new KernelError(name, given, e);
  }
  return outputs.map((output, i) => {
    // A kernel may hand back an input's buffer: then the tensors share one storage.
    const alias = given.find((t) => t.storage.buffer === buffers[i]);
    return alias ? new Tensor(alias.storage, output) : Tensor.fromBuffer(backend, buffers[i], output);
  });
}

const eager: Runner = {
  run(op, inputs, attrs, output) {
    const { backend } = inputs[0];
    return carryOut(op.name, inputs, [output], (operands) => [
      backend.run(op.name, operands as unknown as OpInputs<Operand<unknown>>[typeof op.name], attrs, output),
    ])[0]!;
  },
  composite({ name, inputs, attrs, outputs }, parts) {
    const kernel = outputs && fusedKernel(inputs[0]!.backend, name);
    if (!kernel || isFollowed(inputs) || Object.values(attrs).some(isTensor)) return parts();
    return carryOut(name, inputs, outputs, (operands) => kernel(operands, attrs, outputs));
  },
};

type AnyFusedKernel<B> = (
  inputs: readonly (Operand<B> | null)[],
  attrs: object,
  outputs: readonly TensorSpec[],
) => readonly B[];

/** A backend's kernel for a whole composite. */
export function fusedKernel<B>(backend: Backend<B>, name: string): AnyFusedKernel<B> | undefined {
  const fused = backend.fused as Readonly<Record<string, AnyFusedKernel<B>>> | undefined;
  return fused && Object.hasOwn(fused, name) ? fused[name] : undefined;
}

let runner: Runner = eager;
let recorders: Recorder[] = [];

/** Runs `fn` with another runner: the doorway for tracing. */
export function withRunner<T>(next: Runner, fn: () => T): T {
  const before = runner;
  runner = next;
  try {
    return fn();
  } finally {
    runner = before;
  }
}

/** Runs `fn` with exactly these recorders listening. */
export function withRecorders<T>(next: Recorder[], fn: () => T): T {
  const before = recorders;
  recorders = next;
  try {
    return fn();
  } finally {
    recorders = before;
  }
}

export function activeRecorders(): readonly Recorder[] {
  return recorders;
}

/** Does a recorder care what becomes of one of these tensors? */
export function isFollowed(tensors: readonly (Tensor | null)[]): boolean {
  return recorders.some((r) => !r.follows || tensors.some((t) => t && r.follows!(t)));
}

/**
 * Runs `fn` unseen by any tape: its results are constants to autodiff. PyTorch's `no_grad`.
 * @example
 * const f = (x: Tensor) => sum(mul(x, noGrad(() => mul(x, 10))));
 * grad(f)(tensor([1, 2])); // → [[10, 20]]
 */
export function noGrad<T>(fn: () => T): T {
  return withRecorders([], fn);
}

export function commonBackend(name: string, inputs: readonly Tensor[]): Backend {
  const backend = inputs[0]?.backend;
  if (!backend) throw new GraftError(`${name}: no input`);
  for (const t of inputs) {
    if (t.backend !== backend) {
      throw new StateError(
        `${name}: inputs live on different backends ('${backend.name}' and '${t.backend.name}'): move one with await t.to(backend)`,
      );
    }
  }
  return backend;
}

/** A definition with its doorway: `apply` infers, hands to the runner, and tells the recorders. */
export interface Primitive<N extends OpName> extends OpDefinition<N> {
  readonly apply: (inputs: OpInputs<Tensor>[N], attrs: OpAttrs[N]) => Tensor;
}

/** @throws StateError or ShapeError where one of an operation's inputs is no tensor of this copy of core. */
export function wantTensors(name: string, inputs: readonly (Tensor | null)[]): void {
  inputs.forEach((t, i) => {
    if (t !== null && !isTensor(t)) {
      const given = Array.isArray(t) ? 'an array' : String(t);
      throw new ShapeError(`${name}: input ${i} is ${given}, it must be a tensor: tensor(…) makes one`);
    }
  });
}

/** Defines a primitive. Calls are marked as pure: bundlers leave out what nobody uses. */
export function defineOp<N extends OpName>(op: OpDefinition<N>): Primitive<N> {
  const apply: Primitive<N>['apply'] = (inputs, attrs) => {
    wantTensors(op.name, inputs);
    const spec = op.infer(inputs, attrs);
    wantRoom(op.name, spec, inputs[0]?.backend);
    const output = runner.run(op, inputs, attrs, spec);
    if (recorders.length) {
      const entry: Recorded = {
        name: op.name,
        attrs,
        inputs,
        outputs: [output],
        vjp: (ctx) => op.vjp({ ...ctx, inputs, attrs }),
      };
      for (const r of recorders) r.record(entry);
    }
    return output;
  };
  return { ...op, apply };
}

/**
 * A composite with a gradient of its own: `forward` runs unseen by the tapes, which record one node whose gradient is
 * `vjp`. Worth it where the derivative in closed form is cheaper, or more accurate, than that of the parts (batch
 * norm, softmax cross-entropy). `vjp` is written in public ops, so it differentiates again.
 * @param inputs Null where an optional one is absent: `needs` and the gradients have the same places.
 * @param forward Gives the outputs, of any shape.
 * @param attrs With them it has a name for who takes composites whole; see `composite`. Recorders see them.
 * @throws GraftError where `forward` gives a promise.
 * @example
 * // The square, with its derivative by hand.
 * const square = (x: Tensor) =>
 *   customVjp('square', [x], () => [mul(x, x)], ({ gy }) => [mul(mul(x, 2), gy)])[0]!;
 * grad((x) => sum(square(x)))(tensor([1, 3])); // → [[2, 6]]
 */
export function customVjp(
  name: string,
  inputs: readonly (Tensor | null)[],
  forward: () => readonly Tensor[],
  vjp: (ctx: Omit<VjpContext<unknown>, 'attrs'>) => readonly (Tensor | null)[],
  attrs?: object,
): readonly Tensor[] {
  const run = (): readonly Tensor[] => composite(forward, attrs && { name, inputs, attrs });
  if (!recorders.length) return run();
  const outputs = noGrad(run);
  const places = [...inputs.keys()].filter((i) => inputs[i]);
  const entry: Recorded = {
    name,
    attrs,
    inputs: places.map((i) => inputs[i]!),
    outputs,
    vjp: (ctx) => {
      const needs = inputs.map((_, i) => ctx.needs[places.indexOf(i)] ?? false);
      const gradients = vjp({ ...ctx, needs });
      return places.map((i) => gradients[i] ?? null);
    },
  };
  for (const r of recorders) r.record(entry);
  return outputs;
}

/**
 * A composite: frees its intermediate tensors at once, but for those that a tape needs to walk back.
 * @param head Its name, where somebody may take it whole in a graph, and not its parts: the ONNX operator for 'softmax'. Who
 * does not know the name takes the parts. So it is a claim: what has the name of one of Graft's own composites, and
 * attributes, is that one.
 * @throws GraftError where `fn` gives a promise.
 * @example
 * const rms = (x: Tensor) => composite(() => sqrt(mean(mul(x, x))));
 * rms(tensor([3, 4, 5, 6])); // → 4.637
 */
export function composite<T>(fn: () => T, head?: CompositeHead): T {
  if (!head || !runner.composite) return scope(fn);
  let result: T | undefined;
  const outputs = runner.composite(head, () => {
    result = scope(fn);
    return isTensor(result) ? [result] : (result as readonly Tensor[]);
  });
  return result ?? (outputs as T);
}

/**
 * Frees what a composite has made on its way before its end, once the next value is there: of a long chain only one link
 * has to be in memory. Left alone are tensors that are not the composite's to free: those made up to `since` (see
 * `Tensor.lastId`), kept ones, those that a tape needs, and all of them while a recorder listens that may look again.
 * @param t Any shape.
 */
export function freeEarly(t: Tensor, since: number): void {
  if (t.id <= since || t.kept || t.retained > 0) return;
  if (recorders.every((r) => r.follows)) t.dispose();
}

export interface FusedDefinition<N extends FusedName> {
  readonly name: N;
  /** Output specs; checks the arguments. */
  readonly infer: (
    inputs: FusedInputs<TensorSpec>[N],
    attrs: FusedAttrs<TensorLike>[N],
  ) => FusedOutputs<TensorSpec>[N];
  /** The definition, in public ops: what every backend without a kernel runs, and what tapes and tracers see. */
  readonly decompose: (
    inputs: FusedInputs<Tensor>[N],
    attrs: FusedAttrs<TensorLike>[N],
  ) => FusedOutputs<Tensor>[N];
}

/** A definition with its doorway. */
export interface FusedComposite<N extends FusedName> extends FusedDefinition<N> {
  /** Runs the backend's kernel where there is one and nobody follows the inputs, otherwise the decomposition. */
  readonly apply: (
    inputs: FusedInputs<Tensor>[N],
    attrs: FusedAttrs<TensorLike>[N],
  ) => FusedOutputs<Tensor>[N];
}

/** Defines a composite that backends may have a kernel for. */
export function defineFused<N extends FusedName>(definition: FusedDefinition<N>): FusedComposite<N> {
  const { name, infer, decompose } = definition;
  const apply: FusedComposite<N>['apply'] = (inputs, attrs) => {
    wantTensors(name, inputs);
    for (const t of inputs) if (t) wantDtype(name, 'input', t, 'float32');
    const outputs = infer(inputs, attrs).map(({ dtype, shape }) => ({ dtype, shape }));
    return composite(() => decompose(inputs, attrs), { name, inputs, attrs, outputs });
  };
  return { ...definition, apply };
}
