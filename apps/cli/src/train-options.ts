import { cacheFolder } from '@graftjs/formats/node';
import type { ArgsDef } from 'citty';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { choice, flag, number, required, text, type Values } from './args.ts';
import { DEFAULT_BACKEND } from './backends.ts';
import { DEFAULTS, FINE_TUNE, HEAD_ONLY } from './defaults.ts';
import { UsageError } from './errors.ts';
import { shellWord } from './format.ts';
import type { Io } from './io.ts';
import { OUTPUT_ARG } from './model-files.ts';
import { BACKEND_ARGS, backendChoice, type BackendChoice } from './open-backend.ts';

const AUGMENT = ['none', 'light', 'standard'] as const;

/** All that decides a training run, checked and with every default filled in. */
export interface TrainOptions extends BackendChoice {
  readonly folder: string;
  readonly out: string;
  /** Name of a base, or a model file. */
  readonly base: string;
  /** Weights for a base that comes without: a file or a URL. */
  readonly weights: string | null;
  /** Of a base with several outputs: the one that it leads to. Null: what they share. */
  readonly output: string | null;
  readonly cut: string | null;
  readonly unlockFrom: string | null;
  /** Null: what the base was made for. */
  readonly size: number | null;
  readonly epochs: number;
  readonly lr: number;
  readonly batch: number;
  readonly augment: (typeof AUGMENT)[number];
  /** Share of the pictures that is held back; null where nobody said. */
  readonly validation: number | null;
  readonly dropout: number;
  readonly seed: number;
  readonly resume: boolean;
  readonly force: boolean;
  readonly strict: boolean;
  readonly report: boolean;
  /** Folder of the feature cache; null for none. */
  readonly cache: string | null;
  readonly checkpointSeconds: number;
}

export const TRAIN_ARGS: ArgsDef = {
  folder: { type: 'positional', description: 'A folder with one folder of pictures for each class' },
  out: { type: 'string', valueHint: 'model.safetensors', description: 'Where the model goes (needed)' },
  base: {
    type: 'string',
    valueHint: 'NAME|FILE',
    description: `Network to build on: a name, a model file, .onnx, model.json (${DEFAULTS.base})`,
  },
  weights: {
    type: 'string',
    valueHint: 'FILE|URL',
    description: "Weights for a base that comes without, as safetensors with torchvision's names",
  },
  output: OUTPUT_ARG,
  cut: {
    type: 'string',
    valueHint: 'LAYER',
    description: "Last layer of the base that is kept; see 'graft inspect BASE'",
  },
  'unlock-from': {
    type: 'string',
    valueHint: 'LAYER',
    description: 'Fine-tune the base too, from this layer on',
  },
  size: {
    type: 'string',
    valueHint: 'PIXELS',
    description: 'Pictures are scaled to this many pixels a side (what the base was made for: 96)',
  },
  epochs: {
    type: 'string',
    valueHint: 'N',
    description: `Rounds through the pictures (${HEAD_ONLY.epochs}; ${FINE_TUNE.epochs} with --unlock-from)`,
  },
  lr: {
    type: 'string',
    valueHint: 'X',
    description: `Learning rate (${HEAD_ONLY.lr})`,
  },
  batch: { type: 'string', valueHint: 'N', description: `Pictures in a step (${DEFAULTS.batch})` },
  augment: {
    type: 'string',
    valueHint: AUGMENT.join('|'),
    description: `Vary the training pictures (${DEFAULTS.augment})`,
  },
  validation: {
    type: 'string',
    valueHint: 'SHARE',
    description: `Share of the pictures held back to measure with (${DEFAULTS.validation}; 0 for none; not beside a val folder)`,
  },
  dropout: {
    type: 'string',
    valueHint: 'SHARE',
    description: `Dropout before the new last layer (${DEFAULTS.dropout})`,
  },
  ...BACKEND_ARGS,
  seed: { type: 'string', valueHint: 'N', description: `Same seed, same model (${DEFAULTS.seed})` },
  resume: { type: 'boolean', description: 'Go on with an interrupted run' },
  force: { type: 'boolean', description: 'Replace an existing model or checkpoint' },
  strict: {
    type: 'boolean',
    description: 'Stop at a picture that cannot be read, instead of leaving it out',
  },
  report: {
    type: 'boolean',
    default: true,
    description: 'Write model.report.html beside the model',
    negativeDescription: 'Write no report',
  },
  cache: {
    type: 'string',
    valueHint: 'FOLDER|off',
    description: 'Where features of the base are kept between runs (~/.cache/graft/features)',
  },
  'checkpoint-seconds': {
    type: 'string',
    valueHint: 'N',
    description: `Least time between two checkpoints (${DEFAULTS.checkpointSeconds})`,
  },
  json: { type: 'boolean', description: 'One JSON object on standard output' },
};

