import { resolve } from 'node:path';
import { GraftError } from '@graftjs/core';
import { saveModel } from '@graftjs/models';
import { flag, required } from '../args.ts';
import { UsageError } from '../errors.ts';
import { checkWritable, exists, writeAtomic } from '../files.ts';
import { isOnnx, toOnnx } from '../onnx-files.ts';
import { readModel } from '../model-files.ts';
import { createBackend } from '../open-backend.ts';
import { Progress } from '../progress.ts';
import { version, type Command } from '../run.ts';
import { setDefaultBackend } from '@graftjs/core';

const isSafetensors = (path: string): boolean => /\.safetensors$/i.test(path);

function checkName(path: string, what: string): void {
  if (isOnnx(path) || isSafetensors(path)) return;
  throw new UsageError(`${what} ${path} is neither .safetensors nor .onnx, and its ending says what it is`);
}

export const convert: Command = {
  summary: 'Write a model in another format: .safetensors and .onnx, both ways',
  args: {
    from: { type: 'positional', description: 'A model that graft train wrote, or an .onnx file' },
    to: { type: 'positional', description: 'The file to write; its ending says the format' },
    'with-preprocessing': {
      type: 'boolean',
      description:
        'To .onnx: let the graph take uint8 pictures, [batch, height, width, 3], of the model’s size',
    },
    force: { type: 'boolean', description: 'Replace an existing file' },
  },
  examples: [
    'graft convert model.safetensors model.onnx',
    'graft convert model.safetensors model.onnx --with-preprocessing',
    'graft convert resnet18.onnx resnet18.safetensors',
  ],
  async run(values, io) {
    const from = required(values, 'from', 'the model');
    const to = required(values, 'to', 'the file to write');
    checkName(from, 'the model');
    checkName(to, 'the file to write,');
    if (resolve(from) === resolve(to)) throw new UsageError(`${from} and ${to} are the same file`);
    const withPreprocessing = flag(values, 'with-preprocessing');
    if (withPreprocessing && !isOnnx(to))
      throw new UsageError('--with-preprocessing is for .onnx: a .safetensors file has no graph');
    await checkWritable(to, 'the file to write');
    if (!flag(values, 'force') && (await exists(to)))
      throw new GraftError(`${to} exists already; add --force to replace it, or choose another name`);
    const progress = new Progress(io);
    const { backend } = await createBackend({ backend: 'cpu', threads: 1 });
    setDefaultBackend(backend);
    try {
      const { model, info, notes } = await readModel(from);
      for (const note of notes) progress.say(note);
      const bytes = isOnnx(to)
        ? await toOnnx(model, info, { withPreprocessing, version: version() }).catch((error: unknown) => {
            if (error instanceof GraftError) error.message = `${from}: ${error.message}`;
            throw error;
          })
        : await saveModel(model, info);
      await writeAtomic(to, bytes);
      io.stdout.write(`${to}\n`);
    } finally {
      progress.clear();
      await backend.dispose();
    }
  },
};
