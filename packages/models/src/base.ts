import { GraftError, type BaseModel, type Preprocess } from '@graftjs/core';
import { loadModel, type LoadOptions } from './model-file.ts';

export interface LoadBaseFromOptions extends LoadOptions {
  /** Side of the pictures in pixels. Default: what the base was made for, 96 for the embedded one. */
  readonly size?: number;
  /** What to call it where the file does not say. Default 'base'. */
  readonly name?: string;
}

/** The same preprocessing for pictures of another size. */
export const resized = (preprocess: Preprocess, size: number | undefined): Preprocess =>
  size === undefined ? preprocess : { ...preprocess, size };

/**
 * A pre-trained network from the bytes of a model file, such as the embedded base's, which a page fetches from where its
 * bundler has put `@graftjs/models/coco-mobilenet-v3.safetensors`.
 * @throws FormatError for damaged or foreign bytes; GraftError where the file does not say what pictures the network takes
 */
export function loadBaseFrom(bytes: Uint8Array, options: LoadBaseFromOptions = {}): BaseModel {
  const { model, info } = loadModel(bytes, options);
  if (!info.preprocess) {
    model.dispose();
    throw new GraftError('the file does not say how pictures are preprocessed');
  }
  const { defaultCut, licence } = info;
  return {
    model,
    name: info.name ?? options.name ?? 'base',
    preprocess: resized(info.preprocess, options.size),
    ...(defaultCut !== undefined && { defaultCut }),
    ...(licence !== undefined && { licence }),
  };
}
