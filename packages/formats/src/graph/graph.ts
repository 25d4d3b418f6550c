import { sizeOf, type DType, type Shape } from '@graftjs/core';
import { unknownName } from '@graftjs/core/extend';
import { FormatError } from '../errors.ts';
import { graphOps } from './operations.ts';
import { hostOps } from './operations/host.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Attrs = Readonly<Record<string, Json>>;

/** A small constant with axes: indices, extents. Weights and everything large are stored tensors. */
export interface GraphConstant {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly values: readonly number[];
}
/** A name, a number for a scalar, or a small constant. */
export type GraphInput = string | number | GraphConstant;

/** One operation. */
export interface GraphNode {
  /** A dotted path, unique in the graph: 'block3.expand'. */
  readonly name: string;
  /** A key of `graphOps`. */
  readonly op: string;
  /** Names of graph inputs, nodes or stored tensors that come before, and constants. */
  readonly inputs: readonly GraphInput[];
  readonly attrs: Attrs;
}

/** A stored tensor; its values are kept beside the graph, under the same name. */
export interface GraphTensor {
  readonly shape: Shape;
  /** Parameters are trained, the others are constants. */
  readonly trainable: boolean;
}

/**
 * A network as data: what the importers give, what `GraphModule` runs, and plain JSON. Nodes are in topological order.
 * Weights are in Graft's layout, `[outChannels, inChannels / groups, ...kernel]`, wherever they came from.
 */
export interface GraphDef {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly GraphNode[];
  readonly tensors: Readonly<Record<string, GraphTensor>>;
  /** 'head': the classifier at the end of a chain, which `transfer` replaces. */
  readonly role?: 'head';
  /** Shape of one sample, where the graph holds numbers that were computed from it: others are refused. */
  readonly sampleShape?: Shape;
}

export interface GraphValues {
  readonly shape: Shape;
  readonly data: Float32Array;
}
/** A graph and the values of its stored tensors. */
export interface GraphWithWeights {
  readonly graph: GraphDef;
  readonly weights: ReadonlyMap<string, GraphValues>;
}

const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);
const isNames = (v: unknown): v is string[] => Array.isArray(v) && v.every((s) => typeof s === 'string');
const isExtents = (v: unknown): v is number[] =>
  Array.isArray(v) && v.length <= 32 && v.every((d) => Number.isSafeInteger(d) && (d as number) >= 0);

const MAX_CONSTANT = 65536;
function isGraphConstant(v: unknown): v is GraphConstant {
  if (!isRecord(v) || !isExtents(v['shape']) || !Array.isArray(v['values'])) return false;
  const { dtype, shape, values } = v as Record<string, unknown> & { shape: number[]; values: unknown[] };
  return (
    ['float32', 'int32', 'bool'].includes(dtype as string) &&
    values.length <= MAX_CONSTANT &&
    values.length === sizeOf(shape) &&
    values.every(Number.isFinite)
  );
}

function isJson(v: unknown, depth = 0): v is Json {
  if (depth > 8) return false;
  if (v === null || ['boolean', 'number', 'string'].includes(typeof v)) return true;
  return (Array.isArray(v) ? v : isRecord(v) ? Object.values(v) : [undefined]).every((x) =>
    isJson(x, depth + 1),
  );
}

/**
 * Checks a graph that was read from a file: known operations, unique names, every input defined before its use, stored
 * tensors used and of a sane size.
 * @throws FormatError that names the node.
 */
