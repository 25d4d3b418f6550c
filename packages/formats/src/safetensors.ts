import {
  decodeBfloat16,
  decodeFloat16,
  encodeBfloat16,
  encodeFloat16,
  type Shape,
  type StateEntry,
} from '@graftjs/core';
import { FormatError } from './errors.ts';
import { parseStrictJson, type StrictJson } from './json.ts';

/**
 * safetensors: 8 bytes, little-endian, the length N of the header; N bytes of JSON,
 * `{"name": {"dtype", "shape", "data_offsets": [begin, end]}, …, "__metadata__": {string: string}}`, may end in spaces;
 * then the data, to which the offsets are relative: dense, row-major, little-endian, without holes or overlaps.
 * Spec: https://github.com/huggingface/safetensors#format
 */

export type SafetensorsDtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';
export type SafetensorsData =
  Float64Array | Float32Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

export interface SafetensorsTensor {
  /** As stored. F16 and BF16 arrive as Float32Array, I64 as BigInt64Array, BOOL as Uint8Array of 0 and 1. */
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
  readonly data: SafetensorsData;
}
export interface Safetensors {
  readonly metadata: Record<string, string>;
  /** In the order of the header. */
  readonly tensors: Map<string, SafetensorsTensor>;
}

const BYTES: Record<SafetensorsDtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};
const isDtype = (v: unknown): v is SafetensorsDtype => typeof v === 'string' && Object.hasOwn(BYTES, v);

const MAX_HEADER = 100_000_000; // as the reference implementation
const MAX_RANK = 32;
const MAX_NAME = 4096;

interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
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
  if (!isDtype(dtype)) {
    return bad(`dtype ${JSON.stringify(dtype)} is not supported`, `one of ${Object.keys(BYTES).join(', ')}`);
  }
  const shape = value.get('shape');
  if (!Array.isArray(shape) || !shape.every(isCount) || shape.length > MAX_RANK) {
    return bad(`shape is not a list of at most ${MAX_RANK} whole numbers`);
  }
  const offsets = value.get('data_offsets');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return bad('data_offsets is not a pair of whole numbers');
  }
  const [begin, end] = offsets as [number, number];
  let size = BYTES[dtype];
  // Zeros first: [2^40, 2^40, 0] is empty, not too large.
  if (shape.includes(0)) size = 0;
  else
    for (const d of shape)
      if (!Number.isSafeInteger((size *= d))) bad(`shape [${shape.join(', ')}] is too large`);
  if (end - begin !== size) {
    bad(`data_offsets hold ${end - begin} bytes, ${dtype}[${shape.join(', ')}] has ${size}`);
  }
  return { name, dtype, shape: shape as number[], begin, end };
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
function decode(bytes: Uint8Array, e: Entry, start: number): SafetensorsData {
  // Not bytes.slice: on a Node Buffer that is a view.
  const { buffer } = new Uint8Array(bytes.subarray(start + e.begin, start + e.end));
  switch (e.dtype) {
    case 'F64':
      return new Float64Array(buffer);
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return decodeFloat16(new Uint16Array(buffer));
    case 'BF16':
      return decodeBfloat16(new Uint16Array(buffer));
    case 'I64':
      return new BigInt64Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'I16':
      return new Int16Array(buffer);
    case 'I8':
      return new Int8Array(buffer);
    case 'U8':
      return new Uint8Array(buffer);
    case 'BOOL': {
      const out = new Uint8Array(buffer);
      const bad = out.findIndex((v) => v > 1);
      if (bad >= 0) {
        throw new FormatError(
          `tensor ${JSON.stringify(e.name)}: BOOL element ${bad} is ${out[bad]}`,
          start + e.begin + bad,
        );
      }
      return out;
    }
  }
}

