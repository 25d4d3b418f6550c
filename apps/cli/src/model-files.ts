import { readFile } from 'node:fs/promises';
import { GraftError, type BaseModel, type Module, type Preprocess } from '@graftjs/core';
import { loadModel, type ModelInfo } from '@graftjs/models';
import { loadBase } from '@graftjs/models/node';
import { fileError } from './errors.ts';
import { exists } from './files.ts';
import { countClasses, isOnnx, readOnnx } from './onnx-files.ts';

/** Bases of which only the architecture is here. */
const WITHOUT_WEIGHTS: readonly string[] = ['mobilenet_v2', 'resnet18', 'resnet34'];

/** A trained classifier, ready for pictures. */
export interface Classifier {
  readonly model: Module;
  readonly classes: readonly string[];
  readonly preprocess: Preprocess;
  readonly name: string;
}

/** Is it a path rather than a name? */
function looksLikeFile(text: string): boolean {
  return /[/\\]/.test(text) || /\.(safetensors|onnx)$/i.test(text);
}

/** A model and what its file says about it. */
export interface ModelInFile {
  readonly model: Module;
  readonly info: ModelInfo;
  /** What the file does not say and was assumed. */
  readonly notes: readonly string[];
  /** The file gives probabilities, the model logits. */
  readonly withoutSoftmax: boolean;
  /** Why pictures do not become its input, where something is known. */
  readonly notPictures?: string;
}

/**
 * A model that `graft train` wrote, or an `.onnx` file: the ending says which.
 * @param size Side of the pictures, where the file does not say it and the caller does.
 * @throws GraftError for a file that is missing, damaged, or needs what is not supported
 */
export async function readModel(path: string, size: number | null = null): Promise<ModelInFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
  try {
    if (isOnnx(path)) return await readOnnx(path, bytes, size);
    return { ...loadModel(bytes), notes: [], withoutSoftmax: false };
  } catch (error) {
    throw inFile(path, error);
  }
}

function inFile(path: string, error: unknown): unknown {
  return error instanceof GraftError ? new GraftError(`${path}: ${error.message}`, { cause: error }) : error;
}

/**
 * A model that is a classifier. Where an `.onnx` file has no class names, the classes are numbered.
 * @throws GraftError for a file that is damaged or no classifier
 */
export async function openClassifier(path: string, say: (note: string) => void): Promise<Classifier> {
  const { model, info, notes, notPictures } = await readModel(path);
  const { preprocess, name = path } = info;
  const isNumbered = info.classes === undefined && isOnnx(path);
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
}

interface OpenBaseOptions {
  /** Side of the pictures; null for what the base was made for. */
  readonly size: number | null;
  /** For a base that comes without. */
  readonly weights: string | null;
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
  if (!looksLikeFile(nameOrFile) && !(await exists(nameOrFile))) {
    if (o.weights === null && WITHOUT_WEIGHTS.includes(nameOrFile)) {
      throw new GraftError(
        `'${nameOrFile}' comes without weights: add --weights FILE|URL, a safetensors file with torchvision's parameter names`,
      );
    }
    return {
      base: await loadBase(nameOrFile, { ...size, ...(o.weights === null ? {} : { weights: o.weights }) }),
    };
  }
  const { model, info, notes, notPictures } = await readModel(nameOrFile, o.size);
  if (info.preprocess === undefined) {
    const why = notPictures ?? 'does not say how pictures become its input';
    throw new GraftError(`${nameOrFile}: ${why}, so it cannot be a base`);
  }
  notes.forEach(say);
  return {
    base: {
      model,
      name: info.name ?? nameOrFile,
      preprocess: { ...info.preprocess, ...size },
      ...(info.defaultCut === undefined ? {} : { defaultCut: info.defaultCut }),
      ...(info.licence === undefined ? {} : { licence: info.licence }),
    },
    ...(info.classes === undefined ? {} : { classes: info.classes }),
  };
}
