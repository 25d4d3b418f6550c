import type { DType } from '@graftjs/core';

/** The types that files store numbers in. */
export type ElementType =
  | ('float32' | 'float64' | 'float16' | 'bfloat16' | 'bool')
  | ('int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uint64');

const FLOATS = ['float32', 'float64', 'float16', 'bfloat16'];
const INTEGER = /^(u?)int(8|16|32|64)$/;

/** Not strings and complex numbers, for example. */
export function isElement(type: string | null | undefined): type is ElementType {
  return type === 'bool' || FLOATS.includes(type!) || INTEGER.test(type!);
}

/** What Graft computes an element type in. */
export function dtypeOf(element: ElementType): DType {
  return element === 'bool' ? 'bool' : FLOATS.includes(element) ? 'float32' : 'int32';
}

export interface IntegerType {
  readonly bits: number;
  readonly signed: boolean;
}
/** Undefined for what is not an integer type. */
export function integerType(element: ElementType | undefined): IntegerType | undefined {
  const [, unsigned, bits] = INTEGER.exec(element ?? '') ?? [];
  return bits ? { bits: Number(bits), signed: unsigned === '' } : undefined;
}
