import { readFile } from 'node:fs/promises';
import { GraftError, type BaseModel, type Module, type Preprocess } from '@graftjs/core';
import { loadModel } from '@graftjs/models';
import { loadBase } from '@graftjs/models/node';
import { fileError } from './errors.ts';
import { exists } from './files.ts';

/** A trained classifier, ready for pictures. */
export interface Classifier {
  readonly model: Module;
  readonly classes: readonly string[];
  readonly preprocess: Preprocess;
  readonly name: string;
}

/** Is it a path rather than a name? */
function looksLikeFile(text: string): boolean {
  return /[/\\]/.test(text) || /\.safetensors$/i.test(text);
}

async function readModel(path: string): Promise<ReturnType<typeof loadModel>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
  try {
    return loadModel(bytes);
  } catch (error) {
    if (error instanceof GraftError) throw new GraftError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * A model that `graft train` wrote.
 * @throws GraftError for a file that is damaged or no classifier
 */
export async function openClassifier(path: string): Promise<Classifier> {
  const { model, info } = await readModel(path);
  if (info.classes === undefined || info.preprocess === undefined) {
    throw new GraftError(
      `${path}: has no class names, so it is no classifier; train one with graft train --base ${path}`,
    );
  }
  return { model, classes: info.classes, preprocess: info.preprocess, name: info.name ?? path };
}

export interface OpenBase {
  readonly base: BaseModel;
  /** Class names, where it is a classifier already. */
  readonly classes?: readonly string[];
}

/**
 * A base by name, or a model file to build on.
 * @param size side of the pictures; default what the base was made for
 * @throws NameError for an unknown name, with the nearest
 */
export async function openBase(nameOrFile: string, size?: number): Promise<OpenBase> {
  if (!looksLikeFile(nameOrFile) && !(await exists(nameOrFile))) {
    const base = await loadBase(nameOrFile);
    return { base: size === undefined ? base : { ...base, preprocess: { ...base.preprocess, size } } };
  }
  const { model, info } = await readModel(nameOrFile);
  if (info.preprocess === undefined) {
    throw new GraftError(`${nameOrFile}: does not say how pictures become its input, so it cannot be a base`);
  }
  return {
    base: {
      model,
      name: info.name ?? nameOrFile,
      preprocess: { ...info.preprocess, ...(size === undefined ? {} : { size }) },
      ...(info.defaultCut === undefined ? {} : { defaultCut: info.defaultCut }),
      ...(info.licence === undefined ? {} : { licence: info.licence }),
    },
    ...(info.classes === undefined ? {} : { classes: info.classes }),
  };
}
