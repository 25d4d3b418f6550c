import type { OnnxElement, OnnxNode, OnnxTensor } from '@graftjs/onnx-graph';
import type { DType } from '@graftjs/core';

/** Thrown by a translation for what it cannot express; collected into one `UnsupportedOpsError`. */
export class Unsupported extends Error {}

/** Attributes of a node, typed. @throws Unsupported where one has another type. */
type Wanted = {
  float: number;
  int: number;
  string: string;
  floats: readonly number[];
  ints: readonly number[];
  tensor: OnnxTensor;
};
function attribute<K extends keyof Wanted>(node: OnnxNode, name: string, type: K): Wanted[K] | undefined {
  const a = node.attributes[name];
  if (a === undefined) return undefined;
  if (a.type !== type) throw new Unsupported(`attribute '${name}' is a ${a.type}, not a ${type}`);
  return a.value as Wanted[K];
}

export function attrInt(node: OnnxNode, name: string, fallback: number): number;
export function attrInt(node: OnnxNode, name: string): number | undefined;
export function attrInt(node: OnnxNode, name: string, fallback?: number): number | undefined {
  return attribute(node, name, 'int') ?? fallback;
}
export function attrFloat(node: OnnxNode, name: string, fallback: number): number {
  return attribute(node, name, 'float') ?? fallback;
}
export function attrString(node: OnnxNode, name: string, fallback: string): string {
  return attribute(node, name, 'string') ?? fallback;
}
export function attrInts(node: OnnxNode, name: string): readonly number[] | undefined {
  return attribute(node, name, 'ints');
}
export function attrFloats(node: OnnxNode, name: string): readonly number[] | undefined {
  return attribute(node, name, 'floats');
}
export function attrTensor(node: OnnxNode, name: string): OnnxTensor | undefined {
  return attribute(node, name, 'tensor');
}

const DTYPES: Readonly<Partial<Record<OnnxElement, DType>>> = {
  float32: 'float32',
  float64: 'float32',
  float16: 'float32',
  bfloat16: 'float32',
  bool: 'bool',
  int8: 'int32',
  uint8: 'int32',
  int16: 'int32',
  uint16: 'int32',
  int32: 'int32',
  uint32: 'int32',
  int64: 'int32',
  uint64: 'int32',
};
/** What Graft computes an element type in; undefined for strings and complex numbers. */
export function dtypeOf(element: OnnxElement): DType | undefined {
  return DTYPES[element];
}

/** Operations that give truths. */
const TRUTHS = new Set(
  ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'].concat([
    'logicalAnd',
    'logicalOr',
    'logicalNot',
  ]),
);
/** Operations that give positions and extents. */
const POSITIONS = new Set(['shape', 'argmax', 'maxPoolIndices', 'topK']);

/** The type of an operation's result, from those of its inputs: that of the first which has one, most often. */
export function elementAfter(
  op: string,
  inputs: readonly (OnnxElement | undefined)[],
  attrs: Readonly<Record<string, unknown>>,
): OnnxElement | undefined {
  if (TRUTHS.has(op)) return 'bool';
  if (POSITIONS.has(op)) return 'int64';
  if (attrs['dtype'] !== undefined) return attrs['dtype'] as DType;
  return (op === 'select' ? inputs.slice(1) : inputs).find((e) => e !== undefined);
}

export interface IntegerType {
  readonly bits: number;
  readonly signed: boolean;
}
/** Undefined for what is not an integer type. */
export function integerType(element: OnnxElement | undefined): IntegerType | undefined {
  const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(element ?? '') ?? [];
  return bits ? { bits: Number(bits), signed: unsigned === '' } : undefined;
}
/** @throws Unsupported for whole numbers. */
export function wantFloat(element: OnnxElement | undefined): void {
  if (element && dtypeOf(element) !== 'float32') throw new Unsupported(`of ${element}`);
}
