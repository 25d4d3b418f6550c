import type { Backend } from '@graftjs/core';
import { readSafetensors, toStateDict } from '@graftjs/formats';
import { architectureOf } from './match-weights.ts';
import { decodeModel, WeightsOnlyError } from './model-file.ts';
import { networks } from './networks.ts';

/**
 * `decodeModel` for a file that names a network of this package, or has weights alone: whose these are, it says. Pages load
 * this, and with it all networks, when they meet such a file.
 */
export function decodeNamed(
  bytes: Uint8Array,
  options: { readonly backend?: Backend },
): ReturnType<typeof decodeModel> {
  try {
    return decodeModel(bytes, { ...options, networks });
  } catch (error) {
    if (!(error instanceof WeightsOnlyError)) throw error;
    throw new WeightsOnlyError(architectureOf(toStateDict(readSafetensors(bytes).tensors)));
  }
}
