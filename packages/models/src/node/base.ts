import { fileURLToPath } from 'node:url';
import { GraftError, imageNetPreprocess, nearest, type Backend, type BaseModel } from '@graftjs/core';
import { readSafetensors, toStateDict } from '@graftjs/formats';
import type { ArchitectureName } from '../architectures.ts';
import { loadBaseFrom, resized } from '../base.ts';
import { COCO_MOBILENET_V3 } from '../coco-mobilenet-v3.ts';
import { withGivenWeights, withWeights } from '../match-weights.ts';
import { download, type DownloadOptions, type UrlLike } from './download.ts';
import { inFile, readBytes } from './files.ts';

export interface LoadBaseOptions extends DownloadOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
  /** For 'mobilenet_v2' and its like: a safetensors file with torchvision's parameter names, as a path or an http(s) URL. */
  readonly weights?: string | UrlLike;
  /** Hears what was done to make foreign weights fit: a prefix of their names left out, a last layer that they lack. */
  readonly onNote?: (note: string) => void;
  /** Side of the pictures in pixels. Default: what the base was made for, 96 for the embedded one. */
  readonly size?: number;
}

/**
 * A pre-trained network: the embedded one ('coco-mobilenet-v3'), one whose weights you have ('mobilenet_v2', 'resnet18',
 * 'resnet34', with `weights`), or a model file by its path.
 * @throws GraftError in one line: unknown name with the nearest ones, missing or damaged weights.
 */
export async function loadBase(name: string, options: LoadBaseOptions = {}): Promise<BaseModel> {
  if (name === COCO_MOBILENET_V3.name) return embedded(options);
  if (Object.hasOwn(withWeights, name)) return fromWeights(name as ArchitectureName, options);
  // Names of bases have no dots: whatever has an ending is a file, which says itself what it is.
  if (/[\\/]|\.\w+$/.test(name)) return fromModelFile(name, options);
  const names = [COCO_MOBILENET_V3.name, ...Object.keys(withWeights)];
  throw new GraftError(
    `unknown base '${name}'; the nearest are ${nearest(name, names)
      .map((n) => `'${n}'`)
      .join(', ')}, or give a path to a .safetensors file`,
  );
}

async function embedded(options: LoadBaseOptions): Promise<BaseModel> {
  const asset = fileURLToPath(new URL(`../../assets/${COCO_MOBILENET_V3.file}`, import.meta.url));
  const bytes = await readBytes(asset).catch((error: unknown) => {
    throw Object.assign(
      new GraftError(`the embedded base is not where it should be (${asset}): install @graftjs/models again`),
      { cause: error },
    );
  });
  return loadBaseFrom(bytes, options);
}

async function fromModelFile(path: string, options: LoadBaseOptions): Promise<BaseModel> {
  const bytes = await readBytes(path);
  try {
    return loadBaseFrom(bytes, { ...options, name: path });
  } catch (error) {
    throw inFile(path, error);
  }
}

async function fromWeights(name: ArchitectureName, options: LoadBaseOptions): Promise<BaseModel> {
  const { weights } = options;
  if (weights === undefined) {
    throw new GraftError(
      `'${name}' needs weights: { weights: 'file.safetensors' or a URL }, with parameter names as in torchvision`,
    );
  }
  const source = typeof weights === 'string' ? weights : weights.href;
  const bytes = /^https?:/.test(source)
    ? (await download(source, options)).bytes
    : await readBytes(source.startsWith('file:') ? fileURLToPath(source) : source);
  try {
    const { tensors, unread } = readSafetensors(bytes);
    const { model, notes } = withGivenWeights(name, toStateDict(tensors), {
      ...(options.backend && { backend: options.backend }),
      unread,
    });
    for (const note of notes) options.onNote?.(`${source}: ${note}`);
    return {
      model: model.eval(),
      name,
      preprocess: resized(imageNetPreprocess(), options.size),
      defaultCut: withWeights[name]!.cut,
    };
  } catch (error) {
    throw inFile(source, error);
  }
}
