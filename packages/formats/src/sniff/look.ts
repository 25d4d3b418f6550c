/** Looks at the bytes of a file that may be cut off, foreign or hostile: every answer is harmless, none throws. */

export const ascii = (bytes: Uint8Array, from: number, to: number): string => {
  let out = '';
  for (let i = from; i < Math.min(to, bytes.length); i++) out += String.fromCharCode(bytes[i]!);
  return out;
};

/** Does `magic`, one character a byte, stand at `at`? */
export const hasAt = (bytes: Uint8Array, at: number, magic: string): boolean =>
  at + magic.length <= bytes.length && [...magic].every((c, i) => bytes[at + i] === c.charCodeAt(0));

const u16 = (b: Uint8Array, at: number): number => b[at]! | (b[at + 1]! << 8);
const u32 = (b: Uint8Array, at: number): number => (u16(b, at) | (u16(b, at + 2) << 16)) >>> 0;

const MAX_NAMES = 500;

/**
 * Names in a zip archive: from its central directory, at the end (APPNOTE.TXT, 4.3.12 and 4.3.16), or, where that is not
 * there, of its first entry.
 */
function zipNames(bytes: Uint8Array): string[] {
  const names: string[] = [];
  for (let end = bytes.length - 22; end >= Math.max(0, bytes.length - 22 - 65_535); end--) {
    if (!hasAt(bytes, end, 'PK\x05\x06')) continue;
    let at = u32(bytes, end + 16);
    while (at + 46 <= bytes.length && hasAt(bytes, at, 'PK\x01\x02') && names.length < MAX_NAMES) {
      const length = u16(bytes, at + 28);
      names.push(ascii(bytes, at + 46, at + 46 + length));
      at += 46 + length + u16(bytes, at + 30) + u16(bytes, at + 32);
    }
    break;
  }
  if (!names.length && bytes.length >= 30) names.push(ascii(bytes, 30, 30 + u16(bytes, 26)));
  return names;
}

export interface ProtoField {
  readonly field: number;
  /** 0: a number; 2: bytes. */
  readonly wire: number;
  /** Of wire type 0. */
  readonly value: number;
  /** Where its bytes lie; they may end behind the file's end. */
  readonly begin: number;
  readonly end: number;
}

function varint(bytes: Uint8Array, at: number): [value: number, next: number] | null {
  let value = 0;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    const byte = bytes[at + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  return null;
}

/** The field of a protobuf message that starts at `at`; null for what is none. */
export function protoField(bytes: Uint8Array, at: number): ProtoField | null {
  const key = varint(bytes, at);
  if (!key || key[0] < 8) return null;
  const [field, wire] = [Math.floor(key[0] / 8), key[0] % 8];
  if (wire === 1 || wire === 5) {
    return { field, wire, value: 0, begin: key[1], end: key[1] + (wire === 1 ? 8 : 4) };
  }
  if (wire !== 0 && wire !== 2) return null;
  const next = varint(bytes, key[1]);
  if (!next) return null;
  const [value, begin] = next;
  return { field, wire, value, begin, end: wire === 0 ? begin : begin + value };
}

/** The first fields of a protobuf message, up to what is none or the end of the bytes. */
export function protoFields(bytes: Uint8Array, most = 12): ProtoField[] {
  const out: ProtoField[] = [];
  for (let at = 0; out.length < most && at < bytes.length;) {
    const next = protoField(bytes, at);
    if (!next) break;
    out.push(next);
    at = next.end;
  }
  return out;
}

/** Are these bytes of a file a short text, as names in a protobuf message are? */
export function isName(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from <= 200 && to <= bytes.length && /^[\x20-\x7e]*$/.test(ascii(bytes, from, to));
}

const LOOKED_AT = 1 << 20;

/** The beginning of a file as text; null for what is binary. */
function textOf(bytes: Uint8Array): string | null {
  const start = bytes.subarray(0, LOOKED_AT);
  const utf16 = hasAt(bytes, 0, '\xff\xfe') || hasAt(bytes, 0, '\xfe\xff');
  const text = new TextDecoder(utf16 ? (bytes[0] === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8').decode(start);
  // eslint-disable-next-line no-control-regex -- control characters are what tells binary data from text
  return /[\0-\x08\x0e-\x1a]/.test(text.slice(0, 4096)) || text.slice(0, 4096).includes('\ufffd')
    ? null
    : text;
}

/** A file while it is being told: what several kinds ask for is found once. */
export class Look {
  #text: string | null | undefined;
  #names: readonly string[] | undefined;
  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
  ) {}
  /** The beginning as text; null for what is binary. */
  get text(): string | null {
    if (this.#text === undefined) this.#text = textOf(this.bytes);
    return this.#text;
  }
  /** Names in a zip archive; none for what is none. */
  get zip(): readonly string[] {
    return (this.#names ??= hasAt(this.bytes, 0, 'PK\x03\x04') ? zipNames(this.bytes) : []);
  }
}
