import {
  evaluate,
  FeatureCache,
  fit,
  freeLost,
  GraftError,
  stagesOf,
  transfer,
  type BaseModel,
  type EpochRecord,
  type Evaluation,
  type FitOptions,
  type History,
  type Module,
} from '@graftjs/core';
import { majorityWarning, stageRange } from '@graftjs/core/extend';
import { modelParts } from '@graftjs/models';
import { augmentations, type PictureSource } from '@graftjs/vision';
import { CheckpointFile } from './checkpoint-file.ts';
import { DEFAULTS } from './defaults.ts';
import { describeError, InterruptedError } from './errors.ts';
import { FolderFeatureStore } from './feature-store.ts';
import { beside, checkWritable, exists, writeHashed } from './files.ts';
import { percent, plural } from './format.ts';
import { oneLine, type Io } from './io.ts';
import { openBase } from './model-files.ts';
import { openBackend } from './open-backend.ts';
import { readPictures } from './pictures.ts';
import { Progress } from './progress.ts';
import { recipe, unlockEpoch } from './recipe.ts';
import { scoresOf } from './scores.ts';
import { commandLine, runSettings, type TrainOptions } from './train-options.ts';
import { writeReport, type TrainResult } from './train-report.ts';

/** Trains a classifier on a folder of pictures and writes the model file and its report. */
export async function trainFolder(o: TrainOptions, io: Io): Promise<TrainResult> {
  const started = performance.now();
  const progress = new Progress(io);
  const abort = new AbortController();
  const checkpoint = new CheckpointFile(beside(o.out, '.checkpoint.safetensors'), {
    settings: runSettings(o),
    seconds: o.checkpointSeconds,
    onWarning: (text) => progress.say(text),
  });
  await checkTarget(o, checkpoint, progress);
  const opened = await openBackend(o, (note) => progress.say(note));
  let exitCode: number | undefined;
  const stopListening = io.onInterrupt((code) => {
    exitCode = code;
    abort.abort();
    progress.say('stopping after the step at hand; Ctrl-C again stops at once');
  });
  try {
    const { base } = await openBase(o.base, o, (note) => progress.say(note));
    checkLayers(base, o);
    const pictures = await readPictures(
      o.folder,
      {
        preprocess: base.preprocess,
        ...(o.validation === null ? {} : { split: { validation: o.validation } }),
        seed: o.seed,
        ...(o.augment === 'none' ? {} : { augment: augmentations[o.augment] }),
        strict: o.strict,
        stop: () => exitCode,
      },
      progress,
    );
    const { train, validation, test, classes, parts } = pictures;
    const validationShare = parts.has('validation') ? null : (o.validation ?? DEFAULTS.validation);
    const model = transfer(base, {
      classes,
      ...(o.cut === null ? {} : { cut: o.cut }),
      dropout: o.dropout,
      seed: o.seed,
    });
    // The base's classifier goes, and the bytes of its file, before features take room.
    const kept = new Set(stagesOf(model).map((s) => s.module));
    for (const { module } of stagesOf(base.model)) if (!kept.has(module)) module.dispose();
    await freeLost(opened.backend);
    const store = o.cache === null ? null : new FolderFeatureStore(o.cache, opened.featureMark);
    const cache = new FeatureCache({ ...(store ? { store } : {}), onWarning: (text) => progress.say(text) });
    const history = await fit(
      model,
      { train, ...(validation ? { validation } : {}) },
      {
        ...recipe(o, train),
        cache,
        checkpoint,
        resume: o.resume,
        signal: abort.signal,
        ...watch(progress, o),
      },
    ).catch((error: unknown) => {
      throw checkpoint.explain(error);
    });
    progress.clear();
    if (history.stopped === 'aborted') throw await interrupted(o, checkpoint, exitCode);

    const heldBack = test ?? validation;
    const result = heldBack ? await measure(model, heldBack, cache, abort.signal, progress) : null;
    if (abort.signal.aborted) throw await interrupted(o, checkpoint, exitCode);
    const measuredOn = test ? 'test' : 'validation';
    const low = heldBack && result ? majorityWarning(heldBack, result.accuracy) : null;
    const warnings = heldBack ? (low === null ? [] : [`${measuredOn}: ${low}`]) : history.warnings;
    for (const text of warnings) progress.say(`warning: ${oneLine(text)}`);
    await store?.prune();
    const file = modelParts(model, {
      name: base.name,
      classes,
      preprocess: base.preprocess,
      seed: o.seed,
      ...(base.licence === undefined ? {} : { licence: base.licence }),
      training: record(o, base, history, train, validation, validationShare),
    });
    const { sha256 } = await writeHashed(o.out, file.parts);
    const done: TrainResult = {
      model: o.out,
      report: null,
      sha256,
      classes,
      train: train.length,
      validation: validation?.length ?? 0,
      skipped: pictures.skipped.length,
      remarks: pictures.remarks,
      validationShare,
      epochs: history.epochs.length,
      bestEpoch: history.bestEpoch,
      seconds: (performance.now() - started) / 1000,
      backend: o.backend,
      threads: opened.threads,
      seed: o.seed,
      scores: result && heldBack ? scoresOf(heldBack.classes, result) : null,
      heldBack: measuredOn,
      warnings,
    };
    const report = o.report
      ? await writeReport({ options: o, done, history, pictures, result, base }).catch((error: unknown) => {
          progress.say(`the model is saved, but there is no report: ${describeError(error)}`);
          return null;
        })
      : null;
    await checkpoint.remove();
    await pictures.dispose();
    return { ...done, report };
  } finally {
    stopListening();
    progress.clear();
    await opened.backend.dispose();
  }
}

