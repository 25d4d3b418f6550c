import { type Backend, type Module, type Preprocess } from '@graftjs/core';
import { parsePreprocess } from '@graftjs/core/extend';
import {
  FormatError,
  newerFormat,
  readSafetensors,
  readSafetensorsMetadata,
  toStateDict,
  writeSafetensors,
  type Json,
  type Safetensors,
  type TensorToWrite,
} from '@graftjs/formats';
import { buildDescribed, describeModel, type ModelDescription } from './describe.ts';
import type { Network } from './networks/network.ts';
import { nowhere } from './nowhere.ts';
import { collected, stateParts, type FileParts, type SaveOptions } from './weights-file.ts';

/**
 * A model is one safetensors file: weights under their state-dict names, and one JSON text under the metadata key
 * `graft` with everything else. Python's `safetensors` reads it as it is.
 */

/** Raised when a reader that knows only older files would misread a newer one. */
export const MODEL_FORMAT_VERSION = 1;

/** What is worth knowing about a model besides its weights. All optional, all plain data. */
export interface ModelInfo {
  readonly name?: string;
  /** Class names, in the order of the outputs. A file has them in Unicode's NFC: 'é' is one letter, however it was typed. */
  readonly classes?: readonly string[];
  /** How a picture becomes the model's input. */
  readonly preprocess?: Preprocess;
  /** Nobody stated `preprocess`: it was assumed when the network was read from a file that does not say it. */
  readonly preprocessAssumed?: boolean;
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

/** What the metadata key `graft` holds. */
interface Header {
  readonly formatVersion: number;
  /** Of a format that is newer than 1: the oldest version of Graft that reads it. */
  readonly needs?: string;
  readonly model: ModelDescription;
  readonly info: ModelInfo;
  readonly flags: Flags;
}

/** The `chosen` ones of `all` names, as short as can be said: 'a.b.*' is 'a.b' and everything below it. */
function cover(all: readonly string[], chosen: ReadonlySet<string>): string[] {
  const prefixesOf = (name: string): string[] =>
    name.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.'));
  const spoiled = new Set(all.filter((n) => !chosen.has(n)).flatMap(prefixesOf));
  const patterns = [...chosen].map((n) => {
    const whole = prefixesOf(n).find((p) => !spoiled.has(p));
    return whole === undefined ? n : `${whole}.*`;
  });
  return [...new Set(patterns)];
}
const covered = (name: string, patterns: readonly string[]): boolean =>
  patterns.some((p) => name === p || (p.endsWith('.*') && `${name}.`.startsWith(p.slice(0, -1))));

/** What training has set on a model's parts, besides the weights. */
interface Flags {
  /** Modules and parameters that are locked. */
  readonly locked: readonly string[];
  /** Batch norms that run on stored statistics. */
  readonly stored: readonly string[];
  /** Parameters by group, but for 'default'. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

function readFlags(model: Module): Flags {
  const parameters = [...model.namedParameters()];
  const modules = [...model.namedModules()].filter(([name]) => name !== '');
  const pick = <T>(list: readonly [string, T][], test: (v: T) => boolean): string[] =>
    cover(
      list.map(([name]) => name),
      new Set(list.filter(([, v]) => test(v)).map(([name]) => name)),
    );
  const groups = [...new Set(parameters.map(([, p]) => p.group))].filter((g) => g !== 'default').sort();
  return {
    locked: pick<{ readonly locked: boolean }>([...modules, ...parameters], (v) => v.locked),
    stored: pick(
      modules.filter(([, m]) => m.statistics !== null),
      (m) => m.statistics === 'stored',
    ),
    groups: Object.fromEntries(groups.map((g) => [g, pick(parameters, (p) => p.group === g)])),
  };
}

function setFlags(model: Module, { locked, stored, groups }: Flags): void {
  for (const [name, m] of model.namedModules()) {
    if (name && covered(name, locked)) m.locked = true;
    if (m.statistics !== null && covered(name, stored)) m.statistics = 'stored';
  }
  for (const [name, p] of model.namedParameters()) {
    if (covered(name, locked)) p.locked = true;
    p.group = Object.entries(groups).find(([, patterns]) => covered(name, patterns))?.[0] ?? p.group;
  }
}

/**
 * The file of a description and its weights; needs no backend.
 * @throws FormatError where a tensor's name or values cannot be written.
 */
export function encodeModel(
  model: ModelDescription,
  tensors: ReadonlyMap<string, TensorToWrite>,
  info: ModelInfo = {},
  options: SaveOptions & { readonly flags?: Flags } = {},
): Uint8Array<ArrayBuffer> {
  const { flags = { locked: [], stored: [], groups: {} }, float16 = false } = options;
  return writeSafetensors(tensors, metadataOf(model, info, flags), { float16 });
}

function metadataOf(model: ModelDescription, info: ModelInfo, flags: Flags): Record<string, string> {
  const classes = info.classes && { classes: info.classes.map((name) => name.normalize('NFC')) };
  const header: Header = { formatVersion: MODEL_FORMAT_VERSION, model, info: { ...info, ...classes }, flags };
  return { format: 'graft', graft: JSON.stringify(header) };
}

/**
 * A model as the bytes of one file. The same model gives the same bytes. Waits for the backend.
 * @throws UnsupportedError for a module that `describeModel` does not know.
 * @example
 * const bytes = await saveModel(smallCnn({ classes: 2 }), { classes: ['cat', 'dog'] });
 * (await loadModel(bytes)).info.classes; // → ['cat', 'dog']
 */
export async function saveModel(
  model: Module,
  info: ModelInfo = {},
  options: SaveOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return collected(modelParts(model, info, options));
}

/**
 * `saveModel`, part by part, for what writes a file: no more than one tensor is in memory beside the model.
 * @throws UnsupportedError for a module that `describeModel` does not know.
 * @example
 * const { size, parts } = modelParts(smallCnn({ classes: 2 }));
 * let sent = 0;
 * for await (const part of parts) sent += part.length;
 * sent === size; // → true
 */
export function modelParts(model: Module, info: ModelInfo = {}, options: SaveOptions = {}): FileParts {
  return stateParts(model, metadataOf(describeModel(model), info, readFlags(model)), options);
}

/** @throws FormatError for the parts that programs act on; the rest is for people */
function parseInfo(info: unknown): ModelInfo {
  if (typeof info !== 'object' || info === null) throw malformed();
  const { classes, preprocess } = info as Partial<ModelInfo>;
  if (classes !== undefined && !isNames(classes)) throw malformed();
  return { ...info, ...(preprocess !== undefined && { preprocess: wellFormed(preprocess) }) };
}

function wellFormed(preprocess: unknown): Preprocess {
  try {
    return parsePreprocess(preprocess);
  } catch (error) {
    throw malformed((error as Error).message);
  }
}

const isNames = (v: unknown): v is readonly string[] =>
  Array.isArray(v) && v.every((n) => typeof n === 'string');

function malformed(how?: string): FormatError {
  return new FormatError(`the metadata entry 'graft' is malformed${how === undefined ? '' : `; ${how}`}`);
}

/** A safetensors file with weights and no architecture: what Python saves, for one. */
export class WeightsOnlyError extends FormatError {
  override name = 'WeightsOnlyError';
  constructor(
    /** The network of this package whose names and shapes they have. */
    readonly architecture: string | null,
  ) {
    super(
      "weights without an architecture: the metadata has no 'graft' entry",
      undefined,
      architecture === null
        ? 'build the network and use loadWeights(bytes, network)'
        : `they fit ${architecture}: loadBase('${architecture}', { weights: FILE })`,
    );
  }
}

function readHeader(metadata: Readonly<Record<string, string>>): Header {
  const text = metadata['graft'];
  if (text === undefined) {
    if (metadata['format']?.startsWith('graft-checkpoint')) {
      throw new FormatError(
        'this is the checkpoint of a training run that was stopped, not a model',
        undefined,
        'graft train … --resume goes on with it',
      );
    }
    throw new WeightsOnlyError(null);
  }
  let header: Partial<Header> | null;
  try {
    header = JSON.parse(text) as Partial<Header> | null;
  } catch {
    throw new FormatError("the metadata entry 'graft' is not JSON");
  }
  const version = header?.formatVersion;
  if (typeof version === 'number' && version > MODEL_FORMAT_VERSION) {
    throw newerFormat('model', version, MODEL_FORMAT_VERSION, header?.needs);
  }
  if (version !== MODEL_FORMAT_VERSION || typeof header?.model !== 'object' || header.model === null) {
    throw new FormatError("the metadata entry 'graft' does not describe a model");
  }
  const { info = {}, flags } = header;
  const lists = [flags?.locked, flags?.stored, ...Object.values(flags?.groups ?? { none: null })];
  if (!flags || !lists.every(isNames)) throw malformed();
  return { formatVersion: version, model: header.model, info: parseInfo(info), flags };
}

/**
 * What a model file says about itself, without reading the weights: `bytes` may end after the file's header.
 * @throws FormatError for bytes that are no model file, or one of a newer version; WeightsOnlyError for weights alone.
 * @example
 * const bytes = await saveModel(smallCnn({ classes: 2 }), { classes: ['cat', 'dog'] });
 * readModelInfo(bytes).model.kind; // → 'Sequential'
 */
export function readModelInfo(bytes: Uint8Array): { model: ModelDescription; info: ModelInfo } {
  const { model, info } = readHeader(readSafetensorsMetadata(bytes));
  return { model, info };
}

/** @throws FormatError that names the first tensor of a dtype that is not read */
function refuseUnread(unread: Safetensors['unread']): void {
  for (const [name, { dtype }] of unread)
    throw new FormatError(
      `the tensor '${name}' is stored as ${dtype}, which is not read`,
      undefined,
      'save it as F32',
    );
}

/**
 * The model in a file that `saveModel` wrote, with the same weights to the last bit (or those of float16, if saved so).
 * @throws FormatError on anything else: truncated, altered, written by a newer version; GraftError where weights and
 * architecture do not fit.
 */
export function decodeModel(
  bytes: Uint8Array,
  options: { readonly backend?: Backend; readonly networks?: ReadonlyMap<string, Network> } = {},
): { readonly model: Module; readonly info: ModelInfo } {
  const { metadata, tensors, unread } = readSafetensors(bytes);
  const { model: description, info, flags } = readHeader(metadata);
  refuseUnread(unread);
  const state = toStateDict(tensors);
  const build = (backend?: Backend): Module => {
    const limits = { ...(backend && { backend }), elements: bytes.length };
    const built = buildDescribed(description, limits, options.networks);
    built.loadStateDict(state);
    return built;
  };
  build(nowhere); // whatever is wrong with the file shows here, before anything is allocated on the backend
  const model = build(options.backend);
  setFlags(model, flags);
  return { model: model.eval(), info };
}
