import { UnsupportedError } from '@graftjs/core/backend';
import { elementOf } from '../elements.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from '../model.ts';
import { readEntry, readTensor } from './decode-tensor.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Reads a `ModelProto`, the content of an `.onnx` file. Stored values stay views of `bytes` where they can. What graphs
 * mean is not checked here, only that the bytes say one.
 * Fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 * @throws FormatError with the byte where something is wrong; UnsupportedError for element types and sparse tensors.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const r = new WireReader(bytes);
  let [irVersion, producerName, producerVersion, functions] = [0, '', '', 0];
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let graph: OnnxGraph | undefined;
  while (r.next()) {
    switch (r.field) {
      case 1:
        irVersion = r.int();
        break;
      case 2:
        producerName = r.text();
        break;
      case 3:
        producerVersion = r.text();
        break;
      case 7:
        graph = readGraph(r.message());
        break;
      case 8: {
        const [domain, version] = readOpset(r.message());
        opsets.set(domain, version);
        break;
      }
      case 14:
        readEntry(r.message(), metadata);
        break;
      case 25:
        functions++;
        r.skip();
        break;
      default:
        r.skip();
    }
  }
  if (!graph) return r.fail('there is no graph in it: this is not an ONNX model');
  return { irVersion, opsets, producerName, producerVersion, metadata, graph, functions };
}

/** ONNX's own domain has two names. */
const domainOf = (name: string): string => (name === 'ai.onnx' ? '' : name);

function readOpset(r: WireReader): [domain: string, version: number] {
  let [domain, version] = ['', 0];
  while (r.next()) {
    if (r.field === 1) domain = domainOf(r.string());
    else if (r.field === 2) version = r.int();
    else r.skip();
  }
  return [domain, version];
}

function readGraph(r: WireReader): OnnxGraph {
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  const valueInfo: OnnxValueInfo[] = [];
  while (r.next()) {
    switch (r.field) {
      case 1:
        nodes.push(readNode(r.message()));
        break;
      case 2:
        name = r.text();
        break;
      case 5:
        initializers.push(readTensor(r.message()));
        break;
      case 11:
        inputs.push(readValueInfo(r.message()));
        break;
      case 12:
        outputs.push(readValueInfo(r.message()));
        break;
      case 13:
        valueInfo.push(readValueInfo(r.message()));
        break;
      case 15:
        throw new UnsupportedError('sparse initializers are not supported');
      default:
        r.skip();
    }
  }
  return { name, nodes, initializers, inputs, outputs, valueInfo };
}

function readNode(r: WireReader): OnnxNode {
  const start = r.offset;
  let [name, opType, domain] = ['', '', ''];
  const inputs: string[] = [];
  const outputs: string[] = [];
  // No prototype: an attribute may have any name.
  const attributes = Object.create(null) as Record<string, OnnxAttribute>;
  while (r.next()) {
    switch (r.field) {
      case 1:
        inputs.push(r.string());
        break;
      case 2:
        outputs.push(r.string());
        break;
      case 3:
        name = r.string();
        break;
      case 4:
        opType = r.string();
        break;
      case 5: {
        const [key, value] = readAttribute(r.message());
        attributes[key] = value;
        break;
      }
      case 7:
        domain = domainOf(r.string());
        break;
      default:
        r.skip();
    }
  }
  if (!opType) r.fail(`node '${name}' has no op_type`, start);
  return { name, opType, domain, inputs, outputs, attributes };
}

/** `AttributeProto.AttributeType` by code. Files of the first versions leave it out: then the field that is there says it. */
const ATTRIBUTE_TYPES: Readonly<Record<number, OnnxAttribute['type']>> = {
  1: 'float',
  2: 'int',
  3: 'string',
  4: 'tensor',
  5: 'graph',
  6: 'floats',
  7: 'ints',
  8: 'strings',
};

function readAttribute(r: WireReader): [name: string, attribute: OnnxAttribute] {
  const start = r.offset;
  let name = '';
  let type: OnnxAttribute['type'] | undefined;
  let single: OnnxAttribute | undefined;
  let isReference = false;
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  while (r.next()) {
    switch (r.field) {
      case 1:
        name = r.string();
        break;
      case 2:
        single = { type: 'float', value: r.float() };
        break;
      case 3:
        single = { type: 'int', value: r.int() };
        break;
      case 4:
        single = { type: 'string', value: r.text() };
        break;
      case 5:
        single = { type: 'tensor', value: readTensor(r.message()) };
        break;
      case 6:
        single = { type: 'graph', value: readGraph(r.message()) };
        break;
      case 7:
        r.floats(floats);
        break;
      case 8:
        r.ints(ints);
        break;
      case 9:
        strings.push(r.text());
        break;
      case 20:
        type = ATTRIBUTE_TYPES[r.int()] ?? 'other';
        break;
      case 21:
        isReference = r.string() !== '';
        break;
      default:
        r.skip();
    }
  }
  if (isReference) return [name, { type: 'other' }]; // a function's own attribute
  type ??=
    single?.type ?? (floats.length ? 'floats' : ints.length ? 'ints' : strings.length ? 'strings' : 'other');
  if (type === 'floats') return [name, { type, value: floats }];
  if (type === 'ints') return [name, { type, value: ints }];
  if (type === 'strings') return [name, { type, value: strings }];
  if (type === 'other') return [name, { type }];
  if (single?.type === type) return [name, single];
  // The default of a number or a text may be left out.
  if (single === undefined && (type === 'int' || type === 'float')) return [name, { type, value: 0 }];
  if (single === undefined && type === 'string') return [name, { type, value: '' }];
  return r.fail(`attribute '${name}' should be a ${type} and is not`, start);
}

function readValueInfo(r: WireReader): OnnxValueInfo {
  let name = '';
  let type: Pick<OnnxValueInfo, 'element' | 'shape'> = { element: null, shape: null };
  while (r.next()) {
    if (r.field === 1) name = r.string();
    else if (r.field === 2) type = readType(r.message());
    else r.skip();
  }
  return { name, ...type };
}

/** A `TypeProto`. */
function readType(r: WireReader): Pick<OnnxValueInfo, 'element' | 'shape'> {
  let element: OnnxValueInfo['element'] = null;
  let shape: (number | string)[] | null = null;
  while (r.next()) {
    if (r.field !== 1) {
      r.skip();
      continue;
    }
    const tensor = r.message();
    while (tensor.next()) {
      if (tensor.field === 1) element = elementOf(tensor.int()) ?? null;
      else if (tensor.field === 2) shape = readShape(tensor.message());
      else tensor.skip();
    }
  }
  return { element, shape };
}

function readShape(r: WireReader): (number | string)[] {
  const shape: (number | string)[] = [];
  while (r.next()) {
    if (r.field !== 1) {
      r.skip();
      continue;
    }
    const dim = r.message();
    let extent: number | string = '';
    while (dim.next()) {
      if (dim.field === 1) extent = dim.int();
      else if (dim.field === 2) extent = dim.string();
      else dim.skip();
    }
    // Some exporters write −1 for an extent that they do not know.
    shape.push(typeof extent === 'number' && !(extent >= 0 && Number.isSafeInteger(extent)) ? '' : extent);
  }
  return shape;
}
