import { GraftError, type Module, type Preprocess, type Shape, type Tensor } from '@graftjs/core';
import { trace, type Traced, evaluating, type Cell } from '@graftjs/core/extend';
import { isComposite, outputsOf, type GraphNode } from '@graftjs/core/backend';
import {
  encodeModel,
  GraphBuilder,
  tensorOf,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type Value,
} from '@graftjs/onnx-graph';
import { BATCHES, withDynamicBatch, type Built } from './batch.ts';
import { composites } from './composites.ts';
import type { Emit } from './emit.ts';
import { layersOf } from './layers.ts';
import { preprocessing } from './preprocessing.ts';
import { emitPrimitive } from './primitives.ts';

export interface OnnxExportOptions {
  /** Shape of one sample as the model takes it, without the batch: `[3, 224, 224]`, or `[224, 224, 3]` with channels last. */
  readonly input: Shape;
  /** Class names in the order of the outputs; they go into the metadata. */
  readonly classes?: readonly string[];
  /** How a picture becomes the model's input; it goes into the metadata. */
  readonly preprocess?: Preprocess;
  /**
   * Put the preprocessing into the graph: its input is then uint8 `[batch, size, size, 3]`, RGB pictures that were scaled to
   * `preprocess.size`. Default false.
   */
  readonly withPreprocessing?: boolean;
  /** More entries of the metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Version of Graft, for the record. */
  readonly version?: string;
}

/** Keys of the metadata that Graft writes; their values are JSON. */
export const ONNX_METADATA = { classes: 'graft.classes', preprocess: 'graft.preprocess' } as const;

/**
 * A model as an `.onnx` file (opset 17) that other tools run: standard operators, weights under their state-dict names, a
 * batch of any size. The input is called 'input' (or 'pictures', uint8), the output 'logits'. The model is taken as in
 * `eval()`, whatever mode it is in. Any module can be exported, for what it does is recorded, not what it is: a composite
 * for which ONNX has no operator goes into the file as its parts.
 * @throws GraftError where an op has no equivalent, or something depends on the batch size in a way that ONNX cannot say;
 * UnsupportedError where `forward` looks at values.
 */
export async function exportOnnx(model: Module, options: OnnxExportOptions): Promise<Uint8Array> {
  const { preprocess, classes, withPreprocessing = false, metadata = {}, version = '' } = options;
  if (withPreprocessing && !preprocess)
    throw new GraftError(
      'exportOnnx: to put the preprocessing into the graph, say what it is (`preprocess`)',
    );
  const names = new Map<Cell, string>(
    [...model.namedParameters(), ...model.namedBuffers()].map(([name, cell]) => [cell, name]),
  );
  const values = new Map<unknown, Promise<ArrayLike<number>>>();
  const builds: Built[] = [];
  for (const batch of BATCHES) {
    const spec = { dtype: 'float32', shape: [batch, ...options.input] } as const;
    const traced = evaluating([model], () => trace((x: Tensor) => model.forward(x), [spec]));
    try {
      const pictures = withPreprocessing ? preprocess! : null;
      builds.push(await build(traced, names, values, batch, pictures));
    } finally {
      traced.dispose();
    }
  }
  const [a, b] = builds as [Built, Built];
  const whole: OnnxModel = {
    ...withDynamicBatch(a, b),
    producerVersion: version,
    metadata: new Map([
      ...Object.entries(metadata),
      ...(classes ? [[ONNX_METADATA.classes, JSON.stringify(classes)] as const] : []),
      ...(preprocess ? [[ONNX_METADATA.preprocess, JSON.stringify(preprocess)] as const] : []),
    ]),
  };
  return encodeModel(whole);
}

/** Says a graph in ONNX, for one batch size. */
async function build(
  { graph, feeds, results, writes }: Traced<unknown>,
  names: ReadonlyMap<Cell, string>,
  read: Map<unknown, Promise<ArrayLike<number>>>,
  batch: number,
  pictures: Preprocess | null,
): Promise<Built> {
  if (writes.size)
    throw new GraftError('the function changes parameters or buffers: record it in evaluation mode, eval()');
  const { specs, constants } = graph;
  const nodes = layersOf(graph.nodes, results);
  const b = new GraphBuilder();
  const known = new Map<number, Value>();
  const used = new Set(nodes.flatMap((node) => node.inputs));
  for (const [id, data] of constants) known.set(id, b.constant(data, specs[id]!.shape, specs[id]!.dtype));
  for (const [id, feed] of feeds) {
    const spec = specs[id]!;
    if (feed.kind === 'argument') {
      known.set(id, pictures ? preprocessing(b, pictures, batch, spec.shape) : b.input('input', spec));
      continue;
    }
    if (feed.kind === 'host') throw new GraftError('exportOnnx: the network draws random numbers');
    if (!used.has(id) && !results.includes(id)) continue;
    const tensor = feed.kind === 'cell' ? feed.cell.value : feed.tensor;
    // Its numbers are read once for both builds.
    let numbers = read.get(tensor.storage);
    if (!numbers) read.set(tensor.storage, (numbers = tensor.data()));
    const name = feed.kind === 'cell' ? (names.get(feed.cell) ?? `buffer${id}`) : `constant${id}`;
    known.set(id, b.initializer(tensorOf(name, spec.dtype, spec.shape, await numbers)));
  }
  for (const node of nodes) {
    const inputs = node.inputs.map((id) => (id === null ? null : known.get(id)!));
    const outputs = outputsOf(node);
    const made = emitNode({ b, inputs, outputs: outputs.map((id) => specs[id]!) }, node);
    outputs.forEach((id, i) => known.set(id, made[i]!));
  }
  if (results.length !== 1)
    throw new GraftError(`exportOnnx: the network gives ${results.length} tensors, it must give one`);
  const { model } = b.model([known.get(results[0]!)!], ['logits']);
  return { model: named(model), shapes: b.shapes };
}

function emitNode(e: Emit, node: GraphNode): readonly Value[] {
  if (!isComposite(node)) return [emitPrimitive(e, node.op, node.attrs)];
  const made = composites[node.composite]!(e, node.attrs as never);
  return Array.isArray(made) ? (made as Value[]) : [made as Value];
}

/** Nodes with weights of their own get the layer's name: 'layer1.0.conv1' where 'layer1.0.conv1.weight' is. */
function named(model: OnnxModel): OnnxModel {
  const taken = new Set<string>();
  const weights = new Set(model.graph.initializers.map((t: OnnxTensor) => t.name));
  const nodes = model.graph.nodes.map((node): OnnxNode => {
    const weight = node.inputs.find((name) => weights.has(name) && name.includes('.'));
    const name = weight?.slice(0, weight.lastIndexOf('.'));
    if (name === undefined || taken.has(name)) return node;
    taken.add(name);
    return { ...node, name };
  });
  return { ...model, graph: { ...model.graph, nodes } };
}
