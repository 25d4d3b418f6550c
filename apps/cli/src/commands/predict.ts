import {
  compile,
  getDefaultBackend,
  GraftError,
  noGrad,
  scope,
  softmax,
  tensor,
  type Tensor,
} from '@graftjs/core';
import { inputShape, toInput } from '@graftjs/vision';
import { decodeImage } from '@graftjs/vision/node';
import { flag, number, required, text, type Values } from '../args.ts';
import { describeError, UsageError } from '../errors.ts';
import { percent, plural } from '../format.ts';
import { oneLine, type Io } from '../io.ts';
import { checkOrder, openClassifier, type Classifier } from '../model-files.ts';
import { OUTPUT_ARG } from '../onnx-files.ts';
import { BACKEND_ARGS, backendChoice, openBackend } from '../open-backend.ts';
import { Progress } from '../progress.ts';
import type { Command } from '../run.ts';
import { table } from '../table.ts';

export interface Prediction {
  readonly file: string;
  /** The likeliest classes, likeliest first. */
  readonly top: readonly { readonly class: string; readonly probability: number }[];
}

/** Probabilities of a batch, `[n, classes]`. */
type Score = (x: Tensor) => Tensor;

/** What the model says about one picture. */
async function predictOne(
  { classes, preprocess }: Classifier,
  score: Score,
  file: string,
  top: number,
): Promise<Prediction> {
  const picture = await decodeImage(file, { size: preprocess.size });
  const input = toInput(picture, preprocess);
  const output = scope(() => score(tensor(input, [1, ...inputShape(preprocess)])));
  const p = await output.data();
  output.dispose();
  const order = classes.map((_, c) => c).sort((a, b) => p[b]! - p[a]! || a - b);
  return { file, top: order.slice(0, top).map((c) => ({ class: classes[c]!, probability: p[c]! })) };
}

interface Failure {
  readonly file: string;
  readonly error: string;
}

/** Asks the model about every file. Those that are no pictures are named, and do not stop the others. */
export async function predictFiles(
  classifier: Classifier,
  files: readonly string[],
  top: number,
  progress: Progress,
): Promise<{ predictions: Prediction[]; failed: Failure[] }> {
  const predictions: Prediction[] = [];
  const failed: Failure[] = [];
  const { model } = classifier;
  const eager: Score = (x) => noGrad(() => softmax(model.forward(x), 1));
  const compiled = getDefaultBackend().compile ? compile(eager, { captured: 'all' }) : null;
  for (const [i, file] of files.entries()) {
    try {
      predictions.push(await predictOne(classifier, compiled ?? eager, file, top));
    } catch (error) {
      failed.push({ file, error: describeError(error) });
      progress.say(describeError(error));
    }
    progress.update('pictures', { label: 'pictures', done: i + 1, total: files.length });
  }
  compiled?.dispose();
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
