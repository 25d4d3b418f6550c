import type { Backend, Executable, Operand } from '../backend.ts';
import { GraftError, KernelError } from '../errors.ts';
import {
  inputsOf,
  isComposite,
  nameOf,
  outputsOf,
  type CompositeNode,
  type Graph,
  type GraphNode,
} from '../graph.ts';
import { fusedKernel } from '../op.ts';
import type { OpInputs, OpName } from '../primitives.ts';
import type { TensorSpec } from '../types.ts';

/**
 * Runs a graph node by node, on any backend. Which buffer is read for the last time where is planned once; there it goes
 * back to the backend, so the next value of its size can have its memory.
 * @param graph Composites in it have kernels among the backend's `fused`.
 * @param captures A buffer for each of the graph's captures.
 * @returns an executable whose outputs may be buffers of its inputs: where a backend's reshape gives back its input's.
 * @throws KernelError, when it runs, where a kernel fails.
 */
export function interpret<B>(graph: Graph, backend: Backend<B>, captures: readonly B[]): Executable<B> {
  const { specs } = graph;
  const constants = new Map([...graph.constants].map(([v, data]) => [v, backend.upload(data, specs[v]!)]));
  const lasting: [number, B][] = [
    ...constants,
    ...graph.captures.map((v, i): [number, B] => [v, captures[i]!]),
  ];
  const lastUses = lastUsesOf(graph.nodes, graph.outputs);
  const steps = graph.nodes.map((node, i) => ({
    inputs: node.inputs,
    outputs: outputsOf(node),
    run: stepOf(node, graph, backend),
    last: lastUses[i]!,
  }));

  return {
    run(inputs, scalars = []) {
      const buffers = new Map(lasting);
      graph.inputs.forEach((v, i) => buffers.set(v, inputs[i]!));
      const users = new Map<B, number>(); // values that are in a buffer; a reshape may share its input's
      for (const buffer of buffers.values()) users.set(buffer, Infinity);
      const release = (value: number): void => {
        const buffer = buffers.get(value)!;
        const left = users.get(buffer)! - 1;
        buffers.delete(value);
        if (left > 0) users.set(buffer, left);
        else {
          users.delete(buffer);
          backend.release(buffer);
        }
      };
      try {
        for (const step of steps) {
          const operands = step.inputs.map((v): Operand<B> | null =>
            v === null ? null : { buffer: buffers.get(v)!, spec: specs[v]! },
          );
          const made = step.run(operands, scalars);
          step.outputs.forEach((v, i) => {
            buffers.set(v, made[i]!);
            users.set(made[i]!, (users.get(made[i]!) ?? 0) + 1);
          });
          for (const value of step.last) release(value);
        }
      } catch (e) {
        for (const { outputs } of steps) for (const v of outputs) if (buffers.has(v)) release(v);
        throw e;
      }
      return graph.outputs.map((v) => buffers.get(v)!);
    },
    dispose() {
      for (const buffer of constants.values()) backend.release(buffer);
    },
  };
}

type Step<B> = (operands: (Operand<B> | null)[], scalars: readonly number[]) => readonly B[];

/** A node as a call of its kernel. */
function stepOf<B>(node: GraphNode, graph: Graph, backend: Backend<B>): Step<B> {
  const outputs = outputsOf(node).map((v) => graph.specs[v]!);
  const run: Step<B> = isComposite(node)
    ? fusedStep(node, graph.scalars, backend, outputs)
    : (operands) => [
        backend.run<OpName>(
          node.op,
          operands as unknown as OpInputs<Operand<B>>[OpName],
          node.attrs,
          outputs[0]!,
        ),
      ];
  return (operands, scalars) => {
    try {
      return run(operands, scalars);
    } catch (e) {
      const given = inputsOf(node).map((v) => graph.specs[v]!);
      throw e instanceof GraftError ? e : new KernelError(nameOf(node), given, e);
    }
  };
}

function fusedStep<B>(
  { composite, attrs, scalars }: CompositeNode,
  places: readonly number[],
  backend: Backend<B>,
  outputs: readonly TensorSpec[],
): Step<B> {
  const kernel = fusedKernel(backend, composite);
  if (!kernel) throw new GraftError(`interpret: '${backend.name}' has no kernel for '${composite}'`);
  const given = Object.entries(scalars).map(([name, value]) => [name, places.indexOf(value)] as const);
  return (operands, numbers) => {
    const now = Object.fromEntries(given.map(([name, i]) => [name, numbers[i]!]));
    return kernel(operands, { ...attrs, ...now }, outputs);
  };
}

/** For each node, the computed values that nobody reads after it. */
export function lastUsesOf(nodes: readonly GraphNode[], outputs: readonly number[]): number[][] {
  const last = new Map<number, number>();
  const computed = new Set(nodes.flatMap(outputsOf));
  nodes.forEach((node, i) => {
    for (const v of outputsOf(node)) last.set(v, i);
    for (const v of inputsOf(node)) if (computed.has(v)) last.set(v, i);
  });
  for (const v of outputs) last.delete(v);
  const uses = nodes.map((): number[] => []);
  for (const [value, i] of last) uses[i]!.push(value);
  return uses;
}
