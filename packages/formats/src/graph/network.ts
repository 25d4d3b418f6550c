import { Sequential, type DType, type Module, type Shape, type TensorSpec } from '@graftjs/core';
import { fixExtents, shapesOf } from './fixed-extents.ts';
import type { GraphDef, GraphWithWeights } from './graph.ts';
import { inputRange, type InputRange } from './input-range.ts';
import { GraphModule, type GraphModuleOptions } from './module.ts';
import { articulationPoints, cutGraph } from './segments.ts';
import { prune } from './simplify.ts';
import { isPooling, layersOf, planStages } from './stages.ts';

/** An input of a network from a file, under its name in the graph. */
export interface NetworkInput {
  readonly name: string;
  /** What Graft computes it in. */
  readonly dtype: DType;
  /** Are they bytes in the file? */
  readonly isByte?: boolean;
  /** A string is a symbolic extent, such as the batch's; '' an unknown one. Null: nothing is said. */
  readonly shape: readonly (number | string)[] | null;
}

/** A graph as it was read, and what the file says beside it. */
export interface ReadGraph extends GraphWithWeights {
  /** In the order of the graph's inputs. */
  readonly inputs: readonly NetworkInput[];
  /** Names of the outputs in the file, in the order of the graph's outputs. */
  readonly outputs: readonly string[];
}

export interface NetworkOptions extends GraphModuleOptions {
  /** Leave out a softmax that gives the only output, for Graft's classifiers end with logits. Default false. */
  readonly logits?: boolean;
  /**
   * Shape of one sample, for a file that leaves it open, or where it shall be another than the file's. What the network
   * computes from it (paddings, the size of a result) is computed at once where that lets more places be cut. A function
   * is asked with what the file says of the inputs.
   */
  readonly sampleShape?: Shape | ((inputs: readonly NetworkInput[]) => Shape | undefined);
  /**
   * Of a network with several outputs (a detector, two heads) only what comes before they part, as a chain: what
   * `transfer` can build on. Default false: all of it, as one `GraphModule`.
   */
  readonly trunk?: boolean;
}

/** A graph as a module, and how to feed it. */
export interface Network {
  /**
   * With one input and one output, or as a trunk, a chain of `GraphModule`s: `stagesOf`, `transfer` and the cache of locked
   * stages work as with any other. Else one `GraphModule`: call its `run`.
   */
  readonly model: Module;
  readonly inputs: readonly NetworkInput[];
  /** Shape of one sample, if the file fixes it or the caller says it; what `transfer` asks for. */
  readonly sampleShape: readonly number[] | null;
  /** What the first nodes, or the input's type, say of the numbers that it takes; null where they say nothing clear. */
  readonly inputRange: InputRange | null;
  /** A softmax at the end was left out: the file gives probabilities, the model logits. */
  readonly withoutSoftmax: boolean;
  /** Of the file's outputs, in their order: the shape for one sample, without the batch; null where it is not known. */
  readonly outputShapes: readonly (Shape | null)[];
  /** Where the outputs part, if `model` ends there: the name of the last value that all of them need. */
  readonly trunk: string | null;
}

/** Makes a graph that was read the module that `transfer` and the rest of Graft work with. */
export function networkOf(source: ReadGraph, options: NetworkOptions = {}): Network {
  const sampleShape = sampleOf(source.inputs, options);
  const specs = specsOf(source.inputs, sampleShape);
  const shapes = specs ? shapesOf(source.graph, specs) : undefined;
  const shorter = options.logits ? beforeSoftmax(source.graph) : null;
  let graph = shorter ?? source.graph;
  if (specs) graph = fixExtents(graph, specs);
  const trunk = options.trunk && graph.outputs.length > 1 ? trunkOf(graph) : null;
  if (trunk !== null) graph = prune({ ...graph, outputs: [trunk] });
  return {
    // A trunk ends with features, also where its last layer has a kernel of one element.
    model: moduleOf({ graph, weights: source.weights }, trunk === null, options),
    inputs: source.inputs,
    sampleShape,
    inputRange: source.inputs[0]!.isByte ? 'bytes' : inputRange(source),
    withoutSoftmax: shorter !== null,
    outputShapes: source.graph.outputs.map((o) => shapes?.get(o)?.slice(1) ?? null),
    trunk,
  };
}

function sampleOf(inputs: readonly NetworkInput[], options: NetworkOptions): readonly number[] | null {
  const { sampleShape } = options;
  const wanted = typeof sampleShape === 'function' ? sampleShape(inputs) : sampleShape;
  if (wanted) return wanted;
  const extents = inputs.length === 1 ? (inputs[0]!.shape?.slice(1) ?? []) : [];
  const isFixed = extents.length > 0 && extents.every((d) => typeof d === 'number' && d > 0);
  return isFixed ? (extents as number[]) : null;
}

/** Of one input, whose batch is the file's or, where it leaves that open, 2. */
function specsOf(inputs: readonly NetworkInput[], sample: Shape | null): Map<string, TensorSpec> | null {
  const [input, ...rest] = inputs;
  if (!input || rest.length || !sample) return null;
  const batch = input.shape?.[0];
  const shape = [typeof batch === 'number' && batch > 0 ? batch : 2, ...sample];
  return new Map([[input.name, { dtype: input.dtype, shape }]]);
}

/** The network up to the softmax that gives its only output; null where there is none, or nothing before it. */
function beforeSoftmax(graph: GraphDef): GraphDef | null {
  const last = graph.nodes.find((n) => n.name === graph.outputs[0]);
  const logits = last?.inputs[0];
  const isComputed = graph.nodes.some((n) => n.name === logits);
  if (graph.outputs.length !== 1 || last?.op !== 'softmax' || typeof logits !== 'string' || !isComputed)
    return null;
  return prune({ ...graph, outputs: [logits] });
}

/** The last value through which every path to an output leads, before any pooling; null if that is before all layers. */
function trunkOf(graph: GraphDef): string | null {
  if (graph.inputs.length !== 1) return null;
  const layers = new Set(layersOf(graph));
  const first = graph.nodes.findIndex((n) => layers.has(n));
  const points = articulationPoints(graph).filter((end) => first >= 0 && end >= first);
  const end = points.findLast((i) => !isPooling(graph.nodes[i]!)) ?? points.at(-1);
  return end === undefined ? null : graph.nodes[end]!.name;
}

function moduleOf(source: GraphWithWeights, withHead: boolean, options: GraphModuleOptions): Module {
  const { graph, weights } = source;
  const isChain = graph.inputs.length === 1 && graph.outputs.length === 1 && graph.nodes.length > 0;
  if (!isChain) return new GraphModule(graph, weights, options);
  const { stageOf, head } = planStages(source, withHead);
  const stages = cutGraph(source, (node) => stageOf.get(node.name)!);
  return new Sequential(
    new Map(
      stages.map((s) => {
        const stage = s.name === head ? { ...s.graph, role: 'head' as const } : s.graph;
        return [s.name, new GraphModule(stage, s.weights, options)];
      }),
    ),
  );
}
