import { GraftError } from '@graftjs/core/backend';

/** Protocol buffers count in int32. */
const MAX_BYTES = 2 ** 31 - 1;
const [VARINT, LENGTH, FIXED32] = [0, 2, 5];
const encoder = new TextEncoder();

/** An integer as protocol buffers say it: seven bits a byte, the lowest first; negative ones in two's complement of 64 bits. */
function varint(value: number, out: number[]): void {
  if (value >= 0 && value < 2 ** 31) {
    for (; value > 0x7f; value >>>= 7) out.push((value & 0x7f) | 0x80);
    out.push(value);
    return;
  }
  // ±2^63 stands for whatever is beyond 2^53; the largest integer that fits is one less.
  const clamped = value >= 2 ** 63 ? 2n ** 63n - 1n : value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(value);
  let rest = BigInt.asUintN(64, clamped);
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
}

/** Collects the fields of a message. Bytes that it is given are copied once, by `finish`. */
export class WireWriter {
  #parts: Uint8Array[] = [];
  #length = 0;

  int(field: number, value: number): void {
    const out: number[] = [];
    varint(field * 8 + VARINT, out);
    varint(value, out);
    this.#push(Uint8Array.from(out));
  }
  /** Many integers in one field. */
  packedInts(field: number, values: readonly number[]): void {
    const out: number[] = [];
    for (const v of values) varint(v, out);
    this.bytes(field, Uint8Array.from(out));
  }
  float(field: number, value: number): void {
    const out: number[] = [];
    varint(field * 8 + FIXED32, out);
    this.#push(Uint8Array.from(out));
    this.#push(new Uint8Array(Float32Array.of(value).buffer));
  }
  bytes(field: number, value: Uint8Array): void {
    this.#header(field, value.length);
    this.#push(value);
  }
  string(field: number, value: string): void {
    this.bytes(field, encoder.encode(value));
  }
  /** The same, but nothing for ''. */
  optionalString(field: number, value: string): void {
    if (value !== '') this.string(field, value);
  }
  message(field: number, value: WireWriter): void {
    this.#header(field, value.#length);
    for (const part of value.#parts) this.#push(part);
  }

  /** @throws GraftError beyond 2 GB, where protocol buffers end. */
  finish(): Uint8Array {
    if (this.#length > MAX_BYTES) {
      throw new GraftError(`an ONNX file ends at 2 GB, this model needs ${this.#length} bytes`);
    }
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #header(field: number, length: number): void {
    const out: number[] = [];
    varint(field * 8 + LENGTH, out);
    varint(length, out);
    this.#push(Uint8Array.from(out));
  }
  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}
