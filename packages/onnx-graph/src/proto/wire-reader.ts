import { FormatError } from '@graftjs/core';

const MAX_DEPTH = 100;
const MAX_VARINT_BYTES = 10;
const MAX_NAME_BYTES = 10_000;
const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Walks over the fields of one message of protocol buffers: call `next`, look at `field`, then call exactly one of the
 * reading methods or `skip`. Every length is checked against what is there before anything is read or allocated, and all
 * errors carry the byte of the file.
 * Format: https://protobuf.dev/programming-guides/encoding/
 */
export class WireReader {
  readonly bytes: Uint8Array;
  /** Number of the current field. */
  field = 0;
  /** Where the current field starts in the file. */
  offset: number;
  #wire = 0;
  #at: number;
  readonly #end: number;
  readonly #depth: number;
  readonly #view: DataView;
  // Halves of the last varint.
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, from = 0, end: number = bytes.length, depth = 0) {
    this.bytes = bytes;
    this.#at = this.offset = from;
    this.#end = end;
    this.#depth = depth;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(message: string, offset: number = this.offset): never {
    throw new FormatError(message, offset);
  }

  /** Goes to the next field; false after the last one. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.offset = this.#at;
    this.#readVarint();
    if (this.#high !== 0) this.fail('a field number is too large');
    this.field = this.#low >>> 3;
    this.#wire = this.#low & 7;
    if (this.field === 0) this.fail('field number 0: this is not a protocol buffer');
    return true;
  }

  /** A signed integer of 64 bits; ±2^63 where it is beyond ±2^53. */
  int(): number {
    this.#expect(VARINT);
    this.#readVarint();
    return this.#signed();
  }

  float(): number {
    this.#expect(FIXED32);
    return this.#view.getFloat32(this.#take(4), true);
  }

  /** Bytes of a field with a length, as a view. */
  view(): Uint8Array {
    const [from, end] = this.range();
    return this.bytes.subarray(from, end);
  }

  /** The same as positions in the file. */
  range(): [from: number, end: number] {
    this.#expect(LENGTH);
    this.#readVarint();
    // Beyond 2^53 the number is rounded, and too large all the same.
    const length = this.#high * 2 ** 32 + this.#low;
    const left = this.#end - this.#at;
    if (length > left) this.fail(`a field says that it has ${length} bytes, only ${left} are left`);
    return [this.#take(length), this.#at];
  }

  /** Text that names something. */
  string(): string {
    const bytes = this.view();
    if (bytes.length > MAX_NAME_BYTES) this.fail(`a name of ${bytes.length} bytes`);
    try {
      return strict.decode(bytes);
    } catch {
      return this.fail('text is not UTF-8');
    }
  }
  /** Text that may be any bytes. */
  text(): string {
    return lenient.decode(this.view());
  }

  message(): WireReader {
    if (this.#depth >= MAX_DEPTH) this.fail(`messages are nested deeper than ${MAX_DEPTH}`);
    const [from, end] = this.range();
    return new WireReader(this.bytes, from, end, this.#depth + 1);
  }

  /** Appends the value or, of a packed field, the values. */
  ints(to: number[]): void {
    if (this.#wire !== LENGTH) return void to.push(this.int());
    const [from, end] = this.range();
    const packed = new WireReader(this.bytes, from, end);
    while (packed.#at < end) {
      packed.#readVarint();
      to.push(packed.#signed());
    }
  }
  floats(to: number[]): void {
    if (this.#wire !== LENGTH) return void to.push(this.float());
    const [from, end] = this.#packed(4);
    for (let at = from; at < end; at += 4) to.push(this.#view.getFloat32(at, true));
  }

  /** Appends where the bytes of a repeated field of numbers with `size` bytes are: `from, end` of each piece. */
  fixedRanges(size: 4 | 8, to: number[]): void {
    if (this.#wire === LENGTH) to.push(...this.#packed(size));
    else {
      this.#expect(size === 4 ? FIXED32 : FIXED64);
      const from = this.#take(size);
      to.push(from, from + size);
    }
  }
  /** The same for varints. */
  varintRanges(to: number[]): void {
    if (this.#wire === LENGTH) to.push(...this.range());
    else {
      this.#expect(VARINT);
      const from = this.#at;
      this.#readVarint();
      to.push(from, this.#at);
    }
  }
  /** Reads the varints between two positions. */
  eachVarint(from: number, end: number, take: (low: number, high: number) => void): void {
    const reader = new WireReader(this.bytes, from, end);
    while (reader.#at < end) {
      reader.#readVarint();
      take(reader.#low, reader.#high);
    }
  }

  skip(): void {
    switch (this.#wire) {
      case VARINT:
        return this.#readVarint();
      case FIXED64:
        return void this.#take(8);
      case LENGTH:
        return void this.range();
      case FIXED32:
        return void this.#take(4);
      default:
        this.fail(`field ${this.field} has the unknown wire type ${this.#wire}`);
    }
  }

  #packed(size: number): [from: number, end: number] {
    const [from, end] = this.range();
    if ((end - from) % size !== 0)
      this.fail(`${end - from} bytes are not a whole number of values of ${size} bytes`);
    return [from, end];
  }
  #expect(wire: number): void {
    if (this.#wire !== wire)
      this.fail(`field ${this.field} has wire type ${this.#wire}, it must have ${wire}`);
  }
  /** Moves over `count` bytes; gives where they start. */
  #take(count: number): number {
    const from = this.#at;
    if (count > this.#end - from) this.fail('the message ends in the middle of a value');
    this.#at = from + count;
    return from;
  }
  #signed(): number {
    const value = (this.#high | 0) * 2 ** 32 + this.#low;
    return Number.isSafeInteger(value) ? value : Math.sign(value) * 2 ** 63;
  }

  #readVarint(): void {
    let low = 0;
    let high = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (this.#at >= this.#end) this.fail('the message ends in the middle of a number');
      const byte = this.bytes[this.#at++]!;
      const bits = byte & 0x7f;
      const shift = 7 * i;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >>> 4;
      else if (shift >= 32) high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    this.fail(`a number is longer than ${MAX_VARINT_BYTES} bytes`);
  }
}
