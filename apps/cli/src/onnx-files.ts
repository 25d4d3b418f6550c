import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import {
  evaluating,
  GraftError,
  imageNetPreprocess,
  inputShape,
  parsePreprocess,
  trace,
  type Module,
  type Preprocess,
} from '@graftjs/core';
import {
  exportOnnx,
  importOnnx,
  ONNX_METADATA,
  type InputRange,
  type Network,
  type OnnxNetwork,
} from '@graftjs/formats';
import { fileError } from '@graftjs/formats/node';
import type { ModelInfo } from '@graftjs/models';
import { list } from './format.ts';
import type { ModelInFile } from './model-files.ts';

/** Where neither file nor command line says how large the pictures are. */
const USUAL_SIZE = 224;

/** Entries of a model's record that go into the metadata as they are, and come back. */
const TEXTS = ['name', 'licence', 'source'] as const;
const keyOf = (text: (typeof TEXTS)[number]): string => `graft.${text}`;

/** In the metadata: the preprocessing there was assumed, not stated. */
const ASSUMED = 'graft.preprocess-assumed';

type Inputs = Network['inputs'];

export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}

/** The option of every command that reads such a file. */
export const OUTPUT_ARG = {
  type: 'string',
  valueHint: 'NAME',
  description: 'Of a file with several outputs: the one to lead to',
} as const;

export interface ReadOptions {
  /** Side of the pictures, if the caller chooses it. */
  readonly size?: number | null;
  /** Of several outputs, or a value in the middle: the one that is wanted. */
  readonly output?: string | null;
}

/**
 * The network in an `.onnx` file, up to its logits, or of several outputs what they share, with what its metadata say where
 * Graft wrote them. Weights in other files are read from the model's folder only.
 * @throws GraftError, FormatError, UnsupportedOpsError
 */
export async function readOnnx(path: string, bytes: Uint8Array, o: ReadOptions): Promise<ModelInFile> {
  const network = await importOnnx(bytes, {
    logits: true,
    trunk: true,
    ...(o.output && { outputs: [o.output] }),
    sampleShape: (inputs) => sampleOf(inputs, o.size ?? null),
    readExternal: (location) => readBeside(path, location),
  });
  const { metadata } = network;
  const classes = json(metadata.get(ONNX_METADATA.classes));
  const isNames = Array.isArray(classes) && classes.length > 0 && classes.every((c) => typeof c === 'string');
  const texts = TEXTS.flatMap((text) => {
    const value = metadata.get(keyOf(text));
    return value === undefined ? [] : [[text, value] as const];
  });
  const stated = statedPreprocess(network);
  const info = {
    ...Object.fromEntries(texts),
    ...(isNames && { classes }),
    ...(stated && metadata.get(ASSUMED) === 'true' && { preprocessAssumed: true }),
  };
  return modelOf(path, network, { format: 'onnx', info, stated, size: o.size ?? null });
}

