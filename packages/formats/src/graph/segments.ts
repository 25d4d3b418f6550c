import { Sequential } from '@graftjs/core';
import { FormatError } from '../errors.ts';
import type { GraphDef, GraphInput, GraphNode, GraphValues, GraphWithWeights } from './graph.ts';
import { GraphModule, type GraphModuleOptions } from './module.ts';

/**
 * The places where a graph with one input and one output can be cut: positions in `graph.nodes` after which exactly
 * one value, that of the node there, is still needed. These are the articulation points of the graph: any topological
 * order gives the same ones, because every other node either leads to such a node or comes from it.
 */
export function articulationPoints(graph: GraphDef): number[] {
  const lastUse = new Map<string, number>();
  graph.nodes.forEach((node, i) => {
    for (const x of node.inputs) if (typeof x === 'string') lastUse.set(x, i);
  });
  for (const name of graph.outputs) lastUse.set(name, Infinity);
  const live = new Set(graph.inputs);
  const points: number[] = [];
  graph.nodes.forEach((node, i) => {
    for (const x of node.inputs) if (typeof x === 'string' && lastUse.get(x)! <= i) live.delete(x);
    if (lastUse.has(node.name)) live.add(node.name);
    if (live.size === 1 && live.has(node.name)) points.push(i);
  });
  return points;
}

export interface GraphSegment extends GraphWithWeights {
  readonly name: string;
}

/**
 * Cuts a graph with one input and one output into a chain. `stageOf` names the stage that a node belongs to (default:
 * its name up to the first dot); neighbours with one name stay together, and a cut between two names is made at the
 * last articulation point before the name changes. Inside a segment the stage's name is dropped from the names.
 * @throws FormatError where two stages would get one name, or share weights that are trained.
 */
export function cutGraph(
  source: GraphWithWeights,
  stageOf: (node: GraphNode) => string = firstPart,
): GraphSegment[] {
  const { graph } = source;
  if (graph.inputs.length !== 1 || graph.outputs.length !== 1) {
    throw new FormatError(
      `only a graph with one input and one output is a chain, this one has ${graph.inputs.length} and ${graph.outputs.length}`,
    );
  }
  const segments: GraphSegment[] = [];
  const owners = new Map<GraphValues, string>();
  let from = 0;
  let input = graph.inputs[0]!;
  for (const end of articulationPoints(graph)) {
    const next = graph.nodes[end + 1];
    const name = stageOf(graph.nodes[end]!);
    if (next && stageOf(next) === name) continue;
    if (segments.some((s) => s.name === name)) throw new FormatError(`two stages would be called '${name}'`);
    const part = segment(source, name, graph.nodes.slice(from, end + 1), input);
    for (const [tensorName, values] of part.weights) {
      const other = owners.get(values);
      if (other !== undefined && part.graph.tensors[tensorName]!.trainable) {
        throw new FormatError(
          `'${other}' and '${name}' share the weights '${tensorName}': name both stages alike`,
        );
      }
      owners.set(values, name);
    }
    segments.push(part);
    from = end + 1;
    input = graph.nodes[end]!.name;
  }
  return segments;
}

/**
 * The chain of `cutGraph` as modules: each segment can be the cut of a transfer.
 * @throws FormatError where the graph and its weights do not fit.
 */
export function graphSegments(
  source: GraphWithWeights,
  stageOf?: (node: GraphNode) => string,
  options: GraphModuleOptions = {},
): Sequential {
  const parts = cutGraph(source, stageOf);
  return new Sequential(new Map(parts.map((p) => [p.name, new GraphModule(p.graph, p.weights, options)])));
}

const firstPart = (node: GraphNode): string => node.name.split('.')[0]!;

function segment(
  source: GraphWithWeights,
  stage: string,
  nodes: readonly GraphNode[],
  input: string,
): GraphSegment {
  const inside = new Set(nodes.map((n) => n.name));
  const short = (name: string): string =>
    name.startsWith(`${stage}.`) ? name.slice(stage.length + 1) : name;
  const tensors: [string, GraphDef['tensors'][string]][] = [];
  const weights = new Map<string, GraphValues>();
  const inputName = inside.has(`${stage}.input`) ? 'x' : 'input';
  const rename = (name: GraphInput): GraphInput => {
    if (typeof name !== 'string') return name;
    if (name === input) return inputName;
    if (!inside.has(name) && !weights.has(short(name))) {
      tensors.push([short(name), source.graph.tensors[name]!]);
      weights.set(short(name), source.weights.get(name)!);
    }
    return short(name);
  };
  const renamed = nodes.map((n) => ({ ...n, name: short(n.name), inputs: n.inputs.map(rename) }));
  return {
    name: stage,
    graph: {
      inputs: [inputName],
      outputs: [renamed.at(-1)!.name],
      nodes: renamed,
      tensors: Object.fromEntries(tensors),
      ...(source.graph.sampleShape &&
        input === source.graph.inputs[0] && { sampleShape: source.graph.sampleShape }),
    },
    weights,
  };
}
