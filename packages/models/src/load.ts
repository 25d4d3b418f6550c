import { GraftError, NameError, type Backend, type Module } from '@graftjs/core';
import { foreignFile, sniffFile } from '@graftjs/formats';
import type { SaveOnnxOptions } from './imported-model.ts';
import type { LoadedModel, LoadOptions } from './loaded-model.ts';
import { decodeModel, WeightsOnlyError, type ModelInfo } from './model-file.ts';

const READ = 'a model that Graft reads (.safetensors, .onnx, or a graph-model of TensorFlow.js)';
const KINDS = ['safetensors', 'onnx', 'tfjs-graph'];

/**
 * The model in the bytes of a file, with its classes and preprocessing: of a model that `saveModel` wrote, with the same
 * weights to the last bit; an ONNX model, up to its logits, with what its metadata say where Graft wrote them; a graph-model
 * of TensorFlow.js (the bytes of its `model.json`). The content says which it is. What no file says of an imported network is
 * taken as usual for ImageNet, and `info.preprocessAssumed` says so. A page loads the readers of other formats when it meets one.
 * @throws FormatError on anything else: truncated, altered, written by a newer version; UnsupportedOpsError; GraftError where
 * weights and architecture do not fit.
 * @example
 * const bytes = await saveModel(smallCnn({ classes: 2 }), { classes: ['cat', 'dog'] }); // or of a file
 * const { model, info } = await loadModel(bytes);
 * info.classes; // → ['cat', 'dog']
 * model.forward(zeros([1, 3, 32, 32])).shape; // → [1, 2]
 */
export async function loadModel(bytes: Uint8Array, options: LoadOptions = {}): Promise<LoadedModel> {
  const { name = '', size } = options;
  const foreign = foreignModel(bytes, name);
  if (foreign) throw foreign;
  const kind = sniffFile(bytes)?.id ?? (/\.onnx$/i.test(name) ? 'onnx' : 'safetensors');
  const loaded =
    kind === 'safetensors' ? await ownModel(bytes, options) : await imported(kind, bytes, options);
  const { info } = loaded;
  if (size === undefined || !info.preprocess) return loaded;
  return { ...loaded, info: { ...info, preprocess: { ...info.preprocess, size } } };
}

/** The error for a file that is no model: what it is, and what to do with it. */
export function foreignModel(bytes: Uint8Array, name: string): GraftError | null {
  return foreignFile(bytes, KINDS, READ, name);
}

async function ownModel(bytes: Uint8Array, { backend, output }: LoadOptions): Promise<LoadedModel> {
  const own = {
    format: 'safetensors',
    inputRange: null,
    notPictures: null,
    outputs: null,
    trunk: null,
  } as const;
  if (output !== undefined)
    throw new GraftError('has one output; to choose one is for networks from elsewhere');
  return { ...(await decode(bytes, backend ? { backend } : {})), ...own, withoutSoftmax: false };
}

async function decode(
  bytes: Uint8Array,
  options: { readonly backend?: Backend },
): Promise<ReturnType<typeof decodeModel>> {
  try {
    return decodeModel(bytes, options);
  } catch (error) {
    if (!(error instanceof NameError || error instanceof WeightsOnlyError)) throw error;
    return (await import('./on-demand.ts')).decodeNamed(bytes, options);
  }
}

async function imported(kind: string, bytes: Uint8Array, options: LoadOptions): Promise<LoadedModel> {
  const { readOnnxModel, readTfjsModel } = await import('./on-demand.ts');
  return kind === 'onnx' ? readOnnxModel(bytes, options) : readTfjsModel(bytes, options);
}

/**
 * A model as the bytes of an `.onnx` file that other tools run, with classes, preprocessing, name, licence and source in its
 * metadata, where `loadModel` finds them. See `exportOnnx` of `@graftjs/formats` for any other module.
 * @throws GraftError where `info` does not say how pictures become the input, or an op has no equivalent in ONNX
 * @example
 * const info = { classes: ['cat', 'dog'], preprocess: imageNetPreprocess({ size: 32 }) };
 * const onnx = await saveOnnx(smallCnn({ classes: 2 }), info, { withPreprocessing: true });
 * onnx instanceof Uint8Array; // → true
 */
export async function saveOnnx(
  model: Module,
  info: ModelInfo,
  options: SaveOnnxOptions = {},
): Promise<Uint8Array> {
  const { writeOnnxModel } = await import('./on-demand.ts');
  return writeOnnxModel(model, info, options);
}