/** A network from any format as a model, with the preprocessing that is stated, seen in it, or usual. */
export function modelOf(
  path: string,
  network: Network & { readonly outputs: readonly string[] },
  {
    format,
    info,
    stated,
    size,
  }: {
    format: ModelInFile['format'];
    info: ModelInfo;
    stated: Preprocess | null;
    size: number | null;
  },
): ModelInFile {
  const why = notPictures(network.inputs);
  const { inputRange, outputs, outputShapes, trunk, withoutSoftmax } = network;
  const given = outputs.map((name, i) => {
    const shape = outputShapes[i];
    return shape ? `'${name}' [${shape.join(', ')}]` : `'${name}'`;
  });
  const preprocess = stated ?? (why === null ? usualPreprocess(network, size) : null);
  const seen = preprocess && !stated ? inputRange : null;
  const assumed = stated ? info.preprocessAssumed === true : preprocess !== null && !seen;
  const notes = assumptions(path, preprocess, assumed);
  if (preprocess && seen)
    notes.push(
      `${path} ${SEEN[seen]}, as its first nodes show; at ${preprocess.size} × ${preprocess.size} pixels`,
    );
  if (trunk !== null)
    notes.push(
      `${path} has ${outputs.length} outputs, ${list(given, 6)}: taken up to '${trunk}', where they part; ` +
        `--output NAME takes the way to one`,
    );
  return {
    model: network.model.eval(),
    format,
    info: { ...info, ...(preprocess && { preprocess }), ...(assumed && { preprocessAssumed: true }) },
    ...(seen && { seen: true }),
    outputs: given,
    trunk,
    notes,
    withoutSoftmax,
    ...(preprocess ? {} : { notPictures: why! }),
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

/** What the command says of a network whose first nodes tell what it takes. */
const SEEN: Readonly<Record<InputRange, string>> = {
  bytes: 'scales pictures itself and takes their values as they are, 0 … 255',
  unit: 'normalises pictures itself and takes their values as 0 … 1',
};

/** A file that the model names: also behind links it must lie in the model's folder. */
export async function readBeside(model: string, location: string): Promise<Uint8Array> {
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
  const stated = preprocessIn(metadata.get(ONNX_METADATA.preprocess));
  if (stated === null) return null;
  if (inputs[0]!.element !== 'uint8') return stated;
  return { ...stated, ...PLAIN.bytes, layout: 'channels-last' };
}

function preprocessIn(text: string | undefined): Preprocess | null {
  try {
    return parsePreprocess(text);
  } catch {
    return null; // whoever wrote it meant something else
  }
}

/** Preprocessing that leaves a byte v as it is, for (v / 255 − 0) / (1 / 255) = v, or only divides it. */
const PLAIN: Readonly<Record<InputRange, Pick<Preprocess, 'mean' | 'std'>>> = {
  bytes: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
  unit: { mean: [0, 0, 0], std: [1, 1, 1] },
};

/** Why a network takes no pictures, as far as can be seen; null if it does. */
function notPictures(inputs: Inputs): string | null {
  if (inputs.length !== 1) return `it has ${inputs.length} inputs`;
  const shape = inputs[0]!.shape ?? [];
  const said = `its input is [${shape.map((d) => (d === '' ? '?' : d)).join(', ')}]`;
  if (shape.length !== 4 || (shape[1] !== 3 && shape[3] !== 3))
    return `${said}, which is no batch of pictures in three colours`;
  const [height, width] = shape[1] === 3 ? shape.slice(2) : shape.slice(1, 3);
  const isSquare = typeof height !== 'number' || typeof width !== 'number' || height === width;
  return isSquare ? null : `${said}, and pictures are square here`;
}

const isChannelsFirst = (inputs: Inputs): boolean => inputs[0]!.shape![1] === 3;

/** Side of the pictures: the caller's, the file's, or what is usual. */
function sideOf(inputs: Inputs, size: number | null): number {
  const side = inputs[0]!.shape![2];
  return size ?? (typeof side === 'number' && side > 0 ? side : USUAL_SIZE);
}
/** Shape of one picture as the network takes it; undefined if it takes none. */
export function sampleOf(inputs: Inputs, size: number | null): number[] | undefined {
  if (notPictures(inputs) !== null) return undefined;
  const side = sideOf(inputs, size);
  return isChannelsFirst(inputs) ? [3, side, side] : [side, side, 3];
}

/**
 * What the network's first nodes leave to be done; else as PyTorch's networks for ImageNet have it: whoever trained it
 * knows better, but the file does not say.
 */
function usualPreprocess({ inputs, inputRange }: Network, size: number | null): Preprocess {
  const layout = isChannelsFirst(inputs) ? 'channels-first' : 'channels-last';
  const usual = imageNetPreprocess({ size: sideOf(inputs, size) });
  return { ...usual, ...(inputRange && PLAIN[inputRange]), layout };
}

/**
 * How many classes a network tells apart.
 * @throws GraftError where it does not give one number for each
 */
export function countClasses(model: Module, preprocess: Preprocess): number {
  const spec = { dtype: 'float32', shape: [1, ...inputShape(preprocess)] } as const;
  const traced = evaluating([model], () => trace((x) => model.forward(x), [spec]));
  traced.dispose();
  const { shape } = traced.graph.specs[traced.results[0]!]!;
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
    input: inputShape(preprocess),
    preprocess,
    ...(classes && { classes }),
    ...options,
    metadata: { ...Object.fromEntries(texts), ...(info.preprocessAssumed === true && { [ASSUMED]: 'true' }) },
  });
}
