import { GraftError, imageNetPreprocess, inputShape, type Module, type Preprocess } from '@graftjs/core';
import { parsePreprocess } from '@graftjs/core/extend';
import { FormatError } from '@graftjs/formats';
import {
  exportOnnx,
  importOnnx,
  importTfjs,
  ONNX_METADATA,
  type InputRange,
  type Network,
  type NetworkInput,
  type OnnxNetwork,
} from '@graftjs/formats/import';
import type { LoadedModel, LoadOptions } from './loaded-model.ts';
import type { ModelInfo } from './model-file.ts';

/** Models from files of other formats, and in ONNX: what is known of their pictures. Pages load this on demand. */

/** Where neither file nor caller says how large the pictures are. */
const USUAL_SIZE = 224;

/** Entries of a model's record that go into the metadata as they are, and come back. */
const TEXTS = ['name', 'licence', 'source'] as const;
const keyOf = (text: (typeof TEXTS)[number]): string => `graft.${text}`;

/** In the metadata: the preprocessing there was assumed, not stated. */
const ASSUMED = 'graft.preprocess-assumed';

type Inputs = readonly NetworkInput[];

/** The network in an `.onnx` file, up to its logits, or of several outputs what they share. */
export async function readOnnxModel(bytes: Uint8Array, o: LoadOptions): Promise<LoadedModel> {
  const { readExternal } = o;
  const network = await importOnnx(bytes, { ...networkOptions(o), ...(readExternal && { readExternal }) });
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
  return modelOf(network, 'onnx', info, stated, o);
}

/** The network in a `model.json` of TensorFlow.js. What stands before the names of its shards is where they once lay. */
export async function readTfjsModel(bytes: Uint8Array, o: LoadOptions): Promise<LoadedModel> {
  const model = json(new TextDecoder().decode(bytes));
  if (model === null) throw new FormatError('its JSON is damaged');
  const shards: Uint8Array[] = [];
  for (const path of shardsOf(model)) {
    if (!o.readExternal)
      throw new GraftError(
        `its weights are in '${path}' beside it: give loadModel a readExternal that reads it`,
      );
    shards.push(await o.readExternal(path.split('/').at(-1)!));
  }
  return modelOf(importTfjs(model, shards, networkOptions(o)), 'tfjs', {}, null, o);
}

function networkOptions({ backend, output, size }: LoadOptions): Parameters<typeof importTfjs>[2] {
  return {
    ...{ logits: true, trunk: true },
    ...(backend && { backend }),
    ...(output !== undefined && { outputs: [output] }),
    sampleShape: (inputs) => sampleOf(inputs, size),
  };
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;

function shardsOf(model: unknown): string[] {
  const manifest = isRecord(model) ? model['weightsManifest'] : undefined;
  const groups = Array.isArray(manifest) ? (manifest as unknown[]) : [];
  const paths = groups.flatMap((g): unknown => (isRecord(g) ? g['paths'] : []));
  if (!paths.every((p) => typeof p === 'string' && p !== ''))
    throw new GraftError('its weightsManifest names no files');
  return paths as string[];
}

/** With the preprocessing that is stated, seen in its first nodes, or usual. */
function modelOf(
  network: Network & { readonly outputs: readonly string[] },
  format: LoadedModel['format'],
  info: ModelInfo,
  stated: Preprocess | null,
  { size }: LoadOptions,
): LoadedModel {
  const why = notPictures(network.inputs);
  const { inputRange, outputs, outputShapes, trunk, withoutSoftmax } = network;
  const preprocess = stated ?? (why === null ? usualPreprocess(network, size) : null);
  const seen = preprocess && !stated ? inputRange : null;
  const assumed = stated ? info.preprocessAssumed === true : preprocess !== null && !seen;
  return {
    model: network.model.eval(),
    format,
    info: { ...info, ...(preprocess && { preprocess }), ...(assumed && { preprocessAssumed: true }) },
    inputRange: seen,
    notPictures: preprocess ? null : why,
    outputs: outputs.map((name, i) => {
      const shape = outputShapes[i];
      return shape ? `'${name}' [${shape.join(', ')}]` : `'${name}'`;
    }),
    trunk,
    withoutSoftmax,
  };
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
  let stated: Preprocess;
  try {
    stated = parsePreprocess(metadata.get(ONNX_METADATA.preprocess));
  } catch {
    return null; // whoever wrote it meant something else
  }
  if (inputs[0]!.element !== 'uint8') return stated;
  return { ...stated, ...PLAIN.bytes, layout: 'channels-last' };
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

/** Layout and side of the pictures: the caller's, the file's, or what is usual. */
function takes(inputs: Inputs, size: number | undefined): Pick<Preprocess, 'size' | 'layout'> {
  const shape = inputs[0]!.shape!;
  const side = shape[2];
  return {
    size: size ?? (typeof side === 'number' && side > 0 ? side : USUAL_SIZE),
    layout: shape[1] === 3 ? 'channels-first' : 'channels-last',
  };
}

/** Shape of one picture as the network takes it; undefined if it takes none. */
function sampleOf(inputs: Inputs, size: number | undefined): number[] | undefined {
  return notPictures(inputs) === null ? inputShape(takes(inputs, size)) : undefined;
}

/**
 * What the network's first nodes leave to be done; else as PyTorch's networks for ImageNet have it: whoever trained it
 * knows better, but the file does not say.
 */
function usualPreprocess({ inputs, inputRange }: Network, size: number | undefined): Preprocess {
  return imageNetPreprocess({ ...(inputRange && PLAIN[inputRange]), ...takes(inputs, size) });
}

export interface SaveOnnxOptions {
  /** The graph takes pictures, uint8 `[batch, size, size, 3]`, and makes its input of them itself. Default false. */
  readonly withPreprocessing?: boolean;
  /** Version of Graft, for the record. */
  readonly version?: string;
}

/** A model as the bytes of an `.onnx` file. @throws GraftError where it does not say how pictures become its input */
export async function writeOnnxModel(
  model: Module,
  info: ModelInfo,
  options: SaveOnnxOptions,
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
