import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { GraftError, sampleShapeOf, type Module, type Preprocess } from '@graftjs/core';
import { exportOnnx, importOnnx, ONNX_METADATA, type OnnxNetwork } from '@graftjs/formats';
import { imagenetPreprocess, type ModelInfo } from '@graftjs/models';
import { fileError } from './errors.ts';

/** Without a hint in the file, a network is taken for one that was trained on pictures of this size. */
const USUAL_SIZE = 224;

export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}

export interface OnnxFile {
  readonly model: Module;
  readonly info: ModelInfo;
  /** What the file does not say and was assumed. */
  readonly notes: readonly string[];
}

/**
 * A network from an `.onnx` file, with what its metadata say, if Graft or somebody else wrote some. Weights in other files
 * are read from the model's folder only.
 * @throws GraftError, FormatError, UnsupportedOpsError
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
  try {
    const network = await importOnnx(bytes, { readExternal: (location) => readBeside(path, location) });
    const preprocess = statedPreprocess(network);
    const stated = namesIn(network.metadata.get(ONNX_METADATA.classes));
    const notes: string[] = [];
    const assumed = preprocess ? null : assumedPreprocess(network);
    if (assumed) {
      notes.push(
        `${path} does not say how pictures become its input: taken as ImageNet networks have it, ${assumed.size} pixels, mean and deviation of ImageNet`,
      );
    }
    const known = preprocess ?? assumed;
    return {
      model: network.model.eval(),
      info: {
        ...(stated && { classes: stated }),
        ...(known && { preprocess: known }),
        ...(network.metadata.get('licence') && { licence: network.metadata.get('licence')! }),
      },
      notes,
    };
  } catch (error) {
    if (error instanceof GraftError) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

/** A file that the model names; also behind links it must lie in the model's folder. */
async function readBeside(model: string, location: string): Promise<Uint8Array> {
  const file = join(dirname(model), location);
  try {
    const folder = await realpath(dirname(model));
    const real = await realpath(file);
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new GraftError(`its weights in '${location}' lie outside the model's folder and are not read`);
    return await readFile(real);
  } catch (error) {
    throw fileError(file, error);
  }
}

function namesIn(json: string | undefined): string[] | null {
  try {
    const names: unknown = JSON.parse(json ?? 'null');
    return Array.isArray(names) && names.length > 0 && names.every((n) => typeof n === 'string')
      ? names
      : null;
  } catch {
    return null;
  }
}

/** What Graft wrote into the metadata; for a graph that takes bytes, it is in the graph. */
function statedPreprocess({ metadata, inputs, sampleShape }: OnnxNetwork): Preprocess | null {
  if (inputs[0]?.element === 'uint8' && sampleShape?.length === 3 && sampleShape[0] === sampleShape[1]) {
    const std = 1 / 255; // (v / 255 − 0) / (1 / 255) = v
    const fit = isPreprocess(metadata.get(ONNX_METADATA.preprocess))?.fit ?? 'squash';
    return { size: sampleShape[0]!, fit, mean: [0, 0, 0], std: [std, std, std], layout: 'channels-last' };
  }
  return isPreprocess(metadata.get(ONNX_METADATA.preprocess));
}

function isPreprocess(json: string | undefined): Preprocess | null {
  const triple = (v: unknown): boolean =>
    Array.isArray(v) && v.length === 3 && v.every((x) => typeof x === 'number' && Number.isFinite(x));
  try {
    const p = JSON.parse(json ?? 'null') as Preprocess | null;
    const fine =
      p !== null &&
      Number.isInteger(p.size) &&
      p.size > 0 &&
      ['squash', 'crop', 'pad'].includes(p.fit) &&
      ['channels-first', 'channels-last'].includes(p.layout) &&
      triple(p.mean) &&
      triple(p.std);
    return fine ? p : null;
  } catch {
    return null;
  }
}

/** Null where the network does not take pictures in three colours. */
function assumedPreprocess({ inputs }: OnnxNetwork): Preprocess | null {
  const shape = inputs.length === 1 ? (inputs[0]!.shape ?? []) : [];
  if (shape.length !== 4) return null;
  const layout = shape[1] === 3 ? 'channels-first' : shape[3] === 3 ? 'channels-last' : null;
  if (!layout) return null;
  const side = layout === 'channels-first' ? shape[2] : shape[1];
  return { ...imagenetPreprocess(), size: typeof side === 'number' && side > 0 ? side : USUAL_SIZE, layout };
}

/** A model as the bytes of an `.onnx` file. @throws GraftError where the model does not say how pictures become its input */
export async function toOnnx(
  model: Module,
  info: ModelInfo,
  options: { readonly withPreprocessing: boolean; readonly version: string },
): Promise<Uint8Array> {
  const { preprocess, classes, licence, name, source } = info;
  if (!preprocess)
    throw new GraftError('it does not say how pictures become its input, so the size of that is unknown');
  const entries = Object.entries({ licence, name, source });
  return exportOnnx(model, {
    input: sampleShapeOf(preprocess),
    preprocess,
    ...(classes && { classes }),
    ...options,
    metadata: Object.fromEntries(entries.filter((e): e is [string, string] => e[1] !== undefined)),
  });
}
