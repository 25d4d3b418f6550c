import type { OnnxElement } from './model.ts';

interface ElementType {
  /** `TensorProto.DataType`. */
  readonly code: number;
  /** Bytes of one value, as in `raw_data`; 0 for strings. */
  readonly bytes: number;
  /** Field of `TensorProto` that may hold the values instead of `raw_data`. */
  readonly field: 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data' | 'string_data';
}

export const elementTypes: Readonly<Record<OnnxElement, ElementType>> = {
  float32: { code: 1, bytes: 4, field: 'float_data' },
  uint8: { code: 2, bytes: 1, field: 'int32_data' },
  int8: { code: 3, bytes: 1, field: 'int32_data' },
  uint16: { code: 4, bytes: 2, field: 'int32_data' },
  int16: { code: 5, bytes: 2, field: 'int32_data' },
  int32: { code: 6, bytes: 4, field: 'int32_data' },
  int64: { code: 7, bytes: 8, field: 'int64_data' },
  string: { code: 8, bytes: 0, field: 'string_data' },
  bool: { code: 9, bytes: 1, field: 'int32_data' },
  float16: { code: 10, bytes: 2, field: 'int32_data' },
  float64: { code: 11, bytes: 8, field: 'double_data' },
  uint32: { code: 12, bytes: 4, field: 'uint64_data' },
  uint64: { code: 13, bytes: 8, field: 'uint64_data' },
  complex64: { code: 14, bytes: 8, field: 'float_data' },
  complex128: { code: 15, bytes: 16, field: 'double_data' },
  bfloat16: { code: 16, bytes: 2, field: 'int32_data' },
};

const byCode = new Map(
  Object.entries(elementTypes).map(([name, { code }]) => [code, name as OnnxElement] as const),
);

/** The element type with a code of `TensorProto.DataType`; undefined for types that nobody trains in, such as float8. */
export function elementOf(code: number): OnnxElement | undefined {
  return byCode.get(code);
}
