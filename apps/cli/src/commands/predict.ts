import { GraftError } from '@graftjs/core';
import { fitPicture, predict as ask, type Picture } from '@graftjs/vision';
import { decodeImage } from '@graftjs/vision/node';
import { flag, number, required, text, type Values } from '../args.ts';
import { describeError, UsageError } from '../errors.ts';
import { percent, plural } from '../format.ts';
import { oneLine, type Io } from '../io.ts';
import { checkOrder, openClassifier, type Classifier, OUTPUT_ARG } from '../model-files.ts';
import { BACKEND_ARGS, backendChoice, openBackend } from '../open-backend.ts';
import { Progress } from '../progress.ts';
import { table } from '../table.ts';
import type { Command } from './command.ts';

export interface Prediction {
  readonly file: string;
  /** The likeliest classes, likeliest first. */
  readonly top: readonly { readonly class: string; readonly probability: number }[];
}

interface Failure {
  readonly file: string;
  readonly error: string;
}

/** Pictures that are held at a time, at the network's size. */
const AT_ONCE = 256;

/** Asks the model about every file. Those that are no pictures are named, and do not stop the others. */
export async function predictFiles(
  { model, classes, preprocess }: Classifier,
  files: readonly string[],
  top: number,
  progress: Progress,
): Promise<{ predictions: Prediction[]; failed: Failure[] }> {
  const predictions: Prediction[] = [];
  const failed: Failure[] = [];
  for (let first = 0; first < files.length; first += AT_ONCE) {
    const read: { readonly file: string; readonly picture: Picture }[] = [];
    for (const [i, file] of files.slice(first, first + AT_ONCE).entries()) {
      try {
        const picture = await decodeImage(file, { size: preprocess.size });
        read.push({ file, picture: fitPicture(picture, preprocess) });
      } catch (error) {
        failed.push({ file, error: describeError(error) });
        progress.say(describeError(error));
      }
      progress.update('pictures', { label: 'pictures', done: first + i + 1, total: files.length });
    }
    const pictures = read.map((r) => r.picture);
    const answers = await ask({ model, info: { classes, preprocess } }, pictures, { top });
    for (const [i, { file }] of read.entries())
      predictions.push({
        file,
        top: answers[i]!.map(({ class: name, probability }) => ({ class: name, probability })),
      });
  }
  progress.clear();
  return { predictions, failed };
}

function show(predictions: readonly Prediction[]): string {
  const rows = predictions.flatMap(({ file, top }) =>
    top.map((t, i) => [i === 0 ? oneLine(file) : '', oneLine(t.class), percent(t.probability)]),
  );
  return table([{ title: 'picture' }, { title: 'class' }, { title: 'probability', right: true }], rows);
}

export const predict: Command = {
  summary: 'Say what is on pictures',
  args: {
    model: {
      type: 'positional',
      description: 'A model that graft train wrote, an .onnx file, or a model.json of TensorFlow.js',
    },
    image: { type: 'positional', description: 'One or more picture files' },
    top: { type: 'string', valueHint: 'N', description: 'How many classes to list for each picture (5)' },
    output: OUTPUT_ARG,
    ...BACKEND_ARGS,
    json: { type: 'boolean', description: 'One JSON object on standard output' },
  },
  rest: true,
  examples: [
    'graft predict model.safetensors picture.jpg',
    'graft predict model.safetensors *.jpg --top 1 --json',
  ],
  async run(values: Values, io: Io) {
    const path = required(values, 'model', 'the model');
    const files = values._.slice(1);
    if (files.length === 0) throw new UsageError('name at least one picture: graft predict MODEL IMAGE…');
    const top = number(values, 'top', { min: 1, whole: true }) ?? 5;
    const choice = backendChoice(values);
    await checkOrder(path, files);
    const progress = new Progress(io);
    const opened = await openBackend(choice, (note) => progress.say(note));
    try {
      const classifier = await openClassifier(
        path,
        (note) => progress.say(note),
        text(values, 'output') ?? null,
      );
      const { predictions, failed } = await predictFiles(classifier, files, top, progress);
      if (flag(values, 'json')) {
        const { backend, threads } = opened;
        const result = { predictions, ...(failed.length ? { failed } : {}), backend: backend.name, threads };
        io.stdout.write(`${JSON.stringify(result)}\n`);
      } else if (predictions.length) io.stdout.write(`${show(predictions)}\n`);
      if (failed.length)
        throw new GraftError(`${failed.length} of ${plural(files.length, 'picture')} could not be read`);
    } finally {
      await opened.backend.dispose();
    }
  },
};
