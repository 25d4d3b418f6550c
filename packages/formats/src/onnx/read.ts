import {
  decodeModel,
  type OnnxElement,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '@graftjs/onnx-graph';
import { FormatError } from '../errors.ts';
import { isElement } from '../graph/element.ts';
import type { GraphWithWeights } from '../graph/graph.ts';
import { joinBiases, pruned, simplifyActivations } from '../graph/simplify.ts';
import { foreignFile } from '../sniff/sniff.ts';
import { joinScales, leftOut } from './dequantize.ts';
import { withExternal, type ReadExternal } from './external.ts';
import { OnnxLowering } from './lower.ts';
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
  for (const { name, element } of inputs) {
    if (to.has(name)) throw new FormatError(`two inputs are called '${name}'`);
    if (!isElement(element)) {
      to.note(`input '${name}'`, name, element ? `of ${element}` : 'not a tensor');
      to.bind(name, 'missing');
    } else {
      const known = options.known?.get(name);
      to.bindInput(name, name, element, known && to.tensorConstant(known).array);
    }
  }
  for (const tensor of graph.initializers)
    if (used.has(tensor.name))
      to.attempt(
        `tensor '${tensor.name}'`,
        tensor.name,
        () => to.bindTensor(tensor),
        () => to.bind(tensor.name, 'missing'),
      );
  for (const node of order) translate(node, to);
  const { graph: scaled, weights } = joinScales(to.finished(outputs), to.steps);
  return {
    ...pruned({ graph: simplifyActivations(joinBiases(scaled)), weights }),
    inputs: inputs.map(({ element, shape }, i) => ({ name: to.inputs[i]!, element, shape })),
    outputs,
    metadata: model.metadata,
  };
}

function translate(node: OnnxNode, to: OnnxLowering): void {
  const example = node.name || node.outputs.find(Boolean) || '';
  const op = node.domain ? `${node.domain}.${node.opType}` : node.opType;
  const translation = Object.hasOwn(translations, op) ? translations[op] : undefined;
  const say =
    translation &&
    (() => {
      to.begin(node);
      translation(node, to);
    });
  to.translate(op, example, node.outputs, say);
  // Outputs that the translation does not give are fine as long as nobody asks for them.
  for (const o of node.outputs) if (o && !to.has(o)) to.bindAbsent(o, `${op} at '${example}'`);
}
