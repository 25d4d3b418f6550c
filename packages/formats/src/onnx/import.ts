import { dtypeOf, type ElementType } from '../graph/element.ts';
import { networkOf, type Network, type NetworkInput, type NetworkOptions } from '../graph/network.ts';
import { readOnnx, type OnnxImport, type OnnxInput, type OnnxReadOptions } from './read.ts';

/** A network from a file, and how to feed it. */
export interface OnnxNetwork extends Omit<Network, 'inputs'>, Pick<OnnxImport, 'outputs' | 'metadata'> {
  readonly inputs: readonly (NetworkInput & OnnxInput)[];
}

export interface OnnxImportOptions extends OnnxReadOptions, NetworkOptions {}

/**
 * Reads an `.onnx` file as a trainable network. Parameters have the names that they have in the file, where somebody gave
 * them some: 'layer1.0.conv1.weight' of PyTorch's. Batch norm trains when it is unlocked and in training mode.
 * `transfer` replaces the last linear layer (or convolution with a kernel of one element), the pooling before it and the
 * softmax behind it. Of a network with several outputs `{ trunk: true }` gives what they share, `{ outputs: ['logits'] }`
 * the way to one of them (or to any value in the middle).
 * @throws FormatError, UnsupportedOpsError: see `readOnnx`.
 * @example
 * const net = new Sequential({ conv: new Conv2d(3, 8, 3), pool: new GlobalAvgPool2d(), fc: new Linear(8, 1000) });
 * const base = await importOnnx(await exportOnnx(net, { input: [3, 32, 32] })); // or of a file
 * const model = transfer(base.model, { classes: 3, sampleShape: base.sampleShape! });
 * model.forward(zeros([4, 3, 32, 32])).shape; // → [4, 3]
 */
export async function importOnnx(bytes: Uint8Array, options: OnnxImportOptions = {}): Promise<OnnxNetwork> {
  const source = await readOnnx(bytes, options);
  const { inputs, outputs, metadata } = source;
  const typed = inputs.map(({ name, element, shape }) => ({
    name,
    shape,
    element,
    dtype: dtypeOf(element as ElementType),
    isByte: element === 'uint8',
  }));
  return { ...networkOf({ ...source, inputs: typed }, options), inputs: typed, outputs, metadata };
}
