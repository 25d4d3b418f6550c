import { FormatError } from '../errors.ts';
import { isRecord } from '../json.ts';

/**
 * Nodes of a TensorFlow GraphDef in proto3 JSON, as TensorFlow.js writes it: 64-bit integers are strings, bytes base64,
 * lists without elements may be missing. https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework (graph.proto, attr_value.proto)
 */
export interface TfNode {
  readonly name: string;
  readonly op: string;
  /** Data inputs: 'node', or 'node:1' for a further output. Control inputs are left out. */
  readonly inputs: readonly string[];
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** All nodes of a topology, by name, and those that others wait for. @throws FormatError */
export function readTfNodes(topology: unknown): {
  nodes: Map<string, TfNode>;
  controls: Set<string>;
} {
  const controls = new Set<string>();
  const list = isRecord(topology) ? topology['node'] : undefined;
  if (!Array.isArray(list))
    throw new FormatError('the model JSON has no modelTopology.node: is it a graph model?');
  const nodes = new Map<string, TfNode>();
  for (const raw of list as unknown[]) {
    if (!isRecord(raw) || typeof raw['name'] !== 'string' || typeof raw['op'] !== 'string') {
      throw new FormatError('a node of the graph has no name or no op');
    }
    const inputs = raw['input'] ?? [];
    const attrs = raw['attr'] ?? {};
    if (!Array.isArray(inputs) || !inputs.every((i) => typeof i === 'string') || !isRecord(attrs)) {
      throw new FormatError(`node '${raw['name']}' is malformed`);
    }
    if (nodes.has(raw['name'])) throw new FormatError(`two nodes are called '${raw['name']}'`);
    for (const i of inputs) if (i.startsWith('^')) controls.add(i.slice(1));
    nodes.set(raw['name'], {
      name: raw['name'],
      op: raw['op'],
      inputs: inputs.filter((i) => !i.startsWith('^')).map((i) => i.replace(/:0$/, '')),
      attrs,
    });
  }
  return { nodes, controls };
}

/** Reading attributes, each with what it is when absent. */
function field(node: TfNode, key: string, kind: string): unknown {
  const v = node.attrs[key];
  return isRecord(v) ? v[kind] : undefined;
}
function bytesToText(v: unknown): string {
  if (Array.isArray(v)) return (v as number[]).map((code) => String.fromCharCode(code)).join(''); // older converters
  try {
    return typeof v === 'string' ? atob(v) : '';
  } catch {
    return String(v);
  }
}
export function attrString(node: TfNode, key: string, fallback: string): string {
  const v = field(node, key, 's');
  return v === undefined ? fallback : bytesToText(v);
}
export function attrBool(node: TfNode, key: string, fallback: boolean): boolean {
  return (field(node, key, 'b') as boolean | undefined) ?? fallback;
}
export function attrInt(node: TfNode, key: string, fallback: number): number {
  return Number((field(node, key, 'i') as string | number | undefined) ?? fallback);
}
export function attrFloat(node: TfNode, key: string, fallback: number): number {
  return Number((field(node, key, 'f') as string | number | undefined) ?? fallback);
}
function list(node: TfNode, key: string, kind: string): unknown[] {
  const v = field(node, key, 'list');
  const items = isRecord(v) ? v[kind] : undefined;
  return Array.isArray(items) ? items : [];
}
export function attrInts(node: TfNode, key: string): number[] {
  return list(node, key, 'i').map(Number);
}
export function attrStrings(node: TfNode, key: string): string[] {
  return list(node, key, 's').map(bytesToText);
}
/** A type, by name or by number. */
export function attrType(node: TfNode, key: string): unknown {
  return field(node, key, 'type');
}
/** Extents of an attribute that is a shape; −1 for unknown ones. Null where nothing is said. */
export function attrShape(node: TfNode, key: string): number[] | null {
  const shape = field(node, key, 'shape');
  if (!isRecord(shape) || shape['unknownRank'] === true) return null;
  const dims = shape['dim'] ?? [];
  if (!Array.isArray(dims) || dims.length > 32) return null;
  return dims.map((d) => (isRecord(d) ? Number(d['size'] ?? 0) : -1));
}
