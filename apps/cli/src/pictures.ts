import type { Evaluation, Preprocess } from '@graftjs/core';
import type { PictureSource } from '@graftjs/vision';
import {
  imageFolder,
  thumbnailUri,
  type ImageFolder,
  type ImageFolderOptions,
  type Remark,
  type SkippedFile,
} from '@graftjs/vision/node';
import { InterruptedError } from './errors.ts';
import { list, plural } from './format.ts';
import { oneLine } from './io.ts';
import type { Progress } from './progress.ts';
import type { ShownPicture } from './report/report.ts';

/** How many pictures are named on the screen for each thing that is said; the report has them all. */
const NAMED = 5;

export interface ReadOptions extends Pick<
  ImageFolderOptions,
  'split' | 'seed' | 'augment' | 'strict' | 'minClasses' | 'classes'
> {
  readonly preprocess: Preprocess;
  /** Asked between two pictures: shall it stop, and with which exit code? */
  readonly stop?: () => number | undefined;
}

/** Reads a folder of pictures, shows how far it is and says what was left out. */
export async function readPictures(
  folder: string,
  options: ReadOptions,
  progress: Progress,
): Promise<ImageFolder> {
  const { stop, ...rest } = options;
  const given = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined));
  const pictures = await imageFolder(folder, {
    ...given,
    onProgress: (done, total) => {
      const code = stop?.();
      if (code !== undefined)
        throw new InterruptedError('stopped before the training began; nothing was written', code);
      progress.update('pictures', { label: 'reading pictures', done, total });
    },
  });
  progress.clear();
  warnSkipped(pictures.skipped, progress);
  for (const remark of pictures.remarks) sayRemark(remark, progress);
  return pictures;
}

/** How the folder was understood: a sentence, and the first names. */
function sayRemark({ text, files, groups }: Remark, progress: Progress): void {
  progress.say(oneLine(text));
  const names = groups?.map((group) => group.map(oneLine).join(' = ')) ?? files.map(oneLine);
  if (names.length > 0) progress.say(`  ${list(names, NAMED)}`);
}

export function warnSkipped(skipped: readonly SkippedFile[], progress: Progress): void {
  if (skipped.length === 0) return;
  progress.say(`${plural(skipped.length, 'picture')} left out:`);
  for (const { file, reason } of skipped.slice(0, NAMED))
    progress.say(`  ${oneLine(file)}: ${oneLine(reason)}`);
  if (skipped.length > NAMED) progress.say(`  and ${skipped.length - NAMED} more`);
}

/**
 * The pictures that a report shows: mistakes, the surest first; if there are none, the least sure answers.
 */
export async function showPictures(
  source: PictureSource,
  result: Evaluation,
  limit: number,
): Promise<ShownPicture[]> {
  const classes = source.classes;
  const p = (i: number, c: number): number => result.probabilities[i * classes.length + c]!;
  const all = Array.from({ length: source.length }, (_, i) => {
    const [truth, answer] = [result.labels[i]!, result.predictions[i]!];
    return { i, truth, answer, sure: p(i, answer) };
  });
  const wrong = all.filter((a) => a.truth !== a.answer).sort((a, b) => b.sure - a.sure || a.i - b.i);
  const chosen = wrong.length
    ? wrong.slice(0, limit)
    : all.sort((a, b) => a.sure - b.sure || a.i - b.i).slice(0, limit / 3);
  return Promise.all(
    chosen.map(async ({ i, truth, answer }) => ({
      file: source.entries[i]!.name ?? source.entries[i]!.key,
      image: await source.entries[i]!.read(false)
        .then((picture) => thumbnailUri(picture, 128))
        .catch(() => null),
      truth: classes[truth]!,
      answer: classes[answer]!,
      answerProbability: p(i, answer),
      truthProbability: p(i, truth),
    })),
  );
}
