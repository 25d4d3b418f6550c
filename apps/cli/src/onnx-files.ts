import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { evaluating, GraftError, record, sampleShapeOf, type Module, type Preprocess } from '@graftjs/core';
import { exportOnnx, importOnnx, ONNX_METADATA, type OnnxNetwork } from '@graftjs/formats';
import { imagenetPreprocess, isPreprocess, type ModelInfo } from '@graftjs/models';
import { fileError } from './errors.ts';
import type { ModelInFile } from './model-files.ts';

/** Where neither file nor command line says how large the pictures are. */
const USUAL_SIZE = 224;

/** Entries of a model's record that go into the metadata as they are, and come back. */
const TEXTS = ['name', 'licence', 'source'] as const;
const keyOf = (text: (typeof TEXTS)[number]): string => `graft.${text}`;

/** In the metadata: the preprocessing there was assumed, not stated. */
const ASSUMED = 'graft.preprocess-assumed';

export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}

/**
 * The network in an `.onnx` file, up to its logits, with what its metadata say where Graft wrote them. Weights in other
 * files are read from the model's folder only.
 * @param size Side of the pictures, if the caller chooses it.
 * @throws GraftError, FormatError, UnsupportedOpsError
 */
export async function readOnnx(path: string, bytes: Uint8Array, size: number | null): Promise<ModelInFile> {
  const network = await importOnnx(bytes, {
    logits: true,
    readExternal: (location) => readBeside(path, location),
  });
  const { metadata, withoutSoftmax } = network;
  let preprocess = statedPreprocess(network);
  let assumed = preprocess !== null && metadata.get(ASSUMED) === 'true';
  if (!preprocess && notPictures(network) === null) {
    preprocess = assumedPreprocess(network, size);
    assumed = true;
  }
  const classes = json(metadata.get(ONNX_METADATA.classes));
  const isNames = Array.isArray(classes) && classes.length > 0 && classes.every((c) => typeof c === 'string');
  const texts = TEXTS.flatMap((text) => {
    const value = metadata.get(keyOf(text));
    return value === undefined ? [] : [[text, value] as const];
  });
  return {
    model: network.model.eval(),
    format: 'onnx',
    info: {
      ...Object.fromEntries(texts),
      ...(isNames && { classes }),
      ...(preprocess && { preprocess }),
      ...(assumed && { preprocessAssumed: true }),
    },
    notes: assumptions(path, preprocess, assumed),
    withoutSoftmax,
    ...(preprocess ? {} : { notPictures: notPictures(network)! }),
  };
}

/** What is said of a model whose preprocessing nobody has stated, whatever it was converted to since. */
export function assumptions(
  path: string,
  preprocess: Preprocess | null | undefined,
  assumed: boolean | undefined,
): string[] {
  if (!preprocess || assumed !== true) return [];
  const { size } = preprocess;
  return [
    `${path} does not say how pictures become its input; taken as usual for ImageNet, at ${size} × ${size} pixels`,
  ];
}

/** A file that the model names: also behind links it must lie in the model's folder. */
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

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}

/** What Graft wrote into the metadata. A graph that takes bytes has it inside: what is left is how they are cut out. */
function statedPreprocess({ metadata, inputs }: OnnxNetwork): Preprocess | null {
  const stated = json(metadata.get(ONNX_METADATA.preprocess));
  if (!isPreprocess(stated)) return null;
  if (inputs[0]!.element !== 'uint8') return stated;
  const one = 1 / 255; // (v / 255 − 0) / (1 / 255) = v
  return { ...stated, mean: [0, 0, 0], std: [one, one, one], layout: 'channels-last' };
}

/** Why a network takes no pictures, as far as can be seen; null if it does. */
function notPictures({ inputs }: OnnxNetwork): string | null {
  if (inputs.length !== 1) return `it has ${inputs.length} inputs`;
  const shape = inputs[0]!.shape ?? [];
  const said = `its input is [${shape.map((d) => (d === '' ? '?' : d)).join(', ')}]`;
  if (shape.length !== 4 || (shape[1] !== 3 && shape[3] !== 3))
    return `${said}, which is no batch of pictures in three colours`;
  const [height, width] = shape[1] === 3 ? shape.slice(2) : shape.slice(1, 3);
  const isSquare = typeof height !== 'number' || typeof width !== 'number' || height === width;
  return isSquare ? null : `${said}, and pictures are square here`;
}

/** As PyTorch's networks for ImageNet have it. Whoever trained the network knows better, but the file does not say. */
function assumedPreprocess({ inputs }: OnnxNetwork, size: number | null): Preprocess {
  const shape = inputs[0]!.shape!;
  const layout = shape[1] === 3 ? 'channels-first' : 'channels-last';
  const side = shape[2];
  const own = typeof side === 'number' && side > 0 ? side : USUAL_SIZE;
  return { ...imagenetPreprocess(size ?? own), layout };
}

/**
 * How many classes a network tells apart.
 * @throws GraftError where it does not give one number for each
 */
export function countClasses(model: Module, preprocess: Preprocess): number {
  const spec = { dtype: 'float32', shape: [1, ...sampleShapeOf(preprocess)] } as const;
  const recording = evaluating([model], () => record((x) => model.forward(x), [spec]));
  recording.dispose();
  const { shape } = recording.specs[recording.results[0]!]!;
  if (shape.length !== 2)
    throw new GraftError(
      `gives [${shape.join(', ')}] for a picture, not one number for each class, so it is no classifier`,
    );
  return shape[1]!;
}

/** A model as the bytes of an `.onnx` file. @throws GraftError where the model does not say how pictures become its input */
export async function toOnnx(
  model: Module,
  info: ModelInfo,
  options: { readonly withPreprocessing: boolean; readonly version: string },
): Promise<Uint8Array> {
  const { preprocess, classes } = info;
  if (!preprocess)
    throw new GraftError('does not say how pictures become its input, so the shape of that is unknown');
  const texts = TEXTS.flatMap((text) => {
    const value = info[text];
    return value === undefined ? [] : [[keyOf(text), value] as const];
  });
  return exportOnnx(model, {
    input: sampleShapeOf(preprocess),
    preprocess,
    ...(classes && { classes }),
    ...options,
    metadata: { ...Object.fromEntries(texts), ...(info.preprocessAssumed === true && { [ASSUMED]: 'true' }) },
  });
}
