import { evaluate, FeatureCache, type Evaluation } from '@graftjs/core';
import { majorityWarning } from '@graftjs/core/extend';
import type { PictureSource } from '@graftjs/vision';
import type { Remark } from '@graftjs/vision/node';
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
  readonly remarks: readonly Remark[];
  /** An accuracy below that of always answering the largest class. */
  readonly warnings: readonly string[];
}

/** Says which of the model's classes have no picture to measure them on. */
function sayMissing(source: PictureSource, progress: Progress): void {
  const missing = source.counts().flatMap((n, c) => (n === 0 ? [source.classes[c]!] : []));
  if (missing.length === 0) return;
  progress.say(
    `no pictures of ${list(missing.map(oneLine))}: ${missing.length === 1 ? 'this class does' : 'these classes do'} not count`,
  );
}

/** Measures a model on a folder of pictures: on its test folder if it has one, else validation, else on all. */
export async function evaluateFolder(
  model: Classifier,
  o: EvaluateOptions,
  progress: Progress,
): Promise<FolderScores> {
  const pictures = await readPictures(
    o.folder,
    { preprocess: model.preprocess, classes: model.classes, split: {}, strict: o.strict, minClasses: 1 },
    progress,
  );
  try {
    const part = pictures.test ? 'test' : pictures.validation ? 'validation' : 'all';
    const source = pictures.test ?? pictures.validation ?? pictures.train;
    sayMissing(source, progress);
    if (part !== 'all') progress.say(`measuring on the ${part} folder: ${plural(source.length, 'picture')}`);
    const store = o.cache === null ? null : new FolderFeatureStore(o.cache, o.featureMark);
    const cache = store && new FeatureCache({ store, onWarning: (text) => progress.say(text) });
    const result = await evaluate(model.model, source, {
      cache,
      onProgress: (done, total) => progress.update('measuring', { label: 'measuring', done, total }),
    });
    progress.clear();
    await store?.prune();
    const low = majorityWarning({ labels: result.labels, classes: model.classes }, result.accuracy);
    const warnings = low === null ? [] : [low];
    for (const text of warnings) progress.say(`warning: ${oneLine(text)}`);
    return {
      scores: scoresOf(model.classes, result),
      result,
      source,
      part,
      skipped: pictures.skipped.length,
      remarks: pictures.remarks,
      warnings,
    };
  } finally {
    await pictures.dispose();
  }
}
