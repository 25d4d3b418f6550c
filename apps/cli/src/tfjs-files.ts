import { basename } from 'node:path';
import { GraftError } from '@graftjs/core';
import { FormatError, importTfjs } from '@graftjs/formats';
import type { ModelInFile } from './model-files.ts';
import { modelOf, readBeside, sampleOf, type ReadOptions } from './onnx-files.ts';

/**
 * The network in a `model.json` of TensorFlow.js, a graph-model, as `readOnnx` gives that of an `.onnx` file. Its shards are read
 * from the model's folder only; what stands before their names in the manifest is where they once lay.
 * @throws GraftError, FormatError, UnsupportedOpsError
 */
export async function readTfjs(path: string, bytes: Uint8Array, o: ReadOptions): Promise<ModelInFile> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new FormatError('its JSON is damaged');
  }
  const shards: Uint8Array[] = [];
  for (const name of shardsOf(json)) shards.push(await readBeside(path, basename(name)));
  const size = o.size ?? null;
  const network = importTfjs(json, shards, {
    logits: true,
    trunk: true,
    ...(o.output && { outputs: [o.output] }),
    sampleShape: (inputs) => sampleOf(inputs, size),
  });
  return modelOf(path, network, { format: 'tfjs', info: {}, stated: null, size });
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;

function shardsOf(json: unknown): string[] {
  const manifest = isRecord(json) ? json['weightsManifest'] : undefined;
  const groups = Array.isArray(manifest) ? (manifest as unknown[]) : [];
  const paths = groups.flatMap((g): unknown => (isRecord(g) ? g['paths'] : []));
  if (!paths.every((p) => typeof p === 'string' && p !== ''))
    throw new GraftError('its weightsManifest names no files');
  return paths as string[];
}
