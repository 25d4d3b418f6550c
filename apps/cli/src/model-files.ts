import { readFile } from 'node:fs/promises';
import { GraftError, type BaseModel, type Module, type Preprocess } from '@graftjs/core';
import { loadModel } from '@graftjs/models';
import { loadBase } from '@graftjs/models/node';
import { fileError } from './errors.ts';
import { exists } from './files.ts';
import { isOnnx, readOnnxFile, type OnnxFile } from './onnx-files.ts';

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

/** A model in a file, of whichever kind its ending says. */
export async function readModel(path: string): Promise<OnnxFile> {
  if (isOnnx(path)) return readOnnxFile(path);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
  try {
    return { ...loadModel(bytes), notes: [] };
  } catch (error) {
    if (error instanceof GraftError) throw new GraftError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * A model that `graft train` wrote.
 * @throws GraftError for a file that is damaged or no classifier
 */
export async function openClassifier(path: string, say: (note: string) => void): Promise<Classifier> {
  const { model, info, notes } = await readModel(path);
  notes.forEach(say);
  if (info.classes === undefined || info.preprocess === undefined) {
    throw new GraftError(
      `${path}: has no ${info.preprocess ? 'class names' : 'preprocessing'}, so it is no classifier of pictures; train one with graft train --base ${path}`,
    );
  }
  return { model, classes: info.classes, preprocess: info.preprocess, name: info.name ?? path };
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
  const { model, info, notes } = await readModel(nameOrFile);
  notes.forEach(say);
  if (info.preprocess === undefined) {
    throw new GraftError(`${nameOrFile}: does not say how pictures become its input, so it cannot be a base`);
  }
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
