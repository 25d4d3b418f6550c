import { sizeOf, UnsupportedError } from '@graftjs/core/backend';
import { elementOf, elementTypes } from '../elements.ts';
import type { OnnxElement, OnnxTensor } from '../model.ts';
import { WireReader } from './wire-reader.ts';

const MAX_RANK = 64;

/** What the fields of a `TensorProto` say, before it is known how they fit together. Ranges: see `WireReader`. */
interface Fields {
  name: string;
  code: number;
  readonly dims: number[];
  raw: Uint8Array | null;
  readonly fixed: { float_data: number[]; double_data: number[] };
  readonly varints: { int32_data: number[]; int64_data: number[]; uint64_data: number[] };
  readonly strings: string[];
  readonly external: Map<string, string>;
  isExternal: boolean;
}

/**
 * Reads a `TensorProto`, the content of a `.pb` file of test data. Values in typed fields become the bytes of `raw_data`.
 * @throws FormatError with the byte where something is wrong; UnsupportedError for element types that are not read.
 */
export function decodeTensor(bytes: Uint8Array): OnnxTensor {
  return readTensor(new WireReader(bytes));
}

export function readTensor(r: WireReader): OnnxTensor {
  const start = r.offset;
  const f: Fields = {
    name: '',
    code: 0,
    dims: [],
    raw: null,
    fixed: { float_data: [], double_data: [] },
    varints: { int32_data: [], int64_data: [], uint64_data: [] },
    strings: [],
    external: new Map(),
    isExternal: false,
  };
  while (r.next()) readField(r, f);
  const { name, dims, code } = f;

  const what = `tensor '${name}'`;
  const element = elementOf(code);
  if (code === 0) r.fail(`${what} has no element type`, start);
  if (!element) throw new UnsupportedError(`${what} has element type ${code}, which is not supported`);
  if (dims.length > MAX_RANK) r.fail(`${what} has ${dims.length} axes`, start);
  const size = sizeOf(dims);
  if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0) || !Number.isSafeInteger(size * 16))
    r.fail(`${what} has the impossible shape [${dims.join(', ')}]`, start);

  if (f.isExternal) return { name, element, dims, bytes: null, external: externalOf(r, f, start) };
  const { bytes: each, field } = elementTypes[element];
  const expect = (count: number, unit: string): void => {
    const wanted = unit === 'bytes' ? size * each : size;
    if (count !== wanted)
      r.fail(
        `${what} of ${element} with shape [${dims.join(', ')}] needs ${wanted} ${unit}, it has ${count}`,
        start,
      );
  };
  if (element === 'string') {
    expect(f.strings.length, 'strings');
    return { name, element, dims, bytes: new Uint8Array(0), external: null, strings: f.strings };
  }
  if (f.raw) {
    expect(f.raw.length, 'bytes');
    return { name, element, dims, bytes: f.raw, external: null };
  }
  if (field === 'float_data' || field === 'double_data') {
    const ranges = f.fixed[field];
    let count = 0;
    for (let i = 0; i < ranges.length; i += 2) count += ranges[i + 1]! - ranges[i]!;
    expect(count, 'bytes');
    return { name, element, dims, bytes: joinRanges(r.bytes, ranges, count), external: null };
  }
  const ranges = f.varints[field as keyof Fields['varints']];
  // A number ends where the highest bit of a byte is 0.
  let count = 0;
  for (let i = 0; i < ranges.length; i += 2)
    for (let at = ranges[i]!; at < ranges[i + 1]!; at++) if (r.bytes[at]! < 0x80) count++;
  expect(count, 'numbers');
  return { name, element, dims, bytes: varintBytes(r, ranges, element, count), external: null };
}

function readField(r: WireReader, f: Fields): void {
  switch (r.field) {
    case 1:
      return r.ints(f.dims);
    case 2:
      return void (f.code = r.int());
    case 3:
      throw new UnsupportedError('tensors in segments are not supported');
    case 4:
      return r.fixedRanges(4, f.fixed.float_data);
    case 5:
      return r.varintRanges(f.varints.int32_data);
    case 6:
      return void f.strings.push(r.text());
    case 7:
      return r.varintRanges(f.varints.int64_data);
    case 8:
      return void (f.name = r.string());
    case 9:
      return void (f.raw = r.view());
    case 10:
      return r.fixedRanges(8, f.fixed.double_data);
    case 11:
      return r.varintRanges(f.varints.uint64_data);
    case 13:
      return readEntry(r.message(), f.external);
    case 14:
      return void (f.isExternal = r.int() === 1);
    default:
      return r.skip();
  }
}

/** A `StringStringEntryProto`. */
export function readEntry(r: WireReader, to: Map<string, string>): void {
  let [key, value] = ['', ''];
  while (r.next()) {
    if (r.field === 1) key = r.text();
    else if (r.field === 2) value = r.text();
    else r.skip();
  }
  to.set(key, value);
}

function externalOf(r: WireReader, f: Fields, start: number): NonNullable<OnnxTensor['external']> {
  const location = f.external.get('location');
  if (!location) return r.fail(`tensor '${f.name}' is in another file, but does not say in which`, start);
  const number = (key: string): number | null => {
    const text = f.external.get(key);
    if (text === undefined) return null;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    return Number.isSafeInteger(value)
      ? value
      : r.fail(`tensor '${f.name}': ${key} '${text.slice(0, 40)}' of its external data`, start);
  };
  return { location, offset: number('offset') ?? 0, length: number('length') };
}

/** One piece is a view of the file. */
function joinRanges(bytes: Uint8Array, ranges: readonly number[], count: number): Uint8Array {
  if (ranges.length === 2) return bytes.subarray(ranges[0], ranges[1]);
  const out = new Uint8Array(count);
  let to = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    out.set(bytes.subarray(ranges[i], ranges[i + 1]), to);
    to += ranges[i + 1]! - ranges[i]!;
  }
  return out;
}

/** The low bytes of each number; halves of a float16 or bfloat16 are stored as one integer. */
function varintBytes(
  r: WireReader,
  ranges: readonly number[],
  element: OnnxElement,
  count: number,
): Uint8Array {
  const { bytes: each } = elementTypes[element];
  const out = new Uint8Array(count * each);
  const view = new DataView(out.buffer);
  let at = 0;
  const take = (low: number, high: number): void => {
    if (each === 1) view.setUint8(at, low & 0xff);
    else if (each === 2) view.setUint16(at, low & 0xffff, true);
    else view.setUint32(at, low, true);
    if (each === 8) view.setUint32(at + 4, high, true);
    at += each;
  };
  for (let i = 0; i < ranges.length; i += 2) r.eachVarint(ranges[i]!, ranges[i + 1]!, take);
  return out;
}
