import { GraftError, type Module } from '@graftjs/core';
import { FormatError, sniffFolder } from '@graftjs/formats';
import { fileError, readBeginning, readBytes, writeFileAtomically } from '@graftjs/formats/node';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { foreignModel, loadModel } from '../load.ts';
import type { LoadedModel, LoadOptions } from '../loaded-model.ts';
import { modelParts, type ModelInfo } from '../model-file.ts';
import { loadWeights, weightParts, type LoadWeightsOptions, type SaveOptions } from '../weights-file.ts';

/**
 * Saves a model; see `saveModel` and `writeFileAtomically`.
 * @throws UnsupportedError for a module that `describeModel` does not know, GraftError where the file cannot be written.
 */
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

/**
 * The model in a file, with its classes and preprocessing: `.safetensors` of `saveModelFile`, `.onnx`, or the `model.json` of
 * a graph-model of TensorFlow.js; see `loadModel`. Weights in other files are read from the model's folder only.
 * @throws GraftError that names the file and what is wrong with it; of a folder, or a file of another kind, what to do with it
 * @example
 * const { model, info } = await loadModelFile('pets.safetensors');
 * const other = await loadModelFile('resnet18.onnx', { size: 128 });
 */
export async function loadModelFile(path: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const bytes = await readModelBytes(path);
  try {
    return await loadModel(bytes, { name: path, readExternal: (name) => readBeside(path, name), ...options });
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
    const foreign = code === 'ERR_FS_FILE_TOO_LARGE' ? foreignModel(await readBeginning(path), path) : null;
    if (foreign) throw inFile(path, foreign);
    const folder = code === 'EISDIR' ? sniffFolder(await readdir(path).catch(() => [])) : null;
    if (folder) {
      const advice = folder.advice.replace('FOLDER', () => path);
      throw new GraftError(`${path} is a folder, not a file: ${folder.what}; ${advice}`);
    }
    throw fileError(path, error);
  }
}

/** A file that the model names: also behind links it must lie in the model's folder. */
async function readBeside(model: string, name: string): Promise<Uint8Array> {
  const file = join(dirname(model), name);
  try {
    const folder = await realpath(dirname(model));
    const real = await realpath(file);
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new GraftError(`its weights in '${name}' lie outside the model's folder and are not read`);
    return await readFile(real);
  } catch (error) {
    throw fileError(file, error);
  }
}

/**
 * Saves the weights of any module, one of a class of your own too; see `saveWeights` and `writeFileAtomically`.
 * @throws GraftError where the file cannot be written.
 * @example
 * const net = new Linear(2, 1);
 * await saveWeightsFile('net.safetensors', net);
 * const again = await loadWeightsFile('net.safetensors', new Linear(2, 1));
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
