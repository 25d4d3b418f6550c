import { GraftError, sizeOf, UnsupportedError } from '@graftjs/core/backend';
import { elementTypes } from '../elements.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from '../model.ts';
import { WireWriter } from './wire-writer.ts';

/**
 * Writes a `ModelProto`, the content of an `.onnx` file; `decodeModel` reads it. The same model gives the same bytes.
 * @throws GraftError where the file would pass 2 GB or a tensor's bytes do not fit its shape; UnsupportedError for
 *   attributes that were not read and for functions.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  if (model.functions > 0) throw new UnsupportedError('functions of a model cannot be written');
  const w = new WireWriter();
  w.int(1, model.irVersion);
  w.optionalString(2, model.producerName);
  w.optionalString(3, model.producerVersion);
  w.message(7, graph(model.graph));
  for (const [domain, version] of model.opsets) {
    const opset = new WireWriter();
    opset.optionalString(1, domain);
    opset.int(2, version);
    w.message(8, opset);
  }
  for (const [key, value] of model.metadata) w.message(14, entry(key, value));
  return w.finish();
}

/**
 * Writes a `TensorProto` with its values as `raw_data`.
 * @throws GraftError where its bytes do not fit its shape.
 */
export function encodeTensor(tensor: OnnxTensor): Uint8Array {
  return tensorProto(tensor).finish();
}

function entry(key: string, value: string): WireWriter {
  const w = new WireWriter();
  w.string(1, key);
  w.string(2, value);
  return w;
}

function graph(g: OnnxGraph): WireWriter {
  const w = new WireWriter();
  for (const n of g.nodes) w.message(1, node(n));
  w.string(2, g.name);
  for (const t of g.initializers) w.message(5, tensorProto(t));
  for (const i of g.inputs) w.message(11, valueInfo(i));
  for (const o of g.outputs) w.message(12, valueInfo(o));
  for (const v of g.valueInfo) w.message(13, valueInfo(v));
  return w;
}

function node(n: OnnxNode): WireWriter {
  const w = new WireWriter();
  for (const i of n.inputs) w.string(1, i);
  for (const o of n.outputs) w.string(2, o);
  w.optionalString(3, n.name);
  w.string(4, n.opType);
  for (const [key, a] of Object.entries(n.attributes)) w.message(5, attribute(key, a, n));
  w.optionalString(7, n.domain);
  return w;
}

function attribute(name: string, a: OnnxAttribute, owner: OnnxNode): WireWriter {
  const w = new WireWriter();
  w.string(1, name);
  switch (a.type) {
    case 'float':
      w.float(2, a.value);
      w.int(20, 1);
      return w;
    case 'int':
      w.int(3, a.value);
      w.int(20, 2);
      return w;
    case 'string':
      w.string(4, a.value);
      w.int(20, 3);
      return w;
    case 'tensor':
      w.message(5, tensorProto(a.value));
      w.int(20, 4);
      return w;
    case 'graph':
      w.message(6, graph(a.value));
      w.int(20, 5);
      return w;
    case 'floats':
      for (const v of a.value) w.float(7, v);
      w.int(20, 6);
      return w;
    case 'ints':
      for (const v of a.value) w.int(8, v);
      w.int(20, 7);
      return w;
    case 'strings':
      for (const v of a.value) w.string(9, v);
      w.int(20, 8);
      return w;
    case 'other':
      throw new UnsupportedError(
        `attribute '${name}' of node '${owner.name}' (${owner.opType}) was not read and cannot be written`,
      );
  }
}

function tensorProto(t: OnnxTensor): WireWriter {
  const { code, bytes: each } = elementTypes[t.element];
  const w = new WireWriter();
  if (t.dims.length) w.packedInts(1, t.dims);
  w.int(2, code);
  w.optionalString(8, t.name);
  if (t.external) {
    const { location, offset, length } = t.external;
    w.message(13, entry('location', location));
    w.message(13, entry('offset', String(offset)));
    if (length !== null) w.message(13, entry('length', String(length)));
    w.int(14, 1);
    return w;
  }
  if (t.element === 'string') {
    for (const s of t.strings ?? []) w.string(6, s);
    return w;
  }
  if (t.bytes?.length !== sizeOf(t.dims) * each) {
    throw new GraftError(
      `tensor '${t.name}' has ${t.bytes?.length ?? 'no'} bytes for ${sizeOf(t.dims)} values of ${t.element}`,
    );
  }
  w.bytes(9, t.bytes);
  return w;
}

function valueInfo(v: OnnxValueInfo): WireWriter {
  const w = new WireWriter();
  w.string(1, v.name);
  if (!v.element) return w;
  const tensor = new WireWriter();
  tensor.int(1, elementTypes[v.element].code);
  if (v.shape) {
    const shape = new WireWriter();
    for (const extent of v.shape) {
      const dim = new WireWriter();
      if (typeof extent === 'number') dim.int(1, extent);
      else dim.optionalString(2, extent);
      shape.message(1, dim);
    }
    tensor.message(2, shape);
  }
  const type = new WireWriter();
  type.message(1, tensor);
  w.message(2, type);
  return w;
}
