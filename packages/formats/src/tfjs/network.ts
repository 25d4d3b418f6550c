import { networkOf, type Network, type NetworkOptions } from '../graph/network.ts';
import { simplifyActivations } from '../graph/simplify.ts';
import { readTfjsGraphModel, type TfjsOptions } from './read.ts';

/** A network from a TensorFlow.js graph model, and how to feed it. */
export interface TfjsNetwork extends Network {
  /** Names of the outputs, as the graph has them. */
  readonly outputs: readonly string[];
}

export interface TfjsImportOptions extends TfjsOptions, NetworkOptions {}

/**
 * Reads a TensorFlow.js graph model as a trainable network, as `importOnnx` does an `.onnx` file: stages at every cut, the
 * classifier as the head, the trunk of several outputs.
 * `importTfjs(JSON.parse(text), [shard1, shard2], { trunk: true })`
 * @param model the parsed `model.json`; `weights` the shards that its weightsManifest lists.
 * @throws FormatError, UnsupportedOpsError: see `readTfjsGraphModel`.
 */
export function importTfjs(
  model: unknown,
  weights: Uint8Array | readonly Uint8Array[],
  options: TfjsImportOptions = {},
): TfjsNetwork {
  const source = readTfjsGraphModel(model, weights, options);
  const graph = simplifyActivations(source.graph);
  return { ...networkOf({ ...source, graph }, options), outputs: source.outputs };
}
