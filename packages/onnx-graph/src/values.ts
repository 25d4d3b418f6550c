import { decodeBfloat16, decodeFloat16, GraftError, sizeOf, UnsupportedError } from '@graftjs/core/backend';
import { elementTypes } from './elements.ts';
import type { OnnxElement, OnnxTensor } from './model.ts';

/**
 * Values of a tensor as numbers: floats of any precision as Float32Array, bool as Uint8Array of 0 and 1, integers of up to
 * 32 bits as Int32Array, and those that may not fit, uint32, int64 and uint64, as Float64Array.
 */
export type OnnxValues = Float32Array | Int32Array | Float64Array | Uint8Array;

/** A copy where a view cannot be had: of an unaligned position. */
function aligned(bytes: Uint8Array, each: number): [ArrayBufferLike, offset: number, length: number] {
  const from = bytes.byteOffset % each === 0 ? bytes : new Uint8Array(bytes);
  return [from.buffer, from.byteOffset, from.byteLength / each];
}

/** Exact up to ±2^53, ±2^63 beyond. */
function saturated(value: bigint): number {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : Math.sign(n) * 2 ** 63;
}

/**
 * The values of a stored tensor, row-major. float16 and bfloat16 become float32 exactly, float64 is rounded to it;
 * integers of 64 bits are exact up to ±2^53, and ±2^63 beyond: INT64_MAX, "to the end" in slices, stays an end beyond
 * all ends. float32 and int32 may be views of the file.
 * @throws UnsupportedError for strings and complex numbers; GraftError where the values are in another file.
 */
export function valuesOf(tensor: OnnxTensor): OnnxValues {
  const { element, bytes, name } = tensor;
  if (!bytes) throw new GraftError(`the values of tensor '${name}' are in another file, which was not read`);
  const each = elementTypes[element].bytes;
  if (bytes.length !== sizeOf(tensor.dims) * each && element !== 'string') {
    throw new GraftError(`tensor '${name}' has ${bytes.length} bytes for ${sizeOf(tensor.dims)} values`);
  }
  switch (element) {
    case 'float32':
      return new Float32Array(...aligned(bytes, each));
    case 'float64':
      return Float32Array.from(new Float64Array(...aligned(bytes, each)));
    case 'float16':
      return decodeFloat16(new Uint16Array(...aligned(bytes, each)));
    case 'bfloat16':
      return decodeBfloat16(new Uint16Array(...aligned(bytes, each)));
    case 'bool':
      return Uint8Array.from(bytes, (v) => (v ? 1 : 0));
    case 'int8':
      return Int32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    case 'uint8':
      return Int32Array.from(bytes);
    case 'int16':
      return Int32Array.from(new Int16Array(...aligned(bytes, each)));
    case 'uint16':
      return Int32Array.from(new Uint16Array(...aligned(bytes, each)));
    case 'int32':
      return new Int32Array(...aligned(bytes, each));
    case 'uint32':
      return Float64Array.from(new Uint32Array(...aligned(bytes, each)));
    case 'int64':
      return Float64Array.from(Array.from(new BigInt64Array(...aligned(bytes, each)), saturated));
    case 'uint64':
      return Float64Array.from(Array.from(new BigUint64Array(...aligned(bytes, each)), saturated));
    default:
      throw new UnsupportedError(`tensor '${name}' holds ${element}, which is not supported`);
  }
}

/**
 * A tensor to store, from its values: float32, int32, int64, bool or uint8.
 * @throws GraftError where there are not as many as the shape has elements, UnsupportedError for another element type.
 */
export function tensorOf(
  name: string,
  element: OnnxElement,
  dims: readonly number[],
  values: ArrayLike<number>,
): OnnxTensor {
  if (values.length !== sizeOf(dims)) {
    throw new GraftError(`tensor '${name}' has ${values.length} values for the shape [${dims.join(', ')}]`);
  }
  return { name, element, dims, bytes: bytesOf(element, values), external: null };
}

function bytesOf(element: OnnxElement, values: ArrayLike<number>): Uint8Array {
  const view = (a: ArrayBufferView): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  switch (element) {
    case 'float32':
      return view(values instanceof Float32Array ? values : Float32Array.from(values));
    case 'int32':
      return view(values instanceof Int32Array ? values : Int32Array.from(values));
    case 'int64':
      return view(BigInt64Array.from(Array.from(values, BigInt)));
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    case 'int8':
      return new Uint8Array(Int8Array.from(values).buffer);
    default:
      throw new UnsupportedError(`tensors of ${element} cannot be made from numbers`);
  }
}
