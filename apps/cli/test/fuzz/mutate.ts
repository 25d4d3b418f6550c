import type { Random } from '@graftjs/core';
import { decodeModel, encodeModel, type OnnxAttribute, type OnnxTensor } from '@graftjs/onnx-graph';

/** What a file is damaged with. */
const NUMBERS = [
  0,
  1,
  2,
  3,
  7,
  255,
  256,
  1000,
  65_535,
  65_536,
  2 ** 20,
  2 ** 24,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53,
  -1,
  -2,
  -3,
  -65_536,
  -(2 ** 31),
  -(2 ** 53),
];
const TEXTS = [
  '1e308',
  '-1e308',
  '0.5',
  '-0.5',
  '1e-7',
  '"x"',
  '""',
  'null',
  'true',
  '[]',
  '{}',
  '[1,2]',
  '"__proto__"',
];

export const below = (random: Random, n: number): number => Math.min(n - 1, Math.floor(random.uniform() * n));
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;
const number = (random: Random): number =>
  random.uniform() < 0.8 ? pick(random, NUMBERS) : below(random, 4096) - 512;

const joined = (...parts: Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
};

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const cut: Mutation = (bytes, random) => bytes.slice(0, below(random, bytes.length + 1));
const flip: Mutation = (bytes, random) => {
  const out = bytes.slice();
  for (let k = 1 + below(random, 4); k > 0; k--) out[below(random, out.length)]! ^= 1 << below(random, 8);
  return out;
};
const overwrite: Mutation = (bytes, random) => {
  const out = bytes.slice();
  const at = below(random, out.length);
  const value = pick(random, [0, 0xff, 0x7f, 0x80, below(random, 256)]);
  return out.fill(value, at, at + 1 + below(random, 16));
};
/** A piece of the file, once more or in the place of another. */
const splice: Mutation = (bytes, random) => {
  const [from, to] = [below(random, bytes.length), below(random, bytes.length)];
  const piece = bytes.slice(from, from + below(random, Math.min(256, bytes.length)));
  return joined(bytes.slice(0, to), piece, bytes.slice(to + pick(random, [0, piece.length])));
};
const remove: Mutation = (bytes, random) => {
  const at = below(random, bytes.length);
  return joined(bytes.slice(0, at), bytes.slice(at + 1 + below(random, 64)));
};
/** A number of 2, 4 or 8 bytes, as lengths are. */
const length: Mutation = (bytes, random) => {
  const out = bytes.slice();
  const width = pick(random, [2, 4, 8]);
  if (out.length < width) return out;
  const head = random.uniform() < 0.5 ? Math.min(64, out.length) : out.length;
  const at = below(random, Math.max(1, head - width));
  const view = new DataView(out.buffer);
  const [value, little] = [BigInt(Math.trunc(number(random))), random.uniform() < 0.5];
  if (width === 2) view.setUint16(at, Number(value & 0xffffn), little);
  else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), little);
  else view.setBigInt64(at, BigInt.asIntN(64, value), little);
  return out;
};
const RAW: readonly Mutation[] = [cut, flip, flip, overwrite, splice, remove, length];

/** Any file: bytes are cut, flipped, moved. */
export const mutateBytes: Mutation = (bytes, random) => {
  let out = bytes;
  for (let k = 1 + below(random, 3); k > 0 && out.length > 0; k--) out = pick(random, RAW)(out, random);
  return out;
};

/** JSON: numbers become huge, negative, broken, texts; words and brackets are exchanged. */
export function mutateJson(text: string, random: Random): string {
  let out = text;
  for (let k = pick(random, [1, 1, 1, 2, 3]); k > 0; k--) {
    const places = [...out.matchAll(/-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|"(?:[^"\\]|\\.)*"/g)];
    if (!places.length) return out;
    const numbers = places.filter((p) => /^[-\d]/.test(p[0]));
    const place = pick(random, random.uniform() < 0.8 && numbers.length ? numbers : places);
    const other = random.uniform() < 0.2 ? pick(random, places)[0] : null;
    const value = other ?? (random.uniform() < 0.7 ? String(number(random)) : pick(random, TEXTS));
    out = out.slice(0, place.index) + value + out.slice(place.index + place[0].length);
  }
  return out;
}

