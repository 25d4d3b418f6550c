import { GraftError, setDefaultBackend } from '@graftjs/core';
import { modelParts, saveOnnx } from '@graftjs/models';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { flag, required, text } from '../args.ts';
import { InterruptedError, UsageError } from '../errors.ts';
import { checkWritable, exists, writeHashed } from '../files.ts';
import { count } from '../format.ts';
import { oneLine } from '../io.ts';
import { checkOneOutput, OUTPUT_ARG, readModel } from '../model-files.ts';
import { createBackend } from '../open-backend.ts';
import { Progress } from '../progress.ts';
import { pairs } from '../table.ts';
import { version } from '../version.ts';
import type { Command } from './command.ts';

const isOnnx = (path: string): boolean => /\.onnx$/i.test(path);

/** @throws UsageError for an ending that is no format's */
function checkEnding(path: string): void {
  if (isOnnx(path) || /\.safetensors$/i.test(path)) return;
  throw new UsageError(
    `${path} ends neither in .safetensors nor in .onnx, which says in what format it is to be written`,
  );
}

/** Is it one file under two names? */
async function isSame(a: string, b: string): Promise<boolean> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));
  return (await real(a)) === (await real(b));
}

interface Converted {
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Side of the pictures that it takes; null where the file does not say. */
  readonly size: number | null;
  readonly classes: readonly string[] | null;
}

function show({ to, bytes, sha256, size, classes }: Converted, withPreprocessing: boolean): string {
  const input = withPreprocessing
    ? `'pictures', uint8 [batch, ${size}, ${size}, 3], RGB`
    : `'input', float32; 'graft.preprocess' in the metadata says how it is made`;
  return pairs([
    ['model', `${oneLine(to)}, ${count(bytes)} bytes (SHA-256 ${sha256.slice(0, 16)}…)`],
    ...(isOnnx(to) ? [['input', input] as const, ['output', "'logits'"] as const] : []),
    ...(classes ? [['classes', String(classes.length)] as const] : []),
  ]);
}

export const convert: Command = {
  summary: 'Write a model in another format: .safetensors or .onnx',
  args: {
    from: {
      type: 'positional',
      description: 'A model that graft train wrote, an .onnx file, or a model.json of TensorFlow.js',
    },
    to: { type: 'positional', description: 'The file to write; its ending says in which format' },
    'with-preprocessing': {
      type: 'boolean',
      description: 'To .onnx: the graph takes pictures, uint8 [batch, size, size, 3]',
    },
    output: OUTPUT_ARG,
    force: { type: 'boolean', description: 'Replace an existing file' },
    json: { type: 'boolean', description: 'One JSON object on standard output' },
  },
  examples: [
    'graft convert model.safetensors model.onnx',
    'graft convert model.safetensors model.onnx --with-preprocessing',
    'graft convert resnet18.onnx resnet18.safetensors',
  ],
  async run(values, io) {
    const from = required(values, 'from', 'the model');
    const to = required(values, 'to', 'the file to write');
    checkEnding(to);
    if (await isSame(from, to)) throw new UsageError(`${from} and ${to} are the same file`);
    const withPreprocessing = flag(values, 'with-preprocessing');
    if (withPreprocessing && !isOnnx(to))
      throw new UsageError('--with-preprocessing is for .onnx: a .safetensors file has no graph for it');
    await checkWritable(to, 'TO');
    if (!flag(values, 'force') && (await exists(to)))
      throw new GraftError(`${to} exists already; add --force to replace it, or choose another name`);

    const progress = new Progress(io);
    const { backend } = await createBackend({ backend: 'cpu', threads: 1 });
    setDefaultBackend(backend);
    let exitCode: number | undefined;
    const stopListening = io.onInterrupt((code) => (exitCode = code));
    try {
      const read = await readModel(from, { output: text(values, 'output') ?? null });
      checkOneOutput(from, read);
      const { model, info, notes, withoutSoftmax } = read;
      const parts = isOnnx(to)
        ? [
            await saveOnnx(model, info, { withPreprocessing, version: version() }).catch((error: unknown) => {
              throw error instanceof GraftError
                ? new GraftError(`${from}: ${error.message}`, { cause: error })
                : error;
            }),
          ]
        : modelParts(model, info).parts;
      // A signal is heard between two tasks only.
      await new Promise((heard) => setImmediate(heard));
      if (exitCode !== undefined) throw new InterruptedError('stopped; nothing was written', exitCode);
      const written = await writeHashed(to, parts);
      notes.forEach((note) => progress.say(note));
      if (withoutSoftmax) progress.say(`the softmax at its end is left out: models give logits here`);
      const done: Converted = {
        from,
        to,
        ...written,
        size: info.preprocess?.size ?? null,
        classes: info.classes ?? null,
      };
      io.stdout.write(
        flag(values, 'json') ? `${JSON.stringify(done)}\n` : `${show(done, withPreprocessing)}\n`,
      );
    } finally {
      stopListening();
      progress.clear();
      await backend.dispose();
    }
  },
};
