import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { GraftError, type Module } from '@graftjs/core';
import { FormatError } from '@graftjs/formats';
import {
  loadModel,
  saveModel,
  type LoadedModel,
  type LoadOptions,
  type ModelInfo,
  type SaveOptions,
} from '../model-file.ts';
import { loadWeights, saveWeights, type LoadWeightsOptions } from '../weights-file.ts';
import { fileError } from './file-errors.ts';

/**
 * Writes a file so that its path holds either the old contents or all of the new ones, at any moment and after a crash:
 * a temporary name in the same folder, flushed to disk, then renamed. Nothing is left behind on failure.
 * @throws GraftError in one line: no space, no permission, no such folder.
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(folder);
  } catch (error) {
    throw fileError('write', path, error);
  }
}

/** The rename itself reaches the disk with the folder; Windows cannot open folders, and does not need it. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** A file's bytes. @throws GraftError in one line. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** Saves a model; see `saveModel` and `writeFileAtomically`. */
export async function saveModelFile(
  path: string,
  model: Module,
  info: ModelInfo = {},
  options: SaveOptions = {},
): Promise<void> {
  await writeFileAtomically(path, await saveModel(model, info, options));
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
  await writeFileAtomically(path, await saveWeights(model, options));
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
