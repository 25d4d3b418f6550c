import type { Shape, StateEntry } from '@graftjs/core';
import { FormatError } from './errors.ts';
import { parseStrictJson, type StrictJson } from './json.ts';
import {
  dtypeOfArray,
  DTYPES,
  isDtype,
  type SafetensorsData,
  type SafetensorsDtype,
} from './safetensors-dtypes.ts';
import { foreignFile } from './sniff/sniff.ts';

export type { SafetensorsData, SafetensorsDtype };

/**
 * safetensors: 8 bytes, little-endian, the length N of the header; N bytes of JSON,
 * `{"name": {"dtype", "shape", "data_offsets": [begin, end]}, …, "__metadata__": {string: string}}`, may end in spaces;
 * then the data, to which the offsets are relative: dense, row-major, little-endian, without holes or overlaps.
 * Spec: https://github.com/huggingface/safetensors#format
 */

export interface SafetensorsTensor {
  /**
   * As stored. F16, BF16, F8_E4M3 and F8_E5M2 arrive as Float32Array, which holds them exactly, I64 and U64 as
   * BigInt64Array and BigUint64Array, BOOL as Uint8Array of 0 and 1.
   */
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
  readonly data: SafetensorsData;
}
export interface Safetensors {
  readonly metadata: Record<string, string>;
  /** In the order of the header. */
  readonly tensors: Map<string, SafetensorsTensor>;
  /** Tensors of a dtype that is not read here (complex numbers, floats of 4 and 6 bits): left out, the others are there. */
  readonly unread: ReadonlyMap<string, { readonly dtype: string; readonly shape: Shape }>;
}

const MAX_HEADER = 100_000_000; // as the reference implementation
const MAX_RANK = 32;
const MAX_NAME = 4096;

