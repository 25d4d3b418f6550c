import type { OnnxNode, OnnxTensor } from '@graftjs/onnx-graph';
import { Unsupported } from '../graph/lowering.ts';

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
