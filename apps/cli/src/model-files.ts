import { GraftError, inputShape, type BaseModel, type Module, type Preprocess } from '@graftjs/core';
import { trace, evaluating, prefixMessage } from '@graftjs/core/extend';
import { sniffFile, type FileKind } from '@graftjs/formats';
import { readBeginning } from '@graftjs/formats/node';
import {
  baseOf,
  networks,
  notesOf,
  wantOneOutput,
  WeightsOnlyError,
  type LoadedModel,
} from '@graftjs/models';
import { loadBase, loadModelFile } from '@graftjs/models/node';
import { UsageError } from './errors.ts';
import { exists } from './files.ts';
import { shellWord } from './format.ts';

/** Bases of which only the architecture is here. */
const withoutWeights = (): string[] =>
  [...networks.values()].filter((n) => n.takesWeights).map((n) => n.name);

/** A trained classifier, ready for pictures. */
export interface Classifier {
  readonly model: Module;
  readonly classes: readonly string[];
  readonly preprocess: Preprocess;
  readonly name: string;
}

/** Is it a path rather than a name? Names of bases have no dots. */
function looksLikeFile(text: string): boolean {
  return /[/\\]/.test(text) || /\.\w+$/.test(text);
}

/** How a user of the command says which output a network shall lead to. */
const OUTPUT = '--output NAME';

/** The option of every command that reads such a file. */
export const OUTPUT_ARG = {
  type: 'string',
  valueHint: 'NAME',
  description: 'Of a file with several outputs: the one to lead to',
} as const;

export interface ReadOptions {
  /** Side of the pictures, if the caller chooses it. */
  readonly size?: number | null;
  /** Of several outputs, or a value in the middle: the one that is wanted. */
  readonly output?: string | null;
}

/**
 * A model that `graft train` wrote, an ONNX model, or a graph-model of TensorFlow.js, and what to say of it.
 * @throws GraftError for a file that is missing, damaged, something else, or needs what is not supported
 */
export async function readModel(
  path: string,
  { size, output }: ReadOptions = {},
): Promise<LoadedModel & { readonly notes: readonly string[] }> {
  try {
    const loaded = await loadModelFile(path, { ...(size && { size }), ...(output && { output }) });
    return { ...loaded, notes: notesOf(loaded, OUTPUT).map((note) => `${path} ${note}`) };
  } catch (error) {
    throw error instanceof WeightsOnlyError ? withAdvice(path, error) : error;
  }
}

function withAdvice(path: string, error: WeightsOnlyError): GraftError {
  const { architecture } = error;
  const say =
    architecture === null
      ? `they fit none of ${withoutWeights().join(', ')}; export the network to .onnx, which holds both`
      : `they are those of ${architecture}: say --base ${architecture} --weights ${shellWord(path)}`;
  return new GraftError(`${path}: weights without an architecture; ${say}`, { cause: error });
}

/** `check` of a file's model, with the file's name before what it says. */
function inFile<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof GraftError ? prefixMessage(error, path) : error;
  }
}

/** @throws GraftError for a network of several outputs, none of which was chosen */
export function checkOneOutput(path: string, loaded: LoadedModel): void {
  inFile(path, () => wantOneOutput(loaded, OUTPUT));
}

/**
 * Have the model and a picture changed places?
 * @throws UsageError that says so
 */
export async function checkOrder(model: string, pictures: readonly string[]): Promise<void> {
  const kindOf = async (path: string): Promise<FileKind | null> => sniffFile(await readBeginning(path), path);
  const first = await kindOf(model);
  if (first?.picture === undefined) return;
  for (const path of pictures) {
    const kind = await kindOf(path);
    if (kind?.reader === undefined) continue;
    throw new UsageError(
      `${model} is ${first.what} and ${path} ${kind.what}; the model comes first: graft predict ${shellWord(path)} ${shellWord(model)}`,
    );
  }
}

/**
 * A model that is a classifier. Where an `.onnx` file has no class names, the classes are numbered.
 * @throws GraftError for a file that is damaged or no classifier
 */
