import type { Backend, Executable, Operand } from '../backend.ts';
import { GraftError, KernelError } from '../errors.ts';
import type { Graph } from '../graph.ts';
import type { OpInputs, OpName } from '../primitives.ts';
import { sizeOf } from '../types.ts';

/**
 * Runs a graph op by op, on any backend. Which buffer is read for the last time where is planned once; there it goes
 * back to the backend, so the next value of its size can have its memory.
 * @param captures A buffer for each of the graph's captures.
 * @returns an executable whose outputs may be buffers of its inputs: where a backend's reshape gives back its input's.
 */
export function interpret<B>(graph: Graph, backend: Backend<B>, captures: readonly B[]): Executable<B> {
  const { specs, nodes } = graph;
  const constants = new Map([...graph.constants].map(([v, data]) => [v, backend.upload(data, specs[v]!)]));
  const lasting: [number, B][] = [
    ...constants,
    ...graph.captures.map((v, i): [number, B] => [v, captures[i]!]),
  ];
  const lastUses = lastUsesOf(graph);

  return {
    run(inputs) {
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
        nodes.forEach((node, i) => {
          const operand = (v: number): Operand<B> => ({ buffer: buffers.get(v)!, spec: specs[v]! });
          let made: B;
          try {
            const operands = node.inputs.map(operand) as unknown as OpInputs<Operand<B>>[OpName];
            made = backend.run<OpName>(node.op, operands, node.attrs, specs[node.output]!);
          } catch (e) {
            const given = node.inputs.map((v) => specs[v]!);
            throw e instanceof GraftError ? e : new KernelError(node.op, given, e);
          }
          buffers.set(node.output, made);
          users.set(made, (users.get(made) ?? 0) + 1);
          for (const value of lastUses[i]!) release(value);
        });
      } catch (e) {
        for (const node of nodes) if (buffers.has(node.output)) release(node.output);
        throw e;
      }
      return graph.outputs.map((v) => buffers.get(v)!);
    },
    dispose() {
      for (const buffer of constants.values()) backend.release(buffer);
    },
  };
}

/** For each node, the computed values that nobody reads after it. */
function lastUsesOf({ nodes, outputs }: Graph): number[][] {
  const last = new Map<number, number>();
  const computed = new Set(nodes.map((n) => n.output));
  nodes.forEach((node, i) => {
    last.set(node.output, i);
    for (const v of node.inputs) if (computed.has(v)) last.set(v, i);
  });
  for (const v of outputs) last.delete(v);
  const uses = nodes.map((): number[] => []);
  for (const [value, i] of last) uses[i]!.push(value);
  return uses;
}

/** Most bytes of inputs and computed values at one time, if each goes after its last use. */
export function peakBytes(graph: Graph): number {
  const bytesOf = (value: number): number => {
    const { shape, dtype } = graph.specs[value]!;
    return sizeOf(shape) * (dtype === 'bool' ? 1 : 4);
  };
  const lastUses = lastUsesOf(graph);
  let now = graph.inputs.reduce((sum, v) => sum + bytesOf(v), 0);
  let most = now;
  graph.nodes.forEach(({ output }, i) => {
    now += bytesOf(output);
    most = Math.max(most, now);
    for (const v of lastUses[i]!) now -= bytesOf(v);
  });
  return most;
}
