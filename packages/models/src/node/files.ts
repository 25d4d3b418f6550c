import { GraftError, type Module } from '@graftjs/core';
import { FormatError } from '@graftjs/formats';
import { readBytes, writeFileAtomically } from '@graftjs/formats/node';
import {
  loadModel,
  modelParts,
  type LoadedModel,
  type LoadOptions,
  type ModelInfo,
  type SaveOptions,
} from '../model-file.ts';
import { loadWeights, weightParts, type LoadWeightsOptions } from '../weights-file.ts';

/** Saves a model; see `saveModel` and `writeFileAtomically`. */
export async function saveModelFile(
  path: string,
  model: Module,
  info: ModelInfo = {},
  options: SaveOptions = {},
): Promise<void> {
  await writeFileAtomically(path, modelParts(model, info, options).parts);
}

/** `error` with the file's name in front, of the same class. */
export function inFile(path: string, error: unknown): unknown {
  if (error instanceof FormatError || error instanceof GraftError)
    error.message = `${path}: ${error.message}`;
  return error;
}

/** Loads a model that `saveModelFile` wrote. @throws GraftError that names the file and what is wrong with it. */
export async function loadModelFile(path: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const bytes = await readBytes(path);
  try {
    return loadModel(bytes, options);
  } catch (error) {
    throw inFile(path, error);
  }
}

/**
 * Saves the weights of any module, one of a class of your own too; see `saveWeights` and `writeFileAtomically`.
 * @example
 * await saveWeightsFile('net.safetensors', net);
 * const again = await loadWeightsFile('net.safetensors', new Net());
 */
export async function saveWeightsFile(path: string, model: Module, options: SaveOptions = {}): Promise<void> {
  await writeFileAtomically(path, weightParts(model, options).parts);
}

/**
 * Puts the weights of a safetensors file into `model`; see `loadWeights`.
 * @throws GraftError that names the file and what is wrong with it, or every name that does not fit.
 */
export async function loadWeightsFile<M extends Module>(
  path: string,
  model: M,
  options: LoadWeightsOptions = {},
): Promise<M> {
  const bytes = await readBytes(path);
  try {
    return loadWeights(bytes, model, options);
  } catch (error) {
    throw inFile(path, error);
  }
}
