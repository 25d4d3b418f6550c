import { GraftError, type BaseModel } from '@graftjs/core';
import { loadModel } from './load.ts';
import { notesOf, wantOneOutput, type LoadedModel, type LoadOptions } from './loaded-model.ts';

/** What hears of a base: see `notesOf`. */
export interface BaseNotes {
  /**
   * Hears what was taken for granted (preprocessing, where outputs part) and done to make foreign weights fit: a prefix of their
   * names left out, a last layer that they lack.
   */
  readonly onNote?: (note: string) => void;
}

/**
 * A loaded model as a base to build on.
 * @param name what to call it where the file does not say
 * @throws GraftError where the file does not say what pictures the network takes, or which of its outputs is meant
 */
export function baseOf(loaded: LoadedModel, name: string, option?: string): BaseModel {
  const { model, info, trunk, notPictures } = loaded;
  const { preprocess, defaultCut, licence } = info;
  try {
    if (!preprocess) {
      const why = notPictures ?? 'does not say how pictures become its input';
      throw new GraftError(`${why}, so it cannot be a base`);
    }
    if (trunk === null) wantOneOutput(loaded, option);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return {
    model,
    name: info.name ?? name,
    preprocess,
    ...(defaultCut !== undefined && { defaultCut }),
    ...(licence !== undefined && { licence }),
  };
}

/**
 * A pre-trained network from the bytes of a model file, such as the embedded base's, which a page fetches from where its
 * bundler has put `@graftjs/models/coco-mobilenet-v3.safetensors`; or from anything else that `loadModel` reads.
 * @throws FormatError for damaged or foreign bytes; GraftError where the file does not say what pictures the network takes
 * @example
 * const bytes = await saveModel(smallCnn({ classes: 10 }), { preprocess: imageNetPreprocess({ size: 32 }) });
 * const model = transfer(await loadBaseFrom(bytes), { classes: ['cat', 'dog'] });
 * model.forward(zeros([4, 3, 32, 32])).shape; // → [4, 2]
 */
export async function loadBaseFrom(
  bytes: Uint8Array,
  options: LoadOptions & BaseNotes = {},
): Promise<BaseModel> {
  const loaded = await loadModel(bytes, options);
  const base = baseOf(loaded, options.name ?? 'base');
  for (const note of notesOf(loaded)) options.onNote?.(note);
  return base;
}