export async function openClassifier(
  path: string,
  say: (note: string) => void,
  output: string | null = null,
): Promise<Classifier> {
  const read = await readModel(path, { output });
  const { model, info, format, notes, notPictures } = read;
  checkOneOutput(path, read);
  const { preprocess, name = path } = info;
  const isNumbered = info.classes === undefined && format !== 'safetensors';
  if (preprocess === undefined || (info.classes === undefined && !isNumbered)) {
    throw new GraftError(
      notPictures === null
        ? `${path}: has no class names, so it is no classifier; train one with graft train --base ${path}`
        : `${path}: ${notPictures}`,
    );
  }
  const classes = inFile(path, () => {
    const outputs = countClasses(model, preprocess);
    const names = info.classes ?? Array.from({ length: outputs }, (_, i) => String(i));
    if (names.length !== outputs)
      throw new GraftError(`has ${names.length} class names, and ${outputs} outputs`);
    return names;
  });
  notes.forEach(say);
  if (isNumbered) say(`${path} has no class names; they are numbered, 0 to ${classes.length - 1}`);
  // 'é' is one letter, as in the names of folders, whoever wrote the file
  return { model, classes: classes.map((c) => c.normalize('NFC')), preprocess, name };
}

/**
 * How many classes a network tells apart.
 * @throws GraftError where it does not give one number for each
 */
function countClasses(model: Module, preprocess: Preprocess): number {
  const spec = { dtype: 'float32', shape: [1, ...inputShape(preprocess)] } as const;
  const traced = evaluating([model], () => trace((x) => model.forward(x), [spec]));
  traced.dispose();
  const { shape } = traced.graph.specs[traced.results[0]!]!;
  if (shape.length !== 2)
    throw new GraftError(
      `gives [${shape.join(', ')}] for a picture, not one number for each class, so it is no classifier`,
    );
  return shape[1]!;
}

export interface OpenBase {
  readonly base: BaseModel;
  /** Class names, where it is a classifier already. */
  readonly classes?: readonly string[];
  /** Its file does not say how pictures become its input. */
  readonly preprocessAssumed?: boolean;
  /** Its first nodes show it. */
  readonly seen?: boolean;
  /** What the file gives, where it says that. */
  readonly outputs?: readonly string[];
}

interface OpenBaseOptions {
  /** Side of the pictures; null for what the base was made for. */
  readonly size: number | null;
  /** For a base that comes without. */
  readonly weights: string | null;
  /** Of a file with several outputs, the one that the base leads to. */
  readonly output?: string | null;
}

/**
 * A base by name, or a model file to build on.
 * @throws GraftError for an unknown name, with the nearest, for weights that are missing, and for damaged files
 */
export async function openBase(
  nameOrFile: string,
  o: OpenBaseOptions,
  say: (note: string) => void,
): Promise<OpenBase> {
  const size = o.size === null ? {} : { size: o.size };
  const { output = null } = o;
  if (!looksLikeFile(nameOrFile) && !(await exists(nameOrFile))) {
    if (o.weights === null && networks.get(nameOrFile)?.takesWeights) {
      throw new GraftError(
        `'${nameOrFile}' comes without weights: add --weights FILE|URL, a safetensors file with torchvision's parameter names`,
      );
    }
    if (output !== null)
      throw new UsageError(
        `--output is for a file from elsewhere, such as .onnx, and '${nameOrFile}' is none`,
      );
    const weights = o.weights === null ? {} : { weights: o.weights };
    return { base: await loadBase(nameOrFile, { ...size, ...weights, onNote: say }) };
  }
  const read = await readModel(nameOrFile, { size: o.size, output });
  const { info, notes, inputRange, outputs } = read;
  const base = inFile(nameOrFile, () => baseOf(read, nameOrFile, OUTPUT));
  notes.forEach(say);
  return {
    base,
    ...(inputRange && { seen: true }),
    ...(outputs && { outputs }),
    ...(info.classes === undefined ? {} : { classes: info.classes }),
    ...(info.preprocessAssumed === true && { preprocessAssumed: true }),
  };
}