/**
 * Reads a safetensors file. Nothing is allocated for a tensor before its place in the file has been checked.
 * @throws FormatError with the byte offset, on any file that does not follow the format to the letter.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { entries, metadata, start } = readHeader(bytes);
  checkLayout(entries, start, bytes.length);
  return {
    metadata,
    tensors: new Map(
      entries.map((e) => [e.name, { dtype: e.dtype, shape: e.shape, data: decode(bytes, e, start) }]),
    ),
  };
}

/** The metadata alone: cheap, however large the file is; only its head (`bytes` may be cut after the header) is looked at. */
export function readSafetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return readHeader(bytes).metadata;
}

/** What `Module.loadStateDict` takes. 64-bit integers become numbers. */
export function toStateDict(tensors: ReadonlyMap<string, SafetensorsTensor>): Map<string, StateEntry> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, data: data instanceof BigInt64Array ? Float64Array.from(data, Number) : data },
    ]),
  );
}

/** A tensor to write. Without `dtype`: F32 for Float32Array, F64, I64, I32, I16, I8, U8 for theirs, F32 for an Array. */
export interface TensorToWrite {
  readonly dtype?: SafetensorsDtype;
  readonly shape: Shape;
  readonly data: ArrayLike<number> | BigInt64Array;
}
export interface WriteOptions {
  /** Stores float32 tensors as F16, rounded to nearest even: all, or those whose name the function says yes to. */
  readonly float16?: boolean | ((name: string) => boolean);
}

function defaultDtype(data: TensorToWrite['data']): SafetensorsDtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof BigInt64Array) return 'I64';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof Int16Array) return 'I16';
  if (data instanceof Int8Array) return 'I8';
  if (data instanceof Uint8Array) return 'U8';
  return 'F32';
}

function encode(dtype: SafetensorsDtype, data: TensorToWrite['data']): Uint8Array {
  const numbers = data as ArrayLike<number>;
  const as = <T extends ArrayBufferView>(make: { from(v: ArrayLike<number>): T }): T => make.from(numbers);
  const typed = ((): ArrayBufferView => {
    switch (dtype) {
      case 'F64':
        return as(Float64Array);
      case 'F32':
        return data instanceof Float32Array ? data : as(Float32Array);
      case 'F16':
        return encodeFloat16(numbers);
      case 'BF16':
        return encodeBfloat16(numbers);
      case 'I64':
        return data instanceof BigInt64Array ? data : BigInt64Array.from(Array.from(numbers, BigInt));
      case 'I32':
        return as(Int32Array);
      case 'I16':
        return as(Int16Array);
      case 'I8':
        return as(Int8Array);
      default:
        return as(Uint8Array);
    }
  })();
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
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
  const half =
    typeof options.float16 === 'function' ? options.float16 : (): boolean => options.float16 === true;
  const byName = (a: { name: string }, b: { name: string }): number =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  const list = [...tensors].map(([name, t]) => {
    const given = t.dtype ?? defaultDtype(t.data);
    const dtype = given === 'F32' && half(name) ? 'F16' : given;
    const size = t.shape.reduce((n, d) => n * d, 1);
    if (name === '__metadata__' || name.length === 0 || name.length > MAX_NAME) {
      throw new FormatError(`a tensor cannot be called ${JSON.stringify(name.slice(0, 80))}`);
    }
    if (size !== t.data.length) {
      throw new FormatError(
        `tensor '${name}': [${t.shape.join(', ')}] does not hold ${t.data.length} values`,
      );
    }
    return { name, dtype, shape: t.shape, data: t.data, bytes: size * BYTES[dtype] };
  });
  list.sort((a, b) => BYTES[b.dtype] - BYTES[a.dtype] || byName(a, b));

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
  const out = new Uint8Array(8 + header + at).fill(0x20, 8, 8 + header);
  new DataView(out.buffer).setUint32(0, header, true);
  out.set(json, 8);
  at = 8 + header;
  for (const t of list) {
    out.set(encode(t.dtype, t.data), at);
    at += t.bytes;
  }
  return out;
}
