import type { Module } from '@graftjs/core';
import { readSafetensors, SafetensorsWriter, toStateDict } from '@graftjs/formats';
import type { SaveOptions } from './model-file.ts';

const STORED = { float32: 'F32', int32: 'I32', bool: 'U8' } as const;

/** A module's parameters and buffers under their state-dict names, one after the other. Waits for the backend. */
export async function writeState(
  model: Module,
  metadata: Readonly<Record<string, string>>,
  { float16 = false }: SaveOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const state = model.stateDict();
  const layouts = [...state].map(
    ([name, { dtype, shape }]) => [name, { dtype: STORED[dtype], shape }] as const,
  );
  const file = new SafetensorsWriter(new Map(layouts), metadata, { float16 });
  for (const [name, value] of state) file.put(name, await value.data());
  return file.bytes;
}

/**
 * The weights of any module, one of a class of your own too, as the bytes of a safetensors file: parameters and buffers
 * under their state-dict names. (`saveModel` adds the architecture, of what is made of known layers.) The same weights give
 * the same bytes.
 * @example
 * const bytes = await saveWeights(net);
 * const again = loadWeights(bytes, new Net());
 */
export async function saveWeights(
  model: Module,
  options: SaveOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return writeState(model, { format: 'pt' }, options);
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