/** @throws GraftError where the files of this run would replace others that nobody said may go */
async function checkTarget(o: TrainOptions, checkpoint: CheckpointFile, progress: Progress): Promise<void> {
  await checkWritable(o.out);
  const interrupted = await exists(checkpoint.path);
  if (o.resume && !o.force && !interrupted && (await exists(o.out))) {
    throw new GraftError(
      `there is nothing to resume: ${o.out} is finished, and has no checkpoint beside it; add --force to train it anew, or choose another --out`,
    );
  }
  if (o.resume && !interrupted) progress.say(`no checkpoint ${checkpoint.path}; starting from the beginning`);
  if (o.force || (o.resume && interrupted)) {
    if (!o.resume) await checkpoint.remove();
    return;
  }
  if (await exists(o.out)) {
    throw new GraftError(`${o.out} exists already; add --force to replace it, or choose another --out`);
  }
  if (interrupted) {
    throw new GraftError(
      `${checkpoint.path} is left from an interrupted run; add --resume to go on with it, or --force to start afresh`,
    );
  }
}

/** Unknown layers are known before any picture is read. @throws NameError with the nearest */
function checkLayers(base: BaseModel, o: TrainOptions): void {
  const cut = o.cut ?? base.defaultCut;
  const kept = stageRange(base.model, cut === undefined ? {} : { to: cut });
  if (o.unlockFrom === null) return;
  const [first] = stageRange(base.model, { from: o.unlockFrom });
  if (!kept.some((s) => s.name === first!.name)) {
    throw new GraftError(
      `--unlock-from ${o.unlockFrom} lies behind the cut at ${cut}; choose a layer up to the cut`,
    );
  }
}

/** Shows what `fit` is doing. */
function watch(progress: Progress, o: TrainOptions): Pick<FitOptions, 'onProgress' | 'onEpoch'> {
  const unlock = unlockEpoch(o) ?? o.epochs;
  let last = '';
  return {
    onProgress({ phase, epoch, epochs, done, total, loss }) {
      if (phase === 'features') {
        const variant =
          o.augment === 'none' ? '' : `, variant ${(epoch % DEFAULTS.views) + 1} of ${DEFAULTS.views}`;
        progress.update(`features ${epoch}`, { label: `features of the base${variant}`, done, total });
        return;
      }
      const extra = [loss === undefined ? '' : `loss ${loss.toFixed(3)}`, last].filter(Boolean).join(', ');
      if (phase === 'validation') {
        progress.update(epoch < unlock ? 'validation' : 'validation, unlocked', {
          label: 'validation',
          done,
          total,
        });
        return;
      }
      // epochs with the base unlocked are much slower: a phase of their own
      const [from, to] = epoch < unlock ? [0, unlock] : [unlock, epochs];
      const overall = { done: (epoch - from) * total + done, total: (to - from) * total };
      const label = `epoch ${epoch + 1}/${epochs}`;
      progress.update(from === unlock ? 'fine-tuning' : 'training', { label, done, total, extra, overall });
    },
    onEpoch(r: EpochRecord) {
      if (r.validationAccuracy !== undefined) last = `validation ${percent(r.validationAccuracy)}`;
      if (r.epoch + 1 === o.epochs) {
        const parts = [
          `loss ${r.loss.toFixed(3)}`,
          `training ${percent(r.accuracy)}`,
          ...(last ? [last] : []),
        ];
        progress.say(`${plural(r.epoch + 1, 'epoch')} done: ${parts.join(', ')}`);
      }
    },
  };
}

/** A short run may have had no time for a checkpoint. */
async function interrupted(
  o: TrainOptions,
  checkpoint: CheckpointFile,
  exitCode: number | undefined,
): Promise<InterruptedError> {
  const kept = (await exists(checkpoint.path))
    ? `the checkpoint ${checkpoint.path} is kept. To go on: ${commandLine(o)} --resume`
    : 'nothing was written';
  return new InterruptedError(`stopped; ${kept}`, exitCode);
}

function measure(
  model: Module,
  source: PictureSource,
  cache: FeatureCache,
  signal: AbortSignal,
  progress: Progress,
): Promise<Evaluation> {
  return evaluate(model, source, {
    cache,
    signal,
    onProgress: (done, total) => progress.update('measuring', { label: 'measuring', done, total }),
  });
}

/** What the model file says about its training. Nothing that differs from run to run: no times, no paths. */
function record(
  o: TrainOptions,
  base: BaseModel,
  history: History,
  train: PictureSource,
  validation: PictureSource | undefined,
  share: number | null,
): TrainingRecord {
  const { cut, unlockFrom, epochs, lr, batch, augment, dropout, seed } = o;
  const { size } = base.preprocess;
  const best = history.epochs[history.bestEpoch ?? history.epochs.length - 1];
  return {
    settings: {
      base: base.name,
      cut,
      unlockFrom,
      size,
      epochs,
      lr,
      batch,
      augment,
      validation: share,
      dropout,
      seed,
    },
    pictures: { train: train.length, validation: validation?.length ?? 0, key: train.key },
    bestEpoch: history.bestEpoch,
    result: best ? { ...best } : {},
  };
}

type TrainingRecord = Record<string, number | null | string | Record<string, number | string | null>>;
