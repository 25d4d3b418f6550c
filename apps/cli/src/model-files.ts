import { open, readdir, readFile, stat } from 'node:fs/promises';
import { GraftError, type BaseModel, type Module, type Preprocess } from '@graftjs/core';
import { foreignFile, sniffFile, sniffFolder, type FileKind } from '@graftjs/formats';
import { fileError } from '@graftjs/formats/node';
import { loadModel, networks, WeightsOnlyError, type ModelInfo } from '@graftjs/models';
import { loadBase } from '@graftjs/models/node';
import { UsageError } from './errors.ts';
import { exists } from './files.ts';
import { list, shellWord } from './format.ts';
import { assumptions, countClasses, isOnnx, readOnnx, type ReadOptions } from './onnx-files.ts';
import { readTfjs } from './tfjs-files.ts';

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

/** A model and what its file says about it. */
export interface ModelInFile {
  readonly model: Module;
  readonly info: ModelInfo;
  readonly format: 'safetensors' | 'onnx' | 'tfjs';
  /** Its first nodes show how pictures become its input. */
  readonly seen?: boolean;
  /** Names and shapes of what it gives, where the file says that. */
  readonly outputs?: readonly string[];
  /** Of a file with several outputs: where they part, and the model ends. */
  readonly trunk?: string | null;
  /** What the file does not say and was assumed. */
  readonly notes: readonly string[];
  /** The file gives probabilities, the model logits. */
  readonly withoutSoftmax: boolean;
  /** Why pictures do not become its input, where something is known. */
  readonly notPictures?: string;
}

const READ = 'a model that Graft reads (.safetensors, .onnx, or a graph-model of TensorFlow.js)';
const KINDS = ['safetensors', 'onnx', 'tfjs-graph'];

/**
 * A model that `graft train` wrote, an ONNX model, or a graph-model of TensorFlow.js. The content says which it is; where that is damaged, the ending.
 * @throws GraftError for a file that is missing, damaged, something else, or needs what is not supported
 */
export async function readModel(path: string, o: ReadOptions = {}): Promise<ModelInFile> {
  const bytes = await readModelBytes(path);
  try {
    const foreign = foreignFile(bytes, KINDS, READ, path);
    if (foreign) throw foreign;
    const kind = sniffFile(bytes)?.id;
    if (kind === 'onnx' || (kind === undefined && isOnnx(path))) return await readOnnx(path, bytes, o);
    if (kind === 'tfjs-graph') return await readTfjs(path, bytes, o);
    if (o.output) throw new GraftError('has one output; --output is for networks from elsewhere');
    const { model, info } = loadModel(bytes);
    const notes = assumptions(path, info.preprocess, info.preprocessAssumed);
    return { model, info, format: 'safetensors', notes, withoutSoftmax: false };
  } catch (error) {
    throw inFile(path, error);
  }
}

async function readModelBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is too large to be read is told by its beginning.
    const foreign =
      code === 'ERR_FS_FILE_TOO_LARGE' ? foreignFile(await beginning(path), KINDS, READ, path) : null;
    if (foreign) throw inFile(path, foreign);
    const folder = code === 'EISDIR' ? sniffFolder(await readdir(path).catch(() => [])) : null;
    if (folder) {
      const advice = folder.advice.replace('FOLDER', () => path);
      throw new GraftError(`${path} is a folder, not a file: ${folder.what}; ${advice}`);
    }
    throw fileError(path, error);
  }
}

/** Enough of a file to tell what it is; nothing of what is none. */
async function beginning(path: string): Promise<Uint8Array> {
  try {
    if (!(await stat(path)).isFile()) return new Uint8Array(0);
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return new Uint8Array(0); // whoever reads it says why not
  }
}

/**
 * Have the model and a picture changed places?
 * @throws UsageError that says so
 */
export async function checkOrder(model: string, pictures: readonly string[]): Promise<void> {
  const kindOf = async (path: string): Promise<FileKind | null> => sniffFile(await beginning(path), path);
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

function inFile(path: string, error: unknown): unknown {
  if (error instanceof WeightsOnlyError) {
    const { architecture } = error;
    const say =
      architecture === null
        ? `they fit none of ${withoutWeights().join(', ')}; export the network to .onnx, which holds both`
        : `they are those of ${architecture}: say --base ${architecture} --weights ${shellWord(path)}`;
    return new GraftError(`${path}: weights without an architecture; ${say}`, { cause: error });
  }
  return error instanceof GraftError ? new GraftError(`${path}: ${error.message}`, { cause: error }) : error;
}

/** @throws GraftError for a network of several outputs, none of which was chosen */
export function wantOneOutput(path: string, { outputs = [] }: ModelInFile): void {
  if (outputs.length > 1)
    throw new GraftError(
      `${path}: has ${outputs.length} outputs, ${list(outputs, 6)}; choose the one with the classes: --output NAME`,
    );
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
  wantOneOutput(path, read);
  const { preprocess, name = path } = info;
  const isNumbered = info.classes === undefined && format !== 'safetensors';
  if (preprocess === undefined || (info.classes === undefined && !isNumbered)) {
    throw new GraftError(
      notPictures === undefined
        ? `${path}: has no class names, so it is no classifier; train one with graft train --base ${path}`
        : `${path}: ${notPictures}`,
    );
  }
  try {
    const outputs = countClasses(model, preprocess);
    const classes = info.classes ?? Array.from({ length: outputs }, (_, i) => String(i));
    if (classes.length !== outputs)
      throw new GraftError(`has ${classes.length} class names, and ${outputs} outputs`);
    notes.forEach(say);
    if (isNumbered) say(`${path} has no class names; they are numbered, 0 to ${outputs - 1}`);
    // 'é' is one letter, as in the names of folders, whoever wrote the file
    return { model, classes: classes.map((c) => c.normalize('NFC')), preprocess, name };
  } catch (error) {
    throw inFile(path, error);
  }
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
  const { model, info, notes, notPictures, seen, outputs, trunk } = read;
  if (info.preprocess === undefined) {
    const why = notPictures ?? 'does not say how pictures become its input';
    throw new GraftError(`${nameOrFile}: ${why}, so it cannot be a base`);
  }
  if (!trunk) wantOneOutput(nameOrFile, read);
  notes.forEach(say);
  return {
    ...(seen && { seen }),
    ...(outputs && { outputs }),
    base: {
      model,
      name: info.name ?? nameOrFile,
      preprocess: { ...info.preprocess, ...size },
      ...(info.defaultCut === undefined ? {} : { defaultCut: info.defaultCut }),
      ...(info.licence === undefined ? {} : { licence: info.licence }),
    },
    ...(info.classes === undefined ? {} : { classes: info.classes }),
    ...(info.preprocessAssumed === true && { preprocessAssumed: true }),
  };
}