/** safetensors: mostly its header, and what is JSON in it as text, with a length that is right; else its bytes. */
export const mutateSafetensors: Mutation = (bytes, random) => {
  if (random.uniform() < 0.25) return mutateBytes(bytes, random);
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  let header = new TextDecoder().decode(bytes.subarray(8, 8 + size));
  const texts = [...header.matchAll(/"(?:[^"\\]|\\.)*\\"(?:[^"\\]|\\.)*"/g)]; // JSON in JSON
  const inner = texts.length && random.uniform() < 0.75 ? pick(random, texts) : null;
  if (inner) {
    const changed = JSON.stringify(mutateJson(JSON.parse(inner[0]) as string, random));
    header = header.slice(0, inner.index) + changed + header.slice(inner.index + inner[0].length);
  } else header = mutateJson(header, random);
  const json = new TextEncoder().encode(header);
  const front = new Uint8Array(8);
  new DataView(front.buffer).setUint32(0, json.length, true);
  return joined(front, json, bytes.subarray(8 + size));
};

const changedList = (list: readonly number[], random: Random): number[] => {
  const out = [...list];
  const how = random.uniform();
  if (how < 0.7 && out.length) out[below(random, out.length)] = number(random);
  else if (how < 0.8) out.push(number(random));
  else if (how < 0.9) out.pop();
  else out.reverse();
  return out;
};

function changedAttribute(a: OnnxAttribute, random: Random): OnnxAttribute {
  switch (a.type) {
    case 'int':
      return { ...a, value: number(random) };
    case 'ints':
      return { ...a, value: changedList(a.value, random) };
    case 'float':
      return { ...a, value: pick(random, [NaN, Infinity, -Infinity, 0, -1, 1e30, 1e-30, number(random)]) };
    case 'string':
      return {
        ...a,
        value: pick(random, ['', 'SAME_UPPER', 'reflect', 'linear', 'cubic', 'x', 'NOTSET', 'edge']),
      };
    default:
      return a;
  }
}

function changedTensor(t: OnnxTensor, random: Random): OnnxTensor {
  if (random.uniform() < 0.2 || !t.bytes?.length) return { ...t, dims: changedList(t.dims, random) };
  const bytes = new Uint8Array(t.bytes);
  const view = new DataView(bytes.buffer);
  const value = number(random);
  const at = (width: number): number => below(random, bytes.length / width) * width;
  if (t.element === 'int64') view.setBigInt64(at(8), BigInt(value), true);
  else if (t.element === 'float32') view.setFloat32(at(4), random.uniform() < 0.2 ? NaN : value, true);
  else bytes[at(1)] = value;
  return { ...t, bytes };
}

/** ONNX: mostly options, extents and edges of a graph that is otherwise whole; else its bytes. */
export const mutateOnnx: Mutation = (bytes, random) => {
  if (random.uniform() < 0.15) return mutateBytes(bytes, random);
  const model = decodeModel(bytes);
  const { graph } = model;
  const [nodes, initializers] = [[...graph.nodes], [...graph.initializers]];
  let { inputs } = graph;
  // Few changes: what is to be run must first be read.
  for (let k = pick(random, [1, 1, 1, 2, 3]); k > 0; k--) {
    const how = random.uniform();
    const i = below(random, nodes.length);
    const node = nodes[i]!;
    const names = Object.keys(node.attributes);
    if (how < 0.45 && names.length) {
      const name = pick(random, names);
      const attributes = { ...node.attributes, [name]: changedAttribute(node.attributes[name]!, random) };
      nodes[i] = { ...node, attributes };
    } else if (how < 0.75 && initializers.length) {
      const small = initializers.flatMap((t, at) => (t.element === 'int64' || t.dims.length < 2 ? [at] : []));
      const at =
        random.uniform() < 0.7 && small.length ? pick(random, small) : below(random, initializers.length);
      initializers[at] = changedTensor(initializers[at]!, random);
    } else if (how < 0.85) {
      const values = [...nodes.flatMap((n) => n.outputs), ...initializers.map((t) => t.name), ''];
      nodes[i] = {
        ...node,
        inputs: node.inputs.map((x) => (random.uniform() < 0.5 ? x : pick(random, values))),
      };
    } else if (how < 0.92) nodes[i] = { ...node, opType: pick(random, nodes).opType };
    else if (how < 0.96)
      inputs = inputs.map((v) => ({ ...v, shape: v.shape && changedList(v.shape.map(Number), random) }));
    else nodes.splice(i, 1);
    if (!nodes.length) break;
  }
  try {
    return encodeModel({ ...model, graph: { ...graph, nodes, initializers, inputs } });
  } catch {
    return mutateBytes(bytes, random); // what cannot be written cannot be met
  }
};
