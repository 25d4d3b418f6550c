import { GraftError, NameError, type Backend, type Module } from '@graftjs/core';
import { foreignFile, sniffFile } from '@graftjs/formats';
import type { InputRange } from '@graftjs/formats/import';
import { decodeModel, WeightsOnlyError, type ModelInfo } from './model-file.ts';

export interface LoadOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
  /** Side of the pictures in pixels. Default: what the model was made for; 224 where its file leaves that open. */
  readonly size?: number;
  /** Of a network with several outputs the one to lead to, or a value in the middle. Default: up to where they part. */
  readonly output?: string;
  /** What the file is called, for messages; its ending tells what it is where the bytes do not. */
  readonly name?: string;
  /** Reads a file that the model names and lies beside it: weights outside of an `.onnx` file, the shards of a `model.json`. */
  readonly readExternal?: (name: string) => Promise<Uint8Array>;
}

export interface LoadedModel {
  /** In evaluation mode. Locks and parameter groups are as they were. */
  readonly model: Module;
  readonly info: ModelInfo;
  readonly format: 'safetensors' | 'onnx' | 'tfjs';
  /** The numbers that the network's first nodes show it to take, where nobody stated its preprocessing. */
  readonly inputRange: InputRange | null;
  /** Why pictures do not become its input, where something is known of that. */
  readonly notPictures: string | null;
  /** Names and shapes of what the file gives; null for Graft's own files, which give one thing. */
  readonly outputs: readonly string[] | null;
  /** Of a file with several outputs the value where they part, with which the model ends. */
  readonly trunk: string | null;
  /** The file gives probabilities, the model logits. */
  readonly withoutSoftmax: boolean;
}

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

/** What is said of a network whose first nodes tell what it takes. */
const SEEN: Readonly<Record<InputRange, string>> = {
  bytes: 'scales pictures itself and takes their values as they are, 0 … 255',
  unit: 'normalises pictures itself and takes their values as 0 … 1',
};

/**
 * What people should know of how a model was taken from its file, in sentences without a subject: 'does not say how …'.
 * @param option how the caller's user says which output it shall lead to
 */
export function notesOf(
  { info: { preprocess, preprocessAssumed }, inputRange, outputs, trunk }: LoadedModel,
  option: string = "{ output: 'NAME' }",
): string[] {
  const notes: string[] = [];
  const at = preprocess && `at ${preprocess.size} × ${preprocess.size} pixels`;
  if (preprocess && preprocessAssumed)
    notes.push(`does not say how pictures become its input; taken as usual for ImageNet, ${at}`);
  if (preprocess && inputRange) notes.push(`${SEEN[inputRange]}, as its first nodes show; ${at}`);
  if (outputs && trunk !== null)
    notes.push(
      `has ${outputs.length} outputs, ${listed(outputs)}: taken up to '${trunk}', where they part; ${option} takes the way to one`,
    );
  return notes;
}

/** The first six, and how many more there are. */
function listed(names: readonly string[]): string {
  const rest = names.length - 6;
  return names.slice(0, 6).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** @throws GraftError for a network of several outputs, none of which was chosen */
export function wantOneOutput({ outputs }: LoadedModel, option: string = "{ output: 'NAME' }"): void {
  if (outputs && outputs.length > 1)
    throw new GraftError(
      `has ${outputs.length} outputs, ${listed(outputs)}; choose the one with the classes: ${option}`,
    );
}

export interface SaveOnnxOptions {
  /** The graph takes pictures, uint8 `[batch, size, size, 3]`, and makes its input of them itself. Default false. */
  readonly withPreprocessing?: boolean;
  /** Version of Graft, for the record. */
  readonly version?: string;
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
