import type { BaseModel, Evaluation, History } from '@graftjs/core';
import type { ImageFolder, Remark } from '@graftjs/vision/node';
import { basename } from 'node:path';
import { beside, writeAtomic } from './files.ts';
import { showPictures } from './pictures.ts';
import { recipe, unlockEpoch } from './recipe.ts';
import { renderReport } from './report/report.ts';
import type { Scores } from './scores.ts';
import { commandLine, type TrainOptions } from './train-options.ts';
import { version } from './version.ts';

/** What `graft train --json` prints, and a little more. */
export interface TrainResult {
  readonly model: string;
  readonly report: string | null;
  /** Of the model file. */
  readonly sha256: string;
  readonly classes: readonly string[];
  /** How many pictures were trained on, and held back. */
  readonly train: number;
  readonly validation: number;
  /** How many pictures were left out because they could not be read. */
  readonly skipped: number;
  /** How the folder was understood, what was passed over, and which pictures are there more than once. */
  readonly remarks: readonly Remark[];
  /** Share of each class held back for validation; null where it has a folder of its own. */
  readonly validationShare: number | null;
  readonly epochs: number;
  readonly bestEpoch: number | null;
  readonly seconds: number;
  readonly backend: string;
  readonly threads: number;
  readonly seed: number;
  /** On the pictures held back: the test folder if there is one, else validation. */
  readonly scores: Scores | null;
  readonly heldBack: 'validation' | 'test';
  /** An accuracy below that of always answering the largest class. */
  readonly warnings: readonly string[];
}

/** Most pictures that a report shows. */
const PICTURES = 36;

interface Subject {
  readonly options: TrainOptions;
  readonly done: TrainResult;
  readonly history: History;
  readonly pictures: ImageFolder;
  readonly result: Evaluation | null;
  readonly base: BaseModel;
}

/** 'adamW: lr 0.005 (base × 0.3), weightDecay 0.01, betas 0.9 and 0.999' */
function describeOptimizer({ options, pictures }: Subject): string {
  const { optimizer, clipNorm, labelSmoothing, classWeights } = recipe(options, pictures.train);
  const { type, lr, lrPerGroup, ...rest } = optimizer.describe();
  const factors = Object.entries((lrPerGroup ?? {}) as Record<string, number>).map(([k, v]) => `${k} × ${v}`);
  const show = (v: unknown): string => (Array.isArray(v) ? v.join(' and ') : JSON.stringify(v));
  const parts = [
    `lr ${String(lr)}${factors.length ? ` (${factors.join(', ')})` : ''}, falling along a cosine`,
    ...Object.entries(rest).flatMap(([k, v]) => (v === false ? [] : [`${k} ${show(v)}`])),
    ...(clipNorm === undefined ? [] : [`gradients clipped at ${clipNorm}`]),
    ...(labelSmoothing ? [`label smoothing ${labelSmoothing}`] : []),
    ...(classWeights ? ['classes weighted, as some have more pictures'] : []),
  ];
  return `${String(type)}: ${parts.join(', ')}`;
}

/** What `fit` puts into the loss that it trains, and not into the one that it evaluates. */
function lossIncludes({ options, pictures }: Subject): string | null {
  const { labelSmoothing, classWeights } = recipe(options, pictures.train);
  const parts = [
    ...(labelSmoothing ? [`label smoothing ${labelSmoothing}`] : []),
    ...(classWeights ? ["the classes' weights"] : []),
  ];
  return parts.length ? parts.join(' and ') : null;
}

/** What was really done: a folder of one's own goes before any share. */
function heldBack({ parts }: ImageFolder, { validationShare }: TrainResult): string {
  const folders = (['validation', 'test'] as const).flatMap((part) => {
    const folder = parts.get(part);
    return folder === undefined ? [] : [`the folder '${folder}' for ${part}`];
  });
  if (validationShare !== null) folders.unshift(`${validationShare} of each class for validation`);
  return folders.join(', ');
}

function settings(subject: Subject): [string, string][] {
  const { options: o, done, base, pictures } = subject;
  const fine = o.unlockFrom !== null;
  const unlock = unlockEpoch(o);
  const { size, fit } = base.preprocess;
  return [
    ['base', `${base.name}${base.licence === undefined ? '' : ` (${base.licence})`}`],
    ['cut after', o.cut ?? base.defaultCut ?? 'the last layer before the classifier'],
    [
      'trained',
      fine
        ? `the new last layer; from epoch ${unlock! + 1} on also the base from ${o.unlockFrom}`
        : 'the new last layer',
    ],
    ['input', `${size} × ${size} pixels, ${fit}`],
    ['epochs', String(o.epochs)],
    ['optimizer', describeOptimizer(subject)],
    ['batch', String(o.batch)],
    ['dropout', String(o.dropout)],
    ['augmentation', o.augment],
    ['held back', heldBack(pictures, done)],
    ['seed', String(o.seed)],
    [
      'pictures',
      `${done.train} for training, ${done.validation} for validation${pictures.test ? `, ${pictures.test.length} for the test` : ''}`,
    ],
    ['backend', `${done.backend}, ${done.threads} thread${done.threads === 1 ? '' : 's'}`],
    ['SHA-256 of the model', done.sha256],
  ];
}

/** Writes the report beside the model; returns its path. */
export async function writeReport(subject: Subject): Promise<string> {
  const { options, done, history, pictures, result } = subject;
  const source = pictures.test ?? pictures.validation;
  const path = beside(options.out, '.report.html');
  const text = renderReport({
    model: basename(options.out),
    classes: done.classes,
    trainCounts: pictures.train.counts(),
    history: history.epochs,
    bestEpoch: history.bestEpoch,
    unlockedAt: unlockEpoch(options),
    scores: done.scores,
    heldBack: done.heldBack,
    pictures: source && result ? await showPictures(source, result, PICTURES) : [],
    skipped: pictures.skipped,
    remarks: pictures.remarks,
    warnings: done.warnings,
    lossIncludes: lossIncludes(subject),
    settings: settings(subject),
    command: commandLine(options),
    seconds: done.seconds,
    version: version(),
  });
  await writeAtomic(path, text);
  return path;
}