/** The folder of the feature cache; null where it is switched off. */
export function featureFolder(values: Values, io: Io): string | null {
  const given = text(values, 'cache');
  if (given === 'off') return null;
  return given === undefined ? join(cacheFolder(io.env), 'features') : resolve(given);
}

/** Training writes safetensors: a name that says something else would be a lie. @throws UsageError that says what to do */
function checkOut(out: string): void {
  const isFolder = statSync(out, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (/\.safetensors$/i.test(out) || isFolder) return; // of a folder, more is said later
  const stem = out.replace(/\.[a-z]\w{0,10}$/i, '');
  const model = shellWord(`${/[^/\\]$/.test(stem) ? stem : `${stem}model`}.safetensors`);
  const then = /\.onnx$/i.test(out) ? `, then graft convert ${model} ${shellWord(out)}` : '';
  throw new UsageError(
    `--out ${shellWord(out)} does not end in .safetensors, which is what is written: say --out ${model}${then}`,
  );
}

/** @throws UsageError for what is missing or out of range */
export function trainOptions(values: Values, io: Io): TrainOptions {
  const folder = required(values, 'folder', 'the folder with the pictures');
  const out = text(values, 'out');
  if (out === undefined) throw new UsageError('say where the model goes: --out model.safetensors');
  checkOut(out);
  const unlockFrom = text(values, 'unlock-from') ?? null;
  const recipe = unlockFrom === null ? HEAD_ONLY : FINE_TUNE;
  return {
    folder,
    out,
    base: text(values, 'base') ?? DEFAULTS.base,
    weights: text(values, 'weights') ?? null,
    output: text(values, 'output') ?? null,
    cut: text(values, 'cut') ?? null,
    unlockFrom,
    size: number(values, 'size', { min: 32, max: 1024, whole: true }) ?? null,
    epochs: number(values, 'epochs', { min: 1, whole: true }) ?? recipe.epochs,
    lr: number(values, 'lr', { min: 0, above: true }) ?? recipe.lr,
    batch: number(values, 'batch', { min: 2, max: 65536, whole: true }) ?? DEFAULTS.batch,
    augment: choice(values, 'augment', AUGMENT) ?? DEFAULTS.augment,
    validation: number(values, 'validation', { min: 0, max: 0.9 }) ?? null,
    dropout: number(values, 'dropout', { min: 0, max: 0.95 }) ?? DEFAULTS.dropout,
    ...backendChoice(values),
    seed: number(values, 'seed', { min: 0, max: 2 ** 32 - 1, whole: true }) ?? DEFAULTS.seed,
    resume: flag(values, 'resume'),
    force: flag(values, 'force'),
    strict: flag(values, 'strict'),
    report: flag(values, 'report'),
    cache: featureFolder(values, io),
    checkpointSeconds: number(values, 'checkpoint-seconds', { min: 0 }) ?? DEFAULTS.checkpointSeconds,
  };
}

/** The command line that gives the same model: every option that matters to it and is not the default. */
export function commandLine(o: TrainOptions): string {
  const recipe = o.unlockFrom === null ? HEAD_ONLY : FINE_TUNE;
  const words = ['graft', 'train', shellWord(o.folder), '--out', shellWord(o.out)];
  const add = (name: string, value: string | number | null, usual: string | number | null): void => {
    if (value !== null && value !== usual) words.push(`--${name}`, shellWord(String(value)));
  };
  add('base', o.base, DEFAULTS.base);
  add('weights', o.weights, null);
  add('output', o.output, null);
  add('cut', o.cut, null);
  add('unlock-from', o.unlockFrom, null);
  add('size', o.size, null);
  add('epochs', o.epochs, recipe.epochs);
  add('lr', o.lr, recipe.lr);
  add('batch', o.batch, DEFAULTS.batch);
  add('augment', o.augment, DEFAULTS.augment);
  add('validation', o.validation, null);
  add('dropout', o.dropout, DEFAULTS.dropout);
  add('backend', o.backend, DEFAULT_BACKEND);
  add('seed', o.seed, null);
  if (o.strict) words.push('--strict');
  return words.join(' ');
}

/** What a resumed run must have in common with the one that it goes on with. */
export function runSettings(o: TrainOptions): Record<string, unknown> {
  const { base, weights, output, cut, size, epochs, lr, batch, augment, dropout, backend, seed } = o;
  const named = {
    ...{ base, weights, output, cut, 'unlock-from': o.unlockFrom, size, epochs, lr, batch, augment },
    ...{ validation: o.validation ?? DEFAULTS.validation, dropout, backend, seed },
  };
  return Object.fromEntries(Object.entries(named).map(([k, v]) => [`--${k}`, v]));
}
