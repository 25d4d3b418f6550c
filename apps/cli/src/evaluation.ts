import { evaluate, FeatureCache, GraftError, nearest, type DataSource, type Evaluation } from '@graftjs/core';
import type { PictureSource } from '@graftjs/vision';
import { FolderFeatureStore } from './feature-store.ts';
import { list, plural } from './format.ts';
import { oneLine } from './io.ts';
import type { Classifier } from './model-files.ts';
import { readPictures } from './pictures.ts';
import type { Progress } from './progress.ts';
import { scoresOf, type Scores } from './scores.ts';

export interface EvaluateOptions {
  readonly folder: string;
  readonly strict: boolean;
  /** Folder of the feature cache; null for none. */
  readonly cache: string | null;
  /** See `OpenBackend`. */
  readonly featureMark: string;
}

export interface FolderScores {
  readonly scores: Scores;
  readonly result: Evaluation;
  readonly source: PictureSource;
  /** Which folder of the data set was used: 'test', 'validation', or 'all' if it is not parted. */
  readonly part: 'test' | 'validation' | 'all';
  readonly skipped: number;
}

/** The same pictures with the model's class numbers. */
function relabel(source: PictureSource, classes: readonly string[]): DataSource {
  const number = source.classes.map((c) => classes.indexOf(c));
  return {
    length: source.length,
    sampleShape: source.sampleShape,
    classes,
    labels: source.labels.map((l) => number[l]!),
    key: source.key,
    load: (indices, view) => source.load(indices, view),
  };
}

/** @throws GraftError for classes of the folder that the model does not know */
function compareClasses(
  folder: string,
  found: readonly string[],
  known: readonly string[],
  progress: Progress,
): void {
  const strange = found.filter((c) => !known.includes(c));
  if (strange.length) {
    const near = strange.length === 1 ? ` (is it '${nearest(strange[0]!, known, 1)[0]}'?)` : '';
    throw new GraftError(
      `${folder}: the model does not know the ${strange.length === 1 ? 'class' : 'classes'} ${list(strange.map((c) => `'${c}'`))}${near}; ` +
        `it knows ${list(known)}. Rename the folders, or move them out`,
    );
  }
  const missing = known.filter((c) => !found.includes(c));
  if (missing.length) {
    progress.say(
      `no pictures of ${list(missing.map(oneLine))}: ${missing.length === 1 ? 'this class does' : 'these classes do'} not count`,
    );
  }
}

/** Measures a model on a folder of pictures: on its test folder if it has one, else validation, else on all. */
export async function evaluateFolder(
  model: Classifier,
  o: EvaluateOptions,
  progress: Progress,
): Promise<FolderScores> {
  const pictures = await readPictures(
    o.folder,
    { preprocess: model.preprocess, split: {}, strict: o.strict, minClasses: 1 },
    progress,
  );
  try {
    const part = pictures.test ? 'test' : pictures.validation ? 'validation' : 'all';
    const source = pictures.test ?? pictures.validation ?? pictures.train;
    compareClasses(o.folder, pictures.classes, model.classes, progress);
    if (part !== 'all') progress.say(`measuring on the ${part} folder: ${plural(source.length, 'picture')}`);
    const store = o.cache === null ? null : new FolderFeatureStore(o.cache, o.featureMark);
    const cache = store && new FeatureCache({ store, onWarning: (text) => progress.say(text) });
    const result = await evaluate(model.model, relabel(source, model.classes), {
      cache,
      onProgress: (done, total) => progress.update('measuring', { label: 'measuring', done, total }),
    });
    progress.clear();
    await store?.prune();
    return {
      scores: scoresOf(model.classes, result),
      result,
      source,
      part,
      skipped: pictures.skipped.length,
    };
  } finally {
    await pictures.dispose();
  }
}
