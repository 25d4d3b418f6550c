import {
  decodeModel,
  type OnnxElement,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '@graftjs/onnx-graph';
import { FormatError, UnsupportedOpsError, type MissingOp } from '../errors.ts';
import { graphFromJSON, type GraphWithWeights } from '../graph/graph.ts';
import { prune, simplifyActivations } from '../graph/simplify.ts';
import { foreignFile } from '../sniff/sniff.ts';
import { joinScales, leftOut } from './dequantize.ts';
import { withExternal, type ReadExternal } from './external.ts';
import { joinBiases } from '../graph/join-biases.ts';
import { OnnxLowering } from './lower.ts';
import { dtypeOf, Unsupported } from './node.ts';
import { attempt, note } from '../graph/missing.ts';
import { neededNodes } from './order.ts';
import { translations } from './translations.ts';

/** The newest version of ONNX's operators that is known here. */
const NEWEST_OPSET = 23;

export interface OnnxReadOptions {
  /** Values wanted. Default: the model's outputs. What they do not need is left out. */
  readonly outputs?: readonly string[];
  /**
   * Values of inputs, by name, for operations that must know them when the model is read: axes, extents, limits that a
   * file leaves open. Everything else takes such an input as it is given when the graph runs.
   */
  readonly known?: ReadonlyMap<string, OnnxTensor>;
  /** Reads files beside the model that hold weights. Paths that leave the model's folder never reach it. */
  readonly readExternal?: ReadExternal;
}

/** An input of a model, under its name in the graph. */
export interface OnnxInput {
  readonly name: string;
  /** As the file says it; Graft computes every float type in float32, every integer type in int32. */
  readonly element: OnnxElement | null;
  /** A string is a symbolic extent, such as the batch's; '' an unknown one. Null: nothing is said. */
  readonly shape: readonly (number | string)[] | null;
}

export interface OnnxImport extends GraphWithWeights {
  /** In the order of the graph's inputs. */
  readonly inputs: readonly OnnxInput[];
  /** Names of the outputs in the file, in the order of the graph's outputs. */
  readonly outputs: readonly string[];
  /** What the file carries beside the graph: class names and preprocessing of models that Graft wrote, for example. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads an `.onnx` file into a graph of Graft's own operations. Weights are the float constants that convolutions, products
 * and norms take, and factors and summands behind them; everything that follows from constants alone is computed at once.
 * Shapes that the network computes from its inputs' are computed when it runs, so every batch size works.
 * @throws FormatError on malformed files, and on others with what they are; UnsupportedOpsError that lists every operation which is needed and missing.
 */
export async function readOnnx(bytes: Uint8Array, options: OnnxReadOptions = {}): Promise<OnnxImport> {
  const foreign = foreignFile(bytes, ['onnx'], 'an ONNX model');
  if (foreign) throw foreign;
  return graphOfModel(await withExternal(decodeModel(bytes), options.readExternal), options);
}

/**
 * The same for a model that is decoded already, without external data.
 * @throws FormatError, UnsupportedOpsError: see `readOnnx`.
 */
export function graphOfModel(
  model: OnnxModel,
  options: Pick<OnnxReadOptions, 'outputs' | 'known'> = {},
): OnnxImport {
  const { graph } = model;
  const opset = model.opsets.get('') ?? 1;
  if (opset > NEWEST_OPSET) {
    throw new FormatError(
      `this model uses version ${opset} of ONNX's operators, the newest known here is ${NEWEST_OPSET}`,
    );
  }
  const outputs = options.outputs ?? graph.outputs.map((o) => o.name);
  if (!outputs.length) throw new FormatError('the model has no outputs');
  const order = neededNodes(graph, outputs);

  const to = new OnnxLowering(opset, leftOut(order, outputs));
  const used = new Set([...order.flatMap((n) => n.inputs), ...outputs]);
  const stored = new Set<string>();
  for (const tensor of graph.initializers) {
    if (stored.has(tensor.name)) throw new FormatError(`the tensor '${tensor.name}' is stored twice`);
    stored.add(tensor.name);
  }
  const inputs = graph.inputs.filter((i) => used.has(i.name) && !stored.has(i.name));
  const missing = new Map<string, MissingOp>();
  for (const { name, element } of inputs) {
    if (to.has(name)) throw new FormatError(`two inputs are called '${name}'`);
    const dtype = element && dtypeOf(element);
    if (!dtype) {
      note(missing, `input '${name}'`, name, element ? `of ${element}` : 'not a tensor');
      to.bind(name, 'missing');
    } else to.bindInput(name, element, options.known?.get(name));
  }
  for (const tensor of graph.initializers)
    if (used.has(tensor.name))
      attempt(
        missing,
        `tensor '${tensor.name}'`,
        tensor.name,
        () => to.bindTensor(tensor),
        () => to.bind(tensor.name, 'missing'),
      );
  for (const node of order) translate(node, to, missing);
  if (missing.size) throw new UnsupportedOpsError([...missing.values()]);
  return finished(model, inputs, outputs, to);
}

function translate(node: OnnxNode, to: OnnxLowering, missing: Map<string, MissingOp>): void {
  const example = node.name || node.outputs.find(Boolean) || '';
  const bindMissing = (): void => {
    for (const o of node.outputs) if (!to.has(o)) to.bind(o, 'missing');
  };
  const op = node.domain ? `${node.domain}.${node.opType}` : node.opType;
  const translation = Object.hasOwn(translations, op) ? translations[op] : undefined;
  if (!translation) {
    note(missing, op, example);
    return bindMissing();
  }
  attempt(
    missing,
    op,
    example,
    () => {
      to.begin(node);
      translation(node, to);
    },
    bindMissing,
  );
  // Outputs that the translation does not give are fine as long as nobody asks for them.
  for (const o of node.outputs) if (o && !to.has(o)) to.bindAbsent(o, `${op} at '${example}'`);
}

function finished(
  model: OnnxModel,
  inputs: readonly OnnxModel['graph']['inputs'][number][],
  outputs: readonly string[],
  to: OnnxLowering,
): OnnxImport {
  if (!inputs.length) throw new FormatError('the wanted outputs do not depend on any input of the graph');
  const names = outputs.map((o) => outputName(to, o));
  const raw = { inputs: to.inputs, outputs: names, nodes: to.nodes, tensors: to.tensors };
  const scaled = joinScales({ graph: graphFromJSON(raw), weights: to.weights }, to.steps);
  const graph = prune(simplifyActivations(joinBiases(scaled.graph)));
  const weights = new Map([...scaled.weights].filter(([name]) => Object.hasOwn(graph.tensors, name)));
  return {
    graph,
    weights,
    inputs: inputs.map(({ element, shape }, i) => ({ name: to.inputs[i]!, element, shape })),
    outputs,
    metadata: model.metadata,
  };
}

function outputName(to: OnnxLowering, name: string): string {
  try {
    const v = to.value(name);
    if (v === 'missing') throw new FormatError(`the output '${name}' cannot be given`);
    return to.outputName(v, name);
  } catch (error) {
    if (error instanceof Unsupported) throw new FormatError(`the model's output ${error.message}`);
    throw error;
  }
}
