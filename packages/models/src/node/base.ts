import { GraftError, type BaseModel } from '@graftjs/core';
import { nearest } from '@graftjs/core/extend';
import { readSafetensors, toStateDict } from '@graftjs/formats';
import { readBytes } from '@graftjs/formats/node';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baseOf, loadBaseFrom, type BaseNotes } from '../base.ts';
import { notesOf, type LoadOptions } from '../loaded-model.ts';
import { withGivenWeights } from '../match-weights.ts';
import { networks } from '../networks.ts';
import type { Network } from '../networks/network.ts';
import { download, type DownloadOptions, type UrlLike } from './download.ts';
import { inFile, loadModelFile } from './files.ts';

export interface LoadBaseOptions
  extends DownloadOptions, BaseNotes, Pick<LoadOptions, 'backend' | 'size' | 'output'> {
  /** For 'mobilenet_v2' and its like: a safetensors file with torchvision's parameter names, as a path or an http(s) URL. */
  readonly weights?: string | UrlLike;
}

/**
 * A pre-trained network: the embedded one ('coco-mobilenet-v3'), one whose weights you have ('mobilenet_v2', 'resnet18',
 * 'resnet34', with `weights`), or a model file by its path: what `loadModelFile` reads.
 * @throws GraftError in one line: unknown name with the nearest ones, missing or damaged weights.
 */
export async function loadBase(name: string, options: LoadBaseOptions = {}): Promise<BaseModel> {
  const network = networks.get(name);
  if (network?.takesWeights) return fromWeights(network, options);
  if (network?.weights) return embedded(network.weights.address, options);
  // Names of bases have no dots: whatever has an ending is a file, which says itself what it is.
  if (/[\\/]|\.\w+$/.test(name)) return fromModelFile(name, options);
  const names = [...networks.values()].flatMap((n) => (n.weights ? [n.name] : []));
  throw new GraftError(
    `unknown base '${name}'; the nearest are ${nearest(name, names)
      .map((n) => `'${n}'`)
      .join(', ')}, or give a path to a .safetensors file`,
  );
}

async function embedded(address: string, options: LoadBaseOptions): Promise<BaseModel> {
  const asset = fileURLToPath(new URL(`../../assets/${basename(address)}`, import.meta.url));
  const bytes = await readBytes(asset).catch((error: unknown) => {
    throw Object.assign(
      new GraftError(`the embedded base is not where it should be (${asset}): install @graftjs/models again`),
      { cause: error },
    );
  });
  return loadBaseFrom(bytes, options);
}

async function fromModelFile(path: string, options: LoadBaseOptions): Promise<BaseModel> {
  const loaded = await loadModelFile(path, options);
  for (const note of notesOf(loaded)) options.onNote?.(`${path} ${note}`);
  try {
    return baseOf(loaded, path);
  } catch (error) {
    throw inFile(path, error);
  }
}

async function fromWeights(network: Network, options: LoadBaseOptions): Promise<BaseModel> {
  const { weights } = options;
  const { name, preprocess, defaultCut, weights: published } = network;
  if (weights === undefined) {
    throw new GraftError(
      `'${name}' needs weights: { weights: 'file.safetensors' or a URL }, with parameter names as in torchvision; ` +
        `its own are ${published!.address} (${published!.licence})`,
    );
  }
  const source = typeof weights === 'string' ? weights : weights.href;
  const bytes = /^https?:/.test(source)
    ? (await download(source, options)).bytes
    : await readBytes(source.startsWith('file:') ? fileURLToPath(source) : source);
  try {
    const { tensors, unread } = readSafetensors(bytes);
    const { model, notes } = withGivenWeights(network, toStateDict(tensors), {
      ...(options.backend && { backend: options.backend }),
      unread,
    });
    for (const note of notes) options.onNote?.(`${source}: ${note}`);
    return {
      model: model.eval(),
      name,
      preprocess: { ...preprocess, ...(options.size !== undefined && { size: options.size }) },
      ...(defaultCut !== undefined && { defaultCut }),
    };
  } catch (error) {
    throw inFile(source, error);
  }
}