interface Entry {
  readonly name: string;
  /** Perhaps one that is not read. */
  readonly dtype: string;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** Header, checked against the file's length. */
function readHeader(bytes: Uint8Array): {
  entries: Entry[];
  metadata: Record<string, string>;
  start: number;
} {
  const foreign = foreignFile(bytes, ['safetensors'], 'a safetensors file');
  if (foreign) throw foreign;
  if (bytes.length < 8) {
    throw new FormatError(
      `not a safetensors file: ${bytes.length} bytes, the shortest has 10`,
      0,
      'is it truncated?',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > MAX_HEADER) {
    throw new FormatError(
      `not a safetensors file: the header would have ${length} bytes`,
      0,
      'the limit is 100 MB',
    );
  }
  if (8 + length > bytes.length) {
    throw new FormatError(
      `the header should have ${length} bytes, the file has ${bytes.length - 8} after the length`,
      0,
      'truncated, or not a safetensors file',
    );
  }
  if (bytes[8] !== 0x7b)
    throw new FormatError("not a safetensors file: the header does not start with '{'", 8);
  const header = parseStrictJson(bytes.subarray(8, 8 + length), 8) as Map<string, StrictJson>;
  const metadata: [string, string][] = [];
  const entries: Entry[] = [];
  for (const [name, value] of header) {
    if (name === '__metadata__') {
      if (!(value instanceof Map)) throw new FormatError('__metadata__ is not an object', 8);
      for (const [k, v] of value) {
        if (typeof v !== 'string') throw new FormatError(`metadata '${k}' is not a string`, 8);
        metadata.push([k, v]);
      }
    } else entries.push(readEntry(name, value));
  }
  return { entries, metadata: Object.fromEntries(metadata), start: 8 + length };
}

const isCount = (v: StrictJson): v is number => Number.isSafeInteger(v) && (v as number) >= 0;

function readEntry(name: string, value: StrictJson): Entry {
  const quoted = JSON.stringify(name.slice(0, 80));
  const bad = (what: string, hint?: string): never => {
    throw new FormatError(`tensor ${quoted}: ${what}`, 8, hint);
  };
  if (name.length === 0 || name.length > MAX_NAME) bad(`a name has 1 to ${MAX_NAME} characters`);
  if (!(value instanceof Map)) return bad('is not an object');
  for (const key of value.keys()) {
    if (key !== 'dtype' && key !== 'shape' && key !== 'data_offsets')
      bad(`unknown key ${JSON.stringify(key)}`);
  }
  const dtype = value.get('dtype');
  if (typeof dtype !== 'string') return bad('its dtype is not a text');
  const shape = value.get('shape');
  if (!Array.isArray(shape) || !shape.every(isCount) || shape.length > MAX_RANK) {
    return bad(`shape is not a list of at most ${MAX_RANK} whole numbers`);
  }
  const offsets = value.get('data_offsets');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return bad('data_offsets is not a pair of whole numbers');
  }
  const [begin, end] = offsets as [number, number];
  const entry = { name, dtype, shape: shape as number[], begin, end };
  if (!isDtype(dtype)) {
    // How long it is, its offsets say.
    if (end < begin) bad(`data_offsets hold ${end - begin} bytes`);
    return entry;
  }
  let size = DTYPES[dtype].bytes;
  // Zeros first: [2^40, 2^40, 0] is empty, not too large.
  if (shape.includes(0)) size = 0;
  else
    for (const d of shape)
      if (!Number.isSafeInteger((size *= d))) bad(`shape [${shape.join(', ')}] is too large`);
  if (end - begin !== size) {
    bad(`data_offsets hold ${end - begin} bytes, ${dtype}[${shape.join(', ')}] has ${size}`);
  }
  return entry;
}

/** The tensors' bytes must follow each other from the start of the data to the end of the file. */
function checkLayout(entries: readonly Entry[], start: number, fileLength: number): void {
  let at = 0;
  for (const e of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const quoted = JSON.stringify(e.name.slice(0, 80));
    if (e.begin !== at) {
      const what =
        e.begin < at ? 'overlaps the one before it' : `leaves ${e.begin - at} bytes unused before it`;
      throw new FormatError(`tensor ${quoted} ${what}`, start + e.begin);
    }
    at = e.end;
    if (start + at > fileLength) {
      throw new FormatError(
        `tensor ${quoted} ends at byte ${start + at}, the file has ${fileLength}`,
        start + e.begin,
        'truncated: copy or download it again',
      );
    }
  }
  if (start + at !== fileLength) {
    throw new FormatError(`${fileLength - start - at} bytes after the last tensor`, start + at);
  }
}

/** Copies one tensor out; the copy is aligned, whatever the file is. */
function decode(bytes: Uint8Array, e: Entry, dtype: SafetensorsDtype, start: number): SafetensorsData {
  // Not bytes.slice: on a Node Buffer that is a view.
  const stored = new Uint8Array(bytes.subarray(start + e.begin, start + e.end));
  if (dtype === 'BOOL') {
    const bad = stored.findIndex((v) => v > 1);
    if (bad >= 0) {
      throw new FormatError(
        `tensor ${JSON.stringify(e.name)}: BOOL element ${bad} is ${stored[bad]}`,
        start + e.begin + bad,
      );
    }
  }
  return DTYPES[dtype].decode(stored.buffer);
}

/**
 * Reads a safetensors file. Nothing is allocated for a tensor before its place in the file has been checked.
 * A tensor of an unknown dtype does not keep the others back: `unread` names it.
 * @throws FormatError with the byte offset, on any file that does not follow the format to the letter; of a file that is
 *   something else, it says what it is.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { entries, metadata, start } = readHeader(bytes);
  checkLayout(entries, start, bytes.length);
  const tensors = new Map<string, SafetensorsTensor>();
  const unread = new Map<string, { dtype: string; shape: Shape }>();
  for (const e of entries) {
    const { name, dtype, shape } = e;
    if (isDtype(dtype)) tensors.set(name, { dtype, shape, data: decode(bytes, e, dtype, start) });
    else unread.set(name, { dtype: dtype.slice(0, 20), shape });
  }
  return { metadata, tensors, unread };
}

/**
 * The metadata alone: cheap, however large the file is; only its head (`bytes` may be cut after the header) is looked at.
 * @throws FormatError for a header that is none.
 */
export function readSafetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return readHeader(bytes).metadata;
}

/** What `Module.loadStateDict` takes: values of any shape. 64-bit integers become numbers. */
export function toStateDict(tensors: ReadonlyMap<string, SafetensorsTensor>): Map<string, StateEntry> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      {
        shape,
        data:
          data instanceof BigInt64Array || data instanceof BigUint64Array
            ? Float64Array.from(data as ArrayLike<bigint>, Number)
            : data,
      },
    ]),
  );
}

/** A tensor to write. Without `dtype`: that of its typed array, F32 for an Array. */
export interface TensorToWrite {
  readonly dtype?: SafetensorsDtype;
  readonly shape: Shape;
  readonly data: ArrayLike<number> | BigInt64Array | BigUint64Array;
}
export interface WriteOptions {
  /** Stores float32 tensors as F16, rounded to nearest even: all, or those whose name the function says yes to. */
  readonly float16?: boolean | ((name: string) => boolean);
}

/** What a tensor of a file is, before its values are there. */
export interface TensorLayout {
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
}

