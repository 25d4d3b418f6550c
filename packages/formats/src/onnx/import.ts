import { Sequential, type Module } from '@graftjs/core';
import { GraphModule, type GraphModuleOptions } from '../graph-module.ts';
import { cutGraph } from '../segments.ts';
import { prune } from '../simplify.ts';
import { planStages } from './chain.ts';
import { readOnnx, type OnnxImport, type OnnxReadOptions } from './read.ts';

/** A network from a file, and how to feed it. */
export interface OnnxNetwork extends Pick<OnnxImport, 'inputs' | 'outputs' | 'metadata'> {
  /**
   * With one input and one output a chain of `GraphModule`s: `stagesOf`, `transfer` and the cache of locked stages work as
   * with any other. Else one `GraphModule`: call its `run`.
   */
  readonly model: Module;
  /** Shape of one sample, if the file fixes it; what `transfer` asks for. */
  readonly sampleShape: readonly number[] | null;
  /** A softmax at the end was left out: the file gives probabilities, the model logits. */
  readonly withoutSoftmax: boolean;
}

export interface OnnxImportOptions extends OnnxReadOptions, GraphModuleOptions {
  /** Leave out a softmax that gives the only output, for Graft's classifiers end with logits. Default false. */
  readonly logits?: boolean;
}

/**
 * Reads an `.onnx` file as a trainable network. Parameters have the names that they have in the file, where somebody gave
 * them some: 'layer1.0.conv1.weight' of PyTorch's. Batch norm trains when it is unlocked and in training mode.
 * `transfer` replaces the last linear layer (or convolution with a kernel of one element), the pooling before it and the
 * softmax behind it.
 * @throws FormatError, UnsupportedOpsError: see `readOnnx`.
 */
export async function importOnnx(bytes: Uint8Array, options: OnnxImportOptions = {}): Promise<OnnxNetwork> {
  const whole = await readOnnx(bytes, options);
  const shorter = options.logits ? beforeSoftmax(whole) : null;
  const source = shorter ?? whole;
  const { inputs, outputs, metadata } = source;
  const extents = inputs.length === 1 ? (inputs[0]!.shape?.slice(1) ?? []) : [];
  const known = extents.length > 0 && extents.every((d) => typeof d === 'number' && d > 0);
  return {
    model: moduleOf(source, options),
    inputs,
    outputs,
    metadata,
    sampleShape: known ? (extents as number[]) : null,
    withoutSoftmax: shorter !== null,
  };
}

/** The network up to the softmax that gives its only output; null where there is none, or nothing before it. */
function beforeSoftmax(source: OnnxImport): OnnxImport | null {
  const { graph } = source;
  const last = graph.nodes.find((n) => n.name === graph.outputs[0]);
  const logits = last?.inputs[0];
  const isComputed = graph.nodes.some((n) => n.name === logits);
  if (graph.outputs.length !== 1 || last?.op !== 'softmax' || typeof logits !== 'string' || !isComputed)
    return null;
  return { ...source, graph: prune({ ...graph, outputs: [logits] }) };
}

function moduleOf(source: OnnxImport, options: GraphModuleOptions): Module {
  const { graph, weights } = source;
  const isChain = graph.inputs.length === 1 && graph.outputs.length === 1 && graph.nodes.length > 0;
  if (!isChain) return new GraphModule(graph, weights, options);
  const { stageOf, head } = planStages(source);
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
