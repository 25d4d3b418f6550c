import { valuesOf, type OnnxNode, type OnnxTensor } from '@graftjs/onnx-graph';
import { dtypeOf, isElement } from '../graph/element.ts';
import { Lowering, Unsupported, type Constant } from '../graph/lowering.ts';
import { nodeName } from './names.ts';

/**
 * Says one ONNX node in the graph's operations: reads the attributes of `node`, takes its inputs from `to`, gives its
 * outputs to it. What cannot be said throws `Unsupported`.
 */
export type Translation = (node: OnnxNode, to: OnnxLowering) => void;

/** Collects the graph while ONNX nodes are translated into it. */
export class OnnxLowering extends Lowering {
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Weights that are whole numbers still: their scale comes behind their layer. */
  readonly steps: Set<string> = new Set();
  readonly #leftOut: ReadonlySet<OnnxNode>;
  #node: OnnxNode | undefined;

  /** @param leftOut Nodes whose quantisation is left out: see `leftOut`. */
  constructor(opset: number, leftOut: ReadonlySet<OnnxNode>) {
    super();
    this.opset = opset;
    this.#leftOut = leftOut;
  }

  bindTensor(tensor: OnnxTensor): void {
    this.bindConstant(tensor.name, this.tensorConstant(tensor, tensor.name));
  }
  /** A stored tensor as a constant, in the type that Graft computes it in. */
  tensorConstant(tensor: OnnxTensor, source: string | null = null): Constant {
    const { element } = tensor;
    if (!isElement(element)) throw new Unsupported(`a tensor of ${element}`);
    const array = { dtype: dtypeOf(element), shape: tensor.dims, values: valuesOf(tensor) };
    return { kind: 'constant', array, source, element };
  }

  /** From now on, names derive from this node: from those of the inputs that it trains or stores, if these tell. */
  begin(node: OnnxNode): void {
    const sources = node.inputs.flatMap((i) => {
      const v = i && this.has(i) && this.value(i);
      return v &&
        v !== 'missing' &&
        v.kind === 'constant' &&
        v.array.dtype === 'float32' &&
        v.array.shape.length
        ? [v.source ?? i]
        : [];
    });
    this.#node = node;
    this.beginAs(node, nodeName(node, sources));
  }

  /** Does the current node pass on the real numbers instead of quantising them? */
  get leavesOut(): boolean {
    return this.#leftOut.has(this.#node!);
  }
}
