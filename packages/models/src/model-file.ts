import {
  GraftError,
  type Backend,
  type Module,
  type Preprocess,
  type Shape,
  type TypedArray,
} from '@graftjs/core';
import {
  FormatError,
  readSafetensors,
  readSafetensorsMetadata,
  toStateDict,
  writeSafetensors,
  type Json,
  type SafetensorsTensor,
  type TensorToWrite,
} from '@graftjs/formats';
import { buildModel, describeModel, type ModelDescription } from './describe.ts';

/**
 * A model is one safetensors file: weights under their state-dict names, and one JSON text under the metadata key
 * `graft` with everything else. Python's `safetensors` reads it as it is.
 */

/** Raised when a reader that knows only older files would misread a newer one. */
export const MODEL_FORMAT_VERSION = 1;

/** What is worth knowing about a model besides its weights. All optional, all plain data. */
export interface ModelInfo {
  readonly name?: string;
  /** Class names, in the order of the outputs. */
  readonly classes?: readonly string[];
  /** How a picture becomes the model's input. */
  readonly preprocess?: Preprocess;
  /** Seed of the run that made the weights. */
  readonly seed?: number;
  /** The training record: options, metrics, versions; whatever the trainer keeps. */
  readonly training?: Json;
  readonly licence?: string;
  /** Where the weights came from. */
  readonly source?: string;
  /** For a base: the stage whose output makes the best features for other tasks. */
  readonly defaultCut?: string;
}

export interface SaveOptions {
  /** Stores float32 weights as float16: half the size, three significant digits. Default false. */
  readonly float16?: boolean;
}

/** What the metadata key `graft` holds. */
interface Header {
  readonly formatVersion: number;
  readonly model: ModelDescription;
  readonly info: ModelInfo;
  /** Shortest path prefixes under which every parameter is locked, or in the group. */
  readonly locked: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/** Shortest prefixes, at dots, that cover exactly the `chosen` ones of `all` names. */
function cover(all: readonly string[], chosen: ReadonlySet<string>): string[] {
  const prefixesOf = (name: string): string[] =>
    name.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.'));
  const spoiled = new Set(all.filter((n) => !chosen.has(n)).flatMap(prefixesOf));
  return [
    ...new Set(all.filter((n) => chosen.has(n)).map((n) => prefixesOf(n).find((p) => !spoiled.has(p)) ?? n)),
  ];
}
const under = (name: string, prefixes: readonly string[]): boolean =>
  prefixes.some((p) => name === p || name.startsWith(`${p}.`));

/** The file of a description and its weights; needs no backend. */
export function encodeModel(
  model: ModelDescription,
  tensors: ReadonlyMap<string, TensorToWrite>,
  info: ModelInfo = {},
  options: SaveOptions & Partial<Pick<Header, 'locked' | 'groups'>> = {},
): Uint8Array<ArrayBuffer> {
  const { locked = [], groups = {}, float16 = false } = options;
  const header: Header = { formatVersion: MODEL_FORMAT_VERSION, model, info, locked, groups };
  return writeSafetensors(tensors, { format: 'graft', graft: JSON.stringify(header) }, { float16 });
}

/**
 * A model as the bytes of one file. The same model gives the same bytes. Waits for the backend.
 * @throws UnsupportedError for a module that `describeModel` does not know.
 */
export async function saveModel(
  model: Module,
  info: ModelInfo = {},
  options: SaveOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, { shape: Shape; data: TypedArray }>();
  for (const [name, value] of model.stateDict())
    tensors.set(name, { shape: value.shape, data: await value.data() });
  const parameters = [...model.namedParameters()];
  const all = parameters.map(([name]) => name);
  const where = (test: (p: (typeof parameters)[number][1]) => boolean): string[] =>
    cover(all, new Set(parameters.filter(([, p]) => test(p)).map(([name]) => name)));
  const groups = [...new Set(parameters.map(([, p]) => p.group))].filter((g) => g !== 'default').sort();
  return encodeModel(describeModel(model), tensors, info, {
    ...options,
    locked: where((p) => p.locked),
    groups: Object.fromEntries(groups.map((g) => [g, where((p) => p.group === g)])),
  });
}

export interface LoadOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
}
export interface LoadedModel {
  /** In evaluation mode. Locks and parameter groups are as they were. */
  readonly model: Module;
  readonly info: ModelInfo;
}

function readHeader(metadata: Readonly<Record<string, string>>): Header {
  const text = metadata['graft'];
  if (text === undefined) {
    throw new FormatError(
      "weights without an architecture: the metadata has no 'graft' entry",
      undefined,
      'build the network and use loadStateDict(toStateDict(readSafetensors(bytes).tensors))',
    );
  }
  let header: Partial<Header> | null;
  try {
    header = JSON.parse(text) as Partial<Header> | null;
  } catch {
    throw new FormatError("the metadata entry 'graft' is not JSON");
  }
  const version = header?.formatVersion;
  if (typeof version === 'number' && version > MODEL_FORMAT_VERSION) {
    throw new FormatError(
      `this model was written by a newer Graft (model format ${version}, this one reads up to ${MODEL_FORMAT_VERSION})`,
      undefined,
      'update @graftjs/models',
    );
  }
  if (version !== MODEL_FORMAT_VERSION || typeof header?.model !== 'object' || header.model === null) {
    throw new FormatError("the metadata entry 'graft' does not describe a model");
  }
  const isNames = (v: unknown): v is string[] => Array.isArray(v) && v.every((s) => typeof s === 'string');
  const { info = {}, locked = [], groups = {} } = header;
  if (
    typeof info !== 'object' ||
    !isNames(locked) ||
    typeof groups !== 'object' ||
    !Object.values(groups).every(isNames)
  ) {
    throw new FormatError("the metadata entry 'graft' is malformed");
  }
  return { formatVersion: version, model: header.model, info, locked, groups };
}

/** What a model file says about itself, without reading the weights: `bytes` may end after the file's header. */
export function readModelInfo(bytes: Uint8Array): { model: ModelDescription; info: ModelInfo } {
  const { model, info } = readHeader(readSafetensorsMetadata(bytes));
  return { model, info };
}

/** Weights beside which a description's parameters would be absurdly large are not worth building a network for. */
function checkSizes(bytes: Uint8Array, tensors: ReadonlyMap<string, SafetensorsTensor>): void {
  if (tensors.size === 0) throw new FormatError('the file holds no weights', bytes.length);
}

/**
 * The model in a file that `saveModel` wrote, with the same weights to the last bit (or those of float16, if saved so).
 * @throws FormatError on anything else: truncated, altered, written by a newer version; GraftError where weights and
 * architecture do not fit.
 */
export function loadModel(bytes: Uint8Array, options: LoadOptions = {}): LoadedModel {
  const { metadata, tensors } = readSafetensors(bytes);
  const header = readHeader(metadata);
  checkSizes(bytes, tensors);
  let model: Module;
  try {
    model = buildModel(header.model, { ...options, elements: bytes.length });
  } catch (error) {
    if (error instanceof GraftError || !(error instanceof Error)) throw error;
    throw new FormatError(`the model's description cannot be built: ${error.message}`);
  }
  model.loadStateDict(toStateDict(tensors));
  for (const [name, p] of model.namedParameters()) {
    if (under(name, header.locked)) p.locked = true;
    const group = Object.entries(header.groups).find(([, prefixes]) => under(name, prefixes));
    if (group) p.group = group[0];
  }
  return { model: model.eval(), info: header.info };
}