export function graphFromJSON(json: unknown): GraphDef {
  const bad = (what: string): never => {
    throw new FormatError(`not a graph: ${what}`);
  };
  if (!isRecord(json)) return bad('no object');
  const { inputs, outputs, nodes, tensors } = json;
  if (!isNames(inputs) || !inputs.length || !isNames(outputs) || !outputs.length)
    return bad('no inputs or no outputs');
  if (!Array.isArray(nodes) || !isRecord(tensors)) return bad('no nodes or no tensors');
  const defined = new Set<string>();
  const define = (name: string): void => {
    if (defined.has(name)) bad(`the name '${name}' is used twice`);
    defined.add(name);
  };
  inputs.forEach(define);
  const checkedTensors = Object.entries(tensors).map(([name, t]): [string, GraphTensor] => {
    define(name);
    if (!isRecord(t) || !isExtents(t['shape']) || typeof t['trainable'] !== 'boolean')
      return bad(`tensor '${name}'`);
    if (!Number.isSafeInteger(sizeOf(t['shape']))) bad(`tensor '${name}' is too large`);
    return [name, { shape: t['shape'], trainable: t['trainable'] }];
  });
  const checkedNodes = nodes.map((n: unknown, i): GraphNode => {
    if (!isRecord(n) || typeof n['name'] !== 'string' || typeof n['op'] !== 'string') return bad(`node ${i}`);
    const { name, op, inputs: from, attrs } = n;
    const where = `node '${name as string}'`;
    if (!Object.hasOwn(graphOps, op as string) && !Object.hasOwn(hostOps, op as string))
      throw unknownName(`operation at ${where}:`, op as string, Object.keys(graphOps));
    if (!Array.isArray(from) || !from.length) return bad(`${where} has no inputs`);
    for (const x of from as unknown[]) {
      const fine =
        typeof x === 'number'
          ? Number.isFinite(x)
          : typeof x === 'string'
            ? defined.has(x)
            : isGraphConstant(x);
      if (!fine) bad(`${where} takes ${JSON.stringify(x)}, which is not defined before it`);
    }
    if (!isRecord(attrs) || !isJson(attrs)) return bad(`${where} has no attrs`);
    define(name as string);
    return {
      name: name as string,
      op: op as string,
      inputs: from as GraphInput[],
      attrs: attrs as Attrs,
    };
  });
  for (const o of outputs) if (!defined.has(o)) bad(`the output '${o}' is not defined`);
  const { sampleShape } = json;
  if (sampleShape !== undefined && !isExtents(sampleShape)) return bad('its sampleShape is no shape');
  return {
    inputs,
    outputs,
    nodes: checkedNodes,
    tensors: Object.fromEntries(checkedTensors),
    ...(json['role'] === 'head' && { role: 'head' }),
    ...(sampleShape && { sampleShape }),
  };
}

/** The graph as plain data for `JSON.stringify`; `graphFromJSON` reads it. */
export function graphToJSON(graph: GraphDef): Json {
  return JSON.parse(JSON.stringify(graph)) as Json;
}

/**
 * Renames nodes, and with each the tensors that it alone names ('old.weight' → 'new.weight').
 * @throws FormatError where two would have one name.
 */
export function renameNodes(source: GraphWithWeights, rename: (node: GraphNode) => string): GraphWithWeights {
  const { graph, weights } = source;
  const names = new Map<string, string>();
  for (const node of graph.nodes) {
    const next = rename(node);
    names.set(node.name, next);
    for (const input of node.inputs) {
      if (
        typeof input === 'string' &&
        Object.hasOwn(graph.tensors, input) &&
        input.startsWith(`${node.name}.`)
      ) {
        names.set(input, next + input.slice(node.name.length));
      }
    }
  }
  const to = (name: string): string => names.get(name) ?? name;
  const entries = Object.entries(graph.tensors).map(([n, t]) => [to(n), t] as const);
  const seen = new Set<string>();
  for (const name of [...graph.inputs, ...graph.nodes.map((n) => to(n.name)), ...entries.map(([n]) => n)]) {
    if (seen.has(name)) throw new FormatError(`renaming gives two things the name '${name}'`);
    seen.add(name);
  }
  return {
    graph: {
      ...graph,
      outputs: graph.outputs.map(to),
      nodes: graph.nodes.map((n) => ({
        ...n,
        name: to(n.name),
        inputs: n.inputs.map((i) => (typeof i === 'string' ? to(i) : i)),
      })),
      tensors: Object.fromEntries(entries),
    },
    weights: new Map([...weights].map(([n, v]) => [to(n), v])),
  };
}
