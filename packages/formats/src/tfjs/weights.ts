import { sizeOf } from '@graftjs/core';
import { decodeFloat16 } from '@graftjs/core/backend';
import { FormatError } from '../errors.ts';
import { isRecord } from '../json.ts';

/** One stored constant of a TensorFlow.js model. */
export interface TfjsWeight {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly data: Float32Array | Int32Array | Uint8Array;
}

const STORED_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  float16: 2,
  uint16: 2,
  uint8: 1,
  bool: 1,
};

/**
 * Decodes the weights that a `weightsManifest` describes, one after the other in `bytes` (the shards of all groups,
 * joined in order). Quantised ones are restored: float16 exactly, uint8 and uint16 as `q · scale + min`.
 * Format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts (WeightsManifestEntry)
 * @throws FormatError with the byte offset, before anything is allocated for a weight that is not there.
 */
export function readTfjsWeights(manifest: unknown, bytes: Uint8Array): Map<string, TfjsWeight> {
  if (!Array.isArray(manifest)) throw new FormatError('the model JSON has no weightsManifest');
  const out = new Map<string, TfjsWeight>();
  let at = 0;
  for (const group of manifest as unknown[]) {
    const weights = isRecord(group) ? group['weights'] : undefined;
    if (!Array.isArray(weights)) throw new FormatError('a group of the weightsManifest has no weights');
    for (const entry of weights as unknown[]) {
      const { name, weight, end } = readOne(entry, bytes, at);
      if (out.has(name)) throw new FormatError(`the weight '${name}' is listed twice`, at);
      out.set(name, weight);
      at = end;
    }
  }
  if (at !== bytes.length) {
    throw new FormatError(
      `the manifest describes ${at} bytes of weights, there are ${bytes.length}`,
      at,
      'are all shards there, in order?',
    );
  }
  return out;
}

function readOne(
  entry: unknown,
  bytes: Uint8Array,
  at: number,
): { name: string; weight: TfjsWeight; end: number } {
  if (!isRecord(entry) || typeof entry['name'] !== 'string')
    throw new FormatError('a weight without a name', at);
  const { name, shape, dtype, quantization } = entry as Record<string, unknown> & { name: string };
  const bad = (what: string): never => {
    throw new FormatError(`weight '${name}': ${what}`, at);
  };
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every((d) => Number.isSafeInteger(d) && d >= 0))
    return bad('bad shape');
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
    return bad(`dtype ${JSON.stringify(dtype)} is not supported`);
  const q = isRecord(quantization) ? quantization : undefined;
  const stored = q ? q['dtype'] : dtype;
  if (typeof stored !== 'string' || !Object.hasOwn(STORED_BYTES, stored))
    return bad(`stored as ${JSON.stringify(stored)}, which is not supported`);
  const count = sizeOf(shape as number[]);
  const end = at + count * STORED_BYTES[stored]!;
  if (!(end <= bytes.length))
    return bad(`ends at byte ${end}, there are ${bytes.length}: is a shard missing?`);

  // A copy is aligned, whatever the offset. Not bytes.slice: on a Node Buffer that is a view.
  const { buffer } = new Uint8Array(bytes.subarray(at, end));
  const done = (data: TfjsWeight['data']): { name: string; weight: TfjsWeight; end: number } => ({
    name,
    weight: { shape: shape as number[], dtype, data },
    end,
  });
  if (!q) {
    if (dtype === 'bool') return done(new Uint8Array(buffer));
    return done(dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer));
  }
  if (stored === 'float16' && dtype === 'float32') return done(decodeFloat16(new Uint16Array(buffer)));
  const { scale, min } = q;
  if (stored !== 'uint8' && stored !== 'uint16') return bad(`${dtype} stored as ${stored}`);
  if (typeof scale !== 'number' || typeof min !== 'number') return bad('quantised without scale and min');
  const raw = stored === 'uint8' ? new Uint8Array(buffer) : new Uint16Array(buffer);
  const restore = (v: number): number => v * scale + min;
  if (dtype === 'int32') return done(Int32Array.from(raw, (v) => Math.round(restore(v))));
  return dtype === 'float32' ? done(Float32Array.from(raw, restore)) : bad('quantised bool');
}
