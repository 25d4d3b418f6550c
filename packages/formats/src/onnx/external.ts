import { sizeOf } from '@graftjs/core';
import { elementTypes, type OnnxModel, type OnnxTensor } from '@graftjs/onnx-graph';
import { FormatError } from '../errors.ts';

/** Gives the content of a file that lies beside the model, by its path relative to it. */
export type ReadExternal = (location: string) => Uint8Array | Promise<Uint8Array>;

/**
 * A relative path that stays in the model's folder.
 * @throws FormatError for absolute paths, those with a drive or scheme, and those that leave by '..'.
 */
export function safeLocation(location: string): string {
  const parts = location.split(/[/\\]/);
  const bad =
    location === '' ||
    /^[/\\]|^[A-Za-z][\w+.-]*:|\0/.test(location) ||
    parts.some((p) => p === '..' || (p === '' && parts.length > 1));
  if (bad)
    throw new FormatError(
      `external data at '${location.slice(0, 200)}' lies outside the model's folder and is not read`,
    );
  return location;
}

/** The model with the values that lie in other files. Each file is asked for once. */
export async function withExternal(model: OnnxModel, read: ReadExternal | undefined): Promise<OnnxModel> {
  const { initializers } = model.graph;
  const wanted = initializers.filter((t) => t.external);
  if (!wanted.length) return model;
  for (const t of wanted) safeLocation(t.external!.location);
  if (!read)
    throw new FormatError(
      `the weights of this model are in another file, '${wanted[0]!.external!.location}'`,
      undefined,
      'give { readExternal }, which reads it',
    );
  const files = new Map<string, Uint8Array>();
  for (const t of wanted) {
    const { location } = t.external!;
    if (!files.has(location)) files.set(location, await read(location));
  }
  const filled = initializers.map((t) => (t.external ? fill(t, files.get(t.external.location)!) : t));
  return { ...model, graph: { ...model.graph, initializers: filled } };
}

function fill(t: OnnxTensor, file: Uint8Array): OnnxTensor {
  const { location, offset, length } = t.external!;
  const needed = sizeOf(t.dims) * elementTypes[t.element].bytes;
  const given = length ?? needed;
  if (given !== needed || !(offset + needed <= file.length)) {
    throw new FormatError(
      `tensor '${t.name}' needs ${needed} bytes from byte ${offset} of '${location}', which says ${given} and has ${file.length}`,
      offset,
    );
  }
  return { ...t, bytes: file.subarray(offset, offset + needed), external: null };
}
