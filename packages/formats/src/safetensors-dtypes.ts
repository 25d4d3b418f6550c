import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from '@graftjs/core/backend';

/** Arrays that stored values become. */
export type SafetensorsData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface Dtype {
  readonly bytes: number;
  decode(buffer: ArrayBuffer): SafetensorsData;
  encode?(values: ArrayLike<number> | BigInt64Array | BigUint64Array): ArrayBufferView;
}

type Numbers<T> = { new (buffer: ArrayBuffer): T; from(values: ArrayLike<number>): T };
const plain = <T extends SafetensorsData & ArrayBufferView>(bytes: number, type: Numbers<T>): Dtype => ({
  bytes,
  decode: (buffer) => new type(buffer),
  encode: (values) => (values instanceof type ? values : type.from(values as ArrayLike<number>)),
});
const bigs = (values: ArrayLike<number> | BigInt64Array | BigUint64Array): bigint[] =>
  Array.from(values as ArrayLike<number | bigint>, BigInt);

/**
 * Floats of 8 bits: sign, `exponent` bits with a bias of 2^(exponent − 1) − 1, mantissa; subnormal where the exponent is 0.
 * E5M2 has ∞ and NaN as IEEE 754; E4M3 has no ∞ and NaN only where all bits but the sign are 1. Every one of them is a
 * float32. Micikevicius et al.: "FP8 Formats for Deep Learning", 2022, arXiv:2209.05433.
 */
function float8(exponent: number): Dtype {
  const mantissa = 7 - exponent;
  const bias = 2 ** (exponent - 1) - 1;
  const values = Float32Array.from({ length: 256 }, (_, code) => {
    const sign = code & 0x80 ? -1 : 1;
    const e = (code & 0x7f) >> mantissa;
    const m = code & (2 ** mantissa - 1);
    if (exponent === 5 && e === 31) return m ? NaN : sign * Infinity;
    if (exponent === 4 && (code & 0x7f) === 0x7f) return NaN;
    return sign * (e ? (1 + m / 2 ** mantissa) * 2 ** (e - bias) : m * 2 ** (1 - bias - mantissa));
  });
  return { bytes: 1, decode: (buffer) => Float32Array.from(new Uint8Array(buffer), (code) => values[code]!) };
}

export type SafetensorsDtype =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'F8_E5M2'
  | 'F8_E4M3'
  | 'I64'
  | 'U64'
  | 'I32'
  | 'U32'
  | 'I16'
  | 'U16'
  | 'I8'
  | 'U8'
  | 'BOOL';

/** Every dtype that is read: how many bytes a value has, and what it becomes. What has `encode` is written, too. */
export const DTYPES: Readonly<Record<SafetensorsDtype, Dtype>> = {
  F64: plain(8, Float64Array),
  F32: plain(4, Float32Array),
  F16: {
    bytes: 2,
    decode: (buffer) => decodeFloat16(new Uint16Array(buffer)),
    encode: (values) => encodeFloat16(values as ArrayLike<number>),
  },
  BF16: {
    bytes: 2,
    decode: (buffer) => decodeBfloat16(new Uint16Array(buffer)),
    encode: (values) => encodeBfloat16(values as ArrayLike<number>),
  },
  F8_E5M2: float8(5),
  F8_E4M3: float8(4),
  I64: {
    bytes: 8,
    decode: (buffer) => new BigInt64Array(buffer),
    encode: (values) => (values instanceof BigInt64Array ? values : BigInt64Array.from(bigs(values))),
  },
  U64: {
    bytes: 8,
    decode: (buffer) => new BigUint64Array(buffer),
    encode: (values) => (values instanceof BigUint64Array ? values : BigUint64Array.from(bigs(values))),
  },
  I32: plain(4, Int32Array),
  U32: plain(4, Uint32Array),
  I16: plain(2, Int16Array),
  U16: plain(2, Uint16Array),
  I8: plain(1, Int8Array),
  U8: plain(1, Uint8Array),
  BOOL: plain(1, Uint8Array),
};
export const isDtype = (v: unknown): v is SafetensorsDtype =>
  typeof v === 'string' && Object.hasOwn(DTYPES, v);

/** The dtype in which an array is written where nobody says one. */
export function dtypeOfArray(data: ArrayLike<number> | BigInt64Array | BigUint64Array): SafetensorsDtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof BigInt64Array) return 'I64';
  if (data instanceof BigUint64Array) return 'U64';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof Uint32Array) return 'U32';
  if (data instanceof Int16Array) return 'I16';
  if (data instanceof Uint16Array) return 'U16';
  if (data instanceof Int8Array) return 'I8';
  if (data instanceof Uint8Array) return 'U8';
  return 'F32';
}
