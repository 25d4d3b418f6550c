import {
  adam,
  ArraySource,
  fit,
  GraftError,
  Linear,
  manualSeed,
  noGrad,
  Sequential,
  sizeOf,
  tensor,
  type Backend,
  type Module,
  type Tensor,
} from '@graftjs/core';
import { GraphModule, importOnnx, readTfjsGraphModel } from '@graftjs/formats';
import { loadModel } from '@graftjs/models';
import { decodeImage } from '@graftjs/vision/node';
import { mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CheckpointFile } from '../../src/checkpoint-file.ts';
import { run } from '../../src/run.ts';

export type Family = 'checkpoint' | 'safetensors' | 'onnx' | 'tfjs' | 'picture';

/** A TensorFlow.js model is two files. */
export interface Whole {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly weights?: Uint8Array;
}

const PICTURE = fileURLToPath(
  new URL('../../../../packages/vision/test/fixtures/plain.png', import.meta.url),
);
const folder = mkdtempSync(join(tmpdir(), 'graft-fuzz-'));

/** A tiny run, its checkpoint in a file. `resume` goes on with what is there. */
async function train(path: string, resume: boolean): Promise<void> {
  manualSeed(3);
  const model = new Sequential({ fc: new Linear(3, 2) });
  const values = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const data = { train: new ArraySource(values, [0, 1, 0, 1, 0, 1, 0, 1], [3], ['a', 'b']) };
  const settings = { '--seed': 3, '--base': 'm' };
  const checkpoint: CheckpointFile = new CheckpointFile(path, { settings, seconds: 0 });
  checkpoint.due = () => resume || checkpoint.saves === 0; // of the first run, what stands after one epoch
  const options = {
    epochs: 2,
    batchSize: 4,
    optimizer: adam({ lr: 0.01 }),
  } as const;
  try {
    await fit(model, data, { ...options, checkpoint, resume });
  } finally {
    model.dispose();
  }
}

/** The bytes of a checkpoint. */
export async function saveCheckpoint(): Promise<Uint8Array> {
  const path = join(folder, 'whole.checkpoint');
  await train(path, false);
  return new Uint8Array(await readFile(path));
}

async function forward(model: Module, shape: readonly number[]): Promise<void> {
  let y: Tensor | null = null;
  try {
    const x = tensor(new Float32Array(sizeOf(shape)).fill(0.5), [...shape]);
    y = noGrad(() => model.eval().forward(x));
    await y.data();
    x.dispose();
  } finally {
    y?.dispose();
    model.dispose();
  }
}

/** The command itself; errors that are not Graft's own begin with 'unexpected error'. */
async function graft(argv: string[]): Promise<void> {
  let err = '';
  const nobody = { write: () => {}, isTTY: false, columns: 80 };
  const stderr = { ...nobody, write: (line: string) => void (err += line) };
  const env = { GRAFT_DEBUG: '1', XDG_CACHE_HOME: folder };
  if ((await run(argv, { stdout: nobody, stderr, env, onInterrupt: () => () => {} })) === 0) return;
  if (err.includes('unexpected error') || !err.includes('graft: '))
    throw new Error(`the command says: ${err}`);
  throw new GraftError(
    err
      .replace(/\n {4}at .*/g, '')
      .trim()
      .replaceAll('\n', '; '),
  );
}

/** Reads a damaged file and runs once what is in it. @throws whatever the reader or the run throws */
export async function readAndRun(
  family: Family,
  file: Whole,
  backend: Backend,
  byCommand: boolean,
): Promise<void> {
  const { bytes } = file;
  const shapeOf = (sample: readonly number[] | null): readonly number[] =>
    sample && sizeOf(sample) <= 1e6 ? [1, ...sample] : [1, 3, 16, 16];
  switch (family) {
    case 'picture':
      await decodeImage(bytes, { size: 16 });
      return;
    case 'checkpoint': {
      const path = join(folder, 'damaged.checkpoint');
      await writeFile(path, bytes);
      return train(path, true);
    }
    case 'tfjs': {
      let json: unknown;
      try {
        json = JSON.parse(new TextDecoder().decode(bytes));
      } catch (error) {
        throw new GraftError('no JSON: the caller parses it', { cause: error });
      }
      const { graph, weights } = readTfjsGraphModel(json, file.weights!);
      return forward(new GraphModule(graph, weights), [1, 16, 16, 3]);
    }
    default: {
      if (byCommand) {
        const path = join(folder, file.name);
        await writeFile(path, bytes);
        return graft(['predict', path, PICTURE, '--backend', backend.name, '--threads', '1']);
      }
      if (family === 'onnx') {
        const { model, sampleShape } = await importOnnx(bytes, { logits: true });
        return forward(model, shapeOf(sampleShape));
      }
      const { model, info } = await loadModel(bytes);
      const size = info.preprocess?.size ?? 16;
      return forward(
        model,
        shapeOf(info.preprocess?.layout === 'channels-last' ? [size, size, 3] : [3, size, size]),
      );
    }
  }
}
