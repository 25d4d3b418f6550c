import { flag, required, text } from '../args.ts';
import { UsageError } from '../errors.ts';
import { evaluateFolder, type FolderScores } from '../evaluation.ts';
import { exists, isFolder } from '../files.ts';
import { percent, plural, shellWord } from '../format.ts';
import { oneLine, painter } from '../io.ts';
import { openClassifier, OUTPUT_ARG } from '../model-files.ts';
import { BACKEND_ARGS, backendChoice, openBackend, type OpenBackend } from '../open-backend.ts';
import { Progress } from '../progress.ts';
import { table } from '../table.ts';
import { featureFolder } from '../train-options.ts';
import type { Command } from './command.ts';

function toJson(
  { scores, part, skipped, remarks, warnings }: FolderScores,
  { backend, threads }: OpenBackend,
): Record<string, unknown> {
  return {
    accuracy: scores.accuracy,
    balancedAccuracy: scores.balancedAccuracy,
    count: scores.count,
    classes: scores.perClass.map((c) => c.class),
    perClass: scores.perClass,
    confusion: scores.confusion,
    interval: scores.interval,
    part,
    skipped,
    remarks,
    warnings,
    backend: backend.name,
    threads,
  };
}

function show(
  { scores }: FolderScores,
  { backend, threads }: OpenBackend,
  bold: (text: string) => string,
): string {
  const right = { right: true };
  const columns = [
    { title: 'class' },
    { title: 'pictures', ...right },
    { title: 'recall', ...right },
    { title: 'precision', ...right },
    { title: 'F1', ...right },
    { title: 'most often taken for' },
  ];
  const rows = scores.perClass.map((c) => [
    oneLine(c.class),
    String(c.count),
    ...[c.recall, c.precision, c.f1].map(percent),
    oneLine(c.takenFor ?? ''),
  ]);
  const [low, high] = scores.interval;
  const accuracy = `accuracy ${percent(scores.accuracy)} of ${plural(scores.count, 'picture')} (95 % interval ${percent(low)} to ${percent(high)})`;
  const guessing = percent(1 / scores.perClass.length);
  return `${table(columns, rows)}\n\n${bold(accuracy)}\n${bold(`balanced accuracy ${percent(scores.balancedAccuracy)}`)} (guessing: ${guessing})\nmeasured on ${backend.name}, ${plural(threads, 'thread')}`;
}

export const evaluate: Command = {
  summary: 'Measure a model on a folder of labelled pictures',
  args: {
    model: {
      type: 'positional',
      description: 'A model that graft train wrote, an .onnx file, or a model.json of TensorFlow.js',
    },
    folder: { type: 'positional', description: 'A folder with one folder of pictures for each class' },
    strict: {
      type: 'boolean',
      description: 'Stop at a picture that cannot be read, instead of leaving it out',
    },
    cache: {
      type: 'string',
      valueHint: 'FOLDER|off',
      description: 'Where features of the base are kept between runs',
    },
    output: OUTPUT_ARG,
    ...BACKEND_ARGS,
    json: { type: 'boolean', description: 'One JSON object on standard output' },
  },
  examples: [
    'graft evaluate model.safetensors photos/test',
    'graft evaluate model.safetensors others --json',
  ],
  async run(values, io) {
    const path = required(values, 'model', 'the model');
    const folder = required(values, 'folder', 'the folder with the pictures');
    const choice = backendChoice(values);
    if ((await isFolder(path)) && !(await isFolder(folder)) && (await exists(folder)))
      throw new UsageError(
        `${path} is a folder and ${folder} a file; the model comes first: graft evaluate ${shellWord(folder)} ${shellWord(path)}`,
      );
    const progress = new Progress(io);
    const opened = await openBackend(choice, (note) => progress.say(note));
    try {
      const model = await openClassifier(path, (note) => progress.say(note), text(values, 'output') ?? null);
      const options = {
        folder,
        strict: flag(values, 'strict'),
        cache: featureFolder(values, io),
        featureMark: opened.featureMark,
      };
      const done = await evaluateFolder(model, options, progress);
      const paint = painter(io.stdout, io.env);
      io.stdout.write(
        flag(values, 'json')
          ? `${JSON.stringify(toJson(done, opened))}\n`
          : `${show(done, opened, (text) => paint('bold', text))}\n`,
      );
    } finally {
      progress.clear();
      await opened.backend.dispose();
    }
  },
};