/**
 * A safetensors file in parts: `header`, then the values of each of `names`, by `encode`, in this order. So no more than one
 * tensor has to be in memory. What `writeSafetensors` says of the bytes holds here, too.
 * @throws FormatError where a name cannot be written.
 * @example
 * const file = new SafetensorsParts(new Map([['w', { dtype: 'F32', shape: [2] }]]));
 * const parts = [file.header, ...file.names.map((name) => file.encode(name, new Float32Array([1, 2])))];
 * parts.reduce((sum, part) => sum + part.length, 0) === file.size; // → true
 */
export class SafetensorsParts {
  readonly header: Uint8Array<ArrayBuffer>;
  /** Of the whole file, in bytes. */
  readonly size: number;
  /** Of the tensors, as they follow each other in the file. */
  readonly names: readonly string[];
  readonly #layouts: ReadonlyMap<string, TensorLayout>;

  constructor(
    tensors: ReadonlyMap<string, TensorLayout>,
    metadata: Readonly<Record<string, string>> = {},
    options: WriteOptions = {},
  ) {
    const half =
      typeof options.float16 === 'function' ? options.float16 : (): boolean => options.float16 === true;
    const byName = (a: { name: string }, b: { name: string }): number =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    const list = [...tensors].map(([name, t]) => {
      const dtype = t.dtype === 'F32' && half(name) ? 'F16' : t.dtype;
      const size = t.shape.reduce((n, d) => n * d, 1);
      if (name === '__metadata__' || name.length === 0 || name.length > MAX_NAME) {
        throw new FormatError(`a tensor cannot be called ${JSON.stringify(name.slice(0, 80))}`);
      }
      if (!DTYPES[dtype].encode) throw new FormatError(`tensor '${name}': ${dtype} is read, not written`);
      return { name, dtype, shape: t.shape, bytes: size * DTYPES[dtype].bytes };
    });
    list.sort((a, b) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes || byName(a, b));

    // Written by hand, not from an object: keys that look like numbers would change their order.
    const parts: string[] = [];
    const pairs = Object.entries(metadata).map(([name, value]) => ({ name, value }));
    if (pairs.length) {
      const text = pairs.sort(byName).map((p) => `${JSON.stringify(p.name)}:${JSON.stringify(p.value)}`);
      parts.push(`"__metadata__":{${text.join(',')}}`);
    }
    let at = 0;
    for (const t of list) {
      const entry = { dtype: t.dtype, shape: t.shape, data_offsets: [at, (at += t.bytes)] };
      parts.push(`${JSON.stringify(t.name)}:${JSON.stringify(entry)}`);
    }
    const json = new TextEncoder().encode(`{${parts.join(',')}}`);
    const header = Math.ceil(json.length / 8) * 8;
    if (header > MAX_HEADER)
      throw new FormatError(`the header would have ${header} bytes; the limit is 100 MB`);
    this.header = new Uint8Array(8 + header).fill(0x20, 8);
    new DataView(this.header.buffer).setUint32(0, header, true);
    this.header.set(json, 8);
    this.size = 8 + header + at;
    this.names = list.map((t) => t.name);
    this.#layouts = new Map(list.map((t) => [t.name, t]));
  }

  /** A tensor's bytes; a view of `data` where it is stored as it is. @throws FormatError where its shape does not hold `data` */
  encode(name: string, data: TensorToWrite['data']): Uint8Array {
    const { dtype, shape } = this.#layouts.get(name)!;
    wantSize(name, shape, data.length);
    const typed = DTYPES[dtype].encode!(data);
    return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
  }
}

/**
 * Writes a safetensors file. The same tensors and metadata give the same bytes, in whatever order they come: tensors
 * are sorted by the width of their dtype, widest first, then by name, so that each is aligned; metadata by key.
 * @throws FormatError where a shape does not hold the data, or a name cannot be written.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
  options: WriteOptions = {},
): Uint8Array<ArrayBuffer> {
  const layouts = [...tensors].map(([name, { dtype, shape, data }]) => {
    return [name, { dtype: dtype ?? dtypeOfArray(data), shape }] as const;
  });
  for (const [name, { shape, data }] of tensors) wantSize(name, shape, data.length);
  const file = new SafetensorsParts(new Map(layouts), metadata, options);
  const bytes = new Uint8Array(file.size);
  bytes.set(file.header);
  let at = file.header.length;
  for (const name of file.names) {
    const part = file.encode(name, tensors.get(name)!.data);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @throws FormatError */
function wantSize(name: string, shape: Shape, length: number): void {
  if (shape.reduce((n, d) => n * d, 1) !== length)
    throw new FormatError(`tensor '${name}': [${shape.join(', ')}] does not hold ${length} values`);
}
