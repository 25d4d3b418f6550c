import type { Module } from '@graftjs/core';
import { readSafetensors, SafetensorsParts, toStateDict } from '@graftjs/formats';

const STORED = { float32: 'F32', int32: 'I32', bool: 'U8' } as const;

export interface SaveOptions {
  /** Stores float32 weights as float16: half the size, three significant digits. Default false. */
  readonly float16?: boolean;
}

/** The bytes of a file, part by part; each is asked of the backend when it is its turn. */
export interface FileParts {
  /** Of all, in bytes. */
  readonly size: number;
  readonly parts: AsyncIterable<Uint8Array>;
}

/** A module's parameters and buffers under their state-dict names. */
export function stateParts(
  model: Module,
  metadata: Readonly<Record<string, string>>,
  { float16 = false }: SaveOptions,
): FileParts {
  const state = model.stateDict();
  const layouts = [...state].map(
    ([name, { dtype, shape }]) => [name, { dtype: STORED[dtype], shape }] as const,
  );
  const file = new SafetensorsParts(new Map(layouts), metadata, { float16 });
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield file.header;
    for (const name of file.names) yield file.encode(name, await state.get(name)!.data());
  }
  return { size: file.size, parts: parts() };
}

export async function collected({ size, parts }: FileParts): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * The weights of any module, one of a class of your own too, as the bytes of a safetensors file: parameters and buffers
 * under their state-dict names. (`saveModel` adds the architecture, of what is made of known layers.) The same weights give
 * the same bytes.
 * @throws FormatError where a name cannot be written.
 * @example
 * const bytes = await saveWeights(new Linear(2, 1, { init: onesInit }));
 * loadWeights(bytes, new Linear(2, 1)).weight.value; // → [[1, 1]]
 */
export async function saveWeights(
  model: Module,
  options: SaveOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return collected(weightParts(model, options));
}

/**
 * `saveWeights`, part by part: no more than one tensor is in memory beside the model.
 * @throws FormatError where a name cannot be written.
 */
export function weightParts(model: Module, options: SaveOptions = {}): FileParts {
  return stateParts(model, { format: 'pt' }, options);
}

export interface LoadWeightsOptions {
  /** Every parameter and buffer must be in the file, and nothing else. Default true. */
  readonly strict?: boolean;
}

/**
 * Puts the weights of a safetensors file into `model`, which has the names and shapes of the one that was saved: what
 * `saveWeights` or `saveModel` wrote, or Python's `safetensors.torch.save_file`.
 * @returns `model`
 * @throws FormatError for a file that is no whole safetensors file; GraftError that lists every missing, unexpected and
 * mis-shaped name. Nothing is changed then.
 */
export function loadWeights<M extends Module>(
  bytes: Uint8Array,
  model: M,
  options: LoadWeightsOptions = {},
): M {
  model.loadStateDict(toStateDict(readSafetensors(bytes).tensors), options);
  return model;
}
