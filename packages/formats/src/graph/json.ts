import { sizeOf } from '@graftjs/core';
import { unknownName } from '@graftjs/core/extend';
import { FormatError } from '../errors.ts';
import { isRecord } from '../json.ts';
import type { Attrs, GraphConstant, GraphDef, GraphInput, GraphNode, GraphTensor, Json } from './graph.ts';
import { graphOps } from './operations.ts';

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
    if (!Object.hasOwn(graphOps, op as string))
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
