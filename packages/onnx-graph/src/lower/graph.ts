import type { Graph, OpAttrs, OpInputs, OpName, PrimitiveNode, TypedArray } from '@graftjs/core/backend';
import type { OnnxModel } from '../model.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { lower } from './lower.ts';

/** A graph of core's in ONNX. */
export interface LoweredGraph {
  readonly model: OnnxModel;
  /** Names of the inputs, in the graph's order; null for one that no output depends on. */
  readonly inputs: readonly (string | null)[];
  readonly outputs: readonly string[];
}

/**
 * Says a whole graph in ONNX. Names of nodes begin with the graph's node that they are part of, '#7 conv: '; captures become
 * initializers, as constants do.
 */
export function lowerGraph(graph: Graph<PrimitiveNode>, captures: readonly TypedArray[]): LoweredGraph {
  const b = new GraphBuilder();
  const values = new Map<number, Value>();
  const specOf = (id: number): Graph['specs'][number] => graph.specs[id]!;
  graph.inputs.forEach((id, i) => values.set(id, b.input(`input${i}`, specOf(id))));
  const constant = (id: number, data: TypedArray): void => {
    const { shape, dtype } = specOf(id);
    values.set(id, b.constant(data, shape, dtype));
  };
  graph.captures.forEach((id, i) => constant(id, captures[i]!));
  for (const [id, data] of graph.constants) constant(id, data);
  for (const [i, { op, inputs, attrs, output }] of graph.nodes.entries()) {
    b.label = `#${i} ${op}: `;
    const operands = inputs.map((id) => values.get(id)!) as unknown as OpInputs<Value>[OpName];
    values.set(output, lower<OpName>(b, op, operands, attrs as OpAttrs[OpName], specOf(output)));
  }
  const { model, outputs } = b.model(graph.outputs.map((id) => values.get(id)!));
  const used = new Set(model.graph.inputs.map(({ name }) => name));
  return {
    model,
    inputs: graph.inputs.map((id) => {
      const { name } = values.get(id)!;
      return used.has(name) ? name : null;
    }),
    outputs: outputs.map(({ name }) => name),
  };
}
