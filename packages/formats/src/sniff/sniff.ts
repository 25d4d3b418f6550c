import { FormatError } from '../errors.ts';
import { ROWS, tf2onnx, type FileKind } from './kinds.ts';
import { Look } from './look.ts';

/**
 * Tells what a file is by its bytes and, where these do not tell, by its name. A pure function, in Node and in pages.
 * @param bytes the file, or its beginning: 4 kB are enough but for what is inside a zip archive
 * @param name its name or path, if there is one
 * @returns the kind, or null for what is not known
 * @example
 * sniffFile(Uint8Array.of(0x50, 0x4b, 3, 4))?.what; // → 'a zip archive'
 */
export function sniffFile(bytes: Uint8Array, name = ''): FileKind | null {
  const file = new Look(bytes, name);
  const row = ROWS.find((r) => r.is(file));
  if (!row) return null;
  const { is: _, ...kind } = row;
  return kind;
}

/**
 * The error for a file that is something else than what is wanted: what it is, and what to do with it. Null where it is
 * wanted, or unknown: then its reader says what is wrong.
 * @param wanted ids of what is wanted: 'safetensors'
 * @param called what that is called: 'a safetensors file'
 * @param name its path, which the advice then shows in place of FILE
 */
export function foreignFile(
  bytes: Uint8Array,
  wanted: readonly string[],
  called: string,
  name = '',
): FormatError | null {
  const kind = sniffFile(bytes, name);
  if (kind === null || wanted.includes(kind.id)) return null;
  const advice = name === '' ? kind.advice : kind.advice.replace(/\bFILE\b/, () => name);
  return new FormatError(`this is ${kind.what}, not ${called}`, undefined, advice);
}

interface FolderKind {
  readonly what: string;
  readonly advice: string;
}

/** What a folder is where a file is wanted, by the names in it; null for any other folder. */
export function sniffFolder(names: readonly string[]): FolderKind | null {
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  if (has(/^saved_model\.pb(txt)?$/)) {
    return { what: 'a TensorFlow SavedModel', advice: tf2onnx('--saved-model FOLDER') };
  }
  if (has(/^model\.json$/)) {
    return { what: 'a TensorFlow.js model', advice: tf2onnx('--tfjs FOLDER/model.json') };
  }
  const one = names.find((name) => /\.(safetensors|onnx)$/i.test(name));
  if (one !== undefined) return { what: `a folder with '${one}' in it`, advice: 'name that file' };
  if (has(/^Manifest\.json$/) && has(/^Data$/)) {
    return { what: 'a Core ML package', advice: 'export the network to ONNX where it was trained' };
  }
  return null;
}
