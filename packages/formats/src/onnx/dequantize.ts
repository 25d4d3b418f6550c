import type { OnnxNode } from '@graftjs/onnx-graph';
import {
  readersOf,
  type GraphDef,
  type GraphInput,
  type GraphNode,
  type GraphValues,
  type GraphWithWeights,
} from '../graph/graph.ts';
import { pruned } from '../graph/simplify.ts';

/** Operations on bytes that multiply, and the inputs: two operands and the zero points of both. */
const PRODUCTS: Readonly<Record<string, readonly [number, number, number, number]>> = {
  ConvInteger: [0, 1, 2, 3],
  MatMulInteger: [0, 1, 2, 3],
  'com.microsoft.MatMulIntegerToFloat': [0, 1, 4, 5],
};

/**
 * The nodes that quantise what a layer takes while the network runs (DynamicQuantizeLinear) only to multiply it at once:
 * their quantisation, which is there for the speed of integers, is left out, and the layer computes with the real numbers.
 * Not those whose bytes, or their zero point, somebody else looks at.
 */
export function leftOut(order: readonly OnnxNode[], outputs: readonly string[]): Set<OnnxNode> {
  const found = new Set(
    order.filter(({ opType, domain }) => opType === 'DynamicQuantizeLinear' && domain === ''),
  );
  const makers = new Map<string, { node: OnnxNode; output: number }>();
  for (const node of found) node.outputs.forEach((name, output) => makers.set(name, { node, output }));
  const keep = (name: string | undefined): void => {
    const maker = makers.get(name ?? '');
    // The scale may go anywhere: it is 1 then.
    if (maker && maker.output !== 1) found.delete(maker.node);
  };
  outputs.forEach((name) => {
    const maker = makers.get(name);
    if (maker) found.delete(maker.node);
  });
  for (const node of order) {
    const places = PRODUCTS[node.domain ? `${node.domain}.${node.opType}` : node.opType];
    node.inputs.forEach((name, i) => {
      const at = places?.indexOf(i) ?? -1;
      if (at < 0) return keep(name);
      // An operand goes with its own zero point, and that with it.
      const maker = makers.get(name);
      const partner = node.inputs[places![at < 2 ? at + 2 : at - 2]!];
      const other = makers.get(partner ?? '');
      const fits = other?.node === maker?.node && maker?.output === (at < 2 ? 0 : 2);
      if (maker && !fits) keep(name);
    });
  }
  return found;
}

/**
 * Multiplies the weights in `steps`, which are whole numbers as a file stores them, by the scale that follows their layer:
 * one number, or one for each output channel.
 */
export function joinScales(source: GraphWithWeights, steps: ReadonlySet<string>): GraphWithWeights {
  if (!steps.size) return source;
  const { graph } = source;
  const readers = readersOf(graph);
  const weights = new Map(source.weights);
  const renamed = new Map<string, string>();
  for (const layer of graph.nodes) {
    const name = layer.inputs[1];
    if (typeof name !== 'string' || !steps.has(name) || layer.inputs.length !== 2) continue;
    const [scale, ...others] = readers.get(layer.name) ?? [];
    if (scale?.op !== 'mul' || others.length) continue;
    if (readers.get(name)!.length !== 1) continue;
    const values = weights.get(name)!;
    const factors = factorsOf(scale.inputs[scale.inputs[0] === layer.name ? 1 : 0]!, layer, graph, weights);
    if (!factors) continue;
    weights.set(name, scaled(values, factors));
    renamed.set(scale.name, layer.name);
  }
  const to = (input: GraphInput): GraphInput =>
    typeof input === 'string' ? (renamed.get(input) ?? input) : input;
  const nodes = graph.nodes
    .filter((n) => !renamed.has(n.name))
    .map((n) => ({ ...n, inputs: n.inputs.map(to) }));
  const outputs = graph.outputs.map((o) => renamed.get(o) ?? o);
  return pruned({ graph: { ...graph, nodes, outputs }, weights });
}

/** A scale as one number or one for each output channel of a layer; null for any other. */
function factorsOf(
  input: GraphInput,
  layer: GraphNode,
  graph: GraphDef,
  weights: ReadonlyMap<string, GraphValues>,
): ArrayLike<number> | null {
  if (typeof input === 'number') return [input];
  if (typeof input !== 'string') return input.values;
  const values = weights.get(input);
  if (!values) return null;
  if (values.data.length === 1) return values.data;
  const kernel = graph.tensors[layer.inputs[1] as string]!.shape;
  const behind = layer.op === 'conv' ? kernel.length - 2 : 0;
  const channel = values.shape.length - 1 - behind;
  const isAlong = values.shape.every((d, i) => d === (i === channel ? kernel[0] : 1));
  return channel >= 0 && isAlong ? values.data : null;
}

function scaled({ shape, data }: GraphValues, factors: ArrayLike<number>): GraphValues {
  const inner = factors.length === 1 ? data.length : data.length / factors.length;
  return { shape, data: data.map((v, i) => v * factors[Math.floor(i / inner)]!) };
}
