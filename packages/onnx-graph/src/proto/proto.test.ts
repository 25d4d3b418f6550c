import { FormatError } from '@graftjs/core';
import { GraftError } from '@graftjs/core/backend';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode } from '../model.ts';
import { tensorOf } from '../values.ts';
import { decodeModel } from './decode.ts';
import { decodeTensor } from './decode-tensor.ts';
import { encodeModel, encodeTensor } from './encode.ts';

const text = (s: string): number[] => [...new TextEncoder().encode(s)];
/** A field with a length of at most 127. */
const field = (number: number, content: readonly number[]): number[] => [
  number * 8 + 2,
  content.length,
  ...content,
];
const bytes = (...parts: number[][]): Uint8Array => Uint8Array.from(parts.flat());

const node = (attributes: Record<string, OnnxAttribute>): OnnxNode => ({
  name: 'n',
  opType: 'Op',
  domain: '',
  inputs: ['a', '', 'b'],
  outputs: ['y'],
  attributes,
});
const graphOf = (nodes: OnnxNode[]): OnnxGraph => ({
  name: 'g',
  nodes,
  initializers: [tensorOf('b', 'float32', [2, 2], [1, 2, 3, 4.5])],
  inputs: [{ name: 'a', element: 'float32', shape: ['batch', 3, '', 0] }],
  outputs: [{ name: 'y', element: 'uint8', shape: null }],
  valueInfo: [{ name: 'z', element: null, shape: null }],
});
const modelOf = (graph: OnnxGraph): OnnxModel => ({
  irVersion: 8,
  opsets: new Map([
    ['', 17],
    ['com.example', 1],
  ]),
  producerName: 'graft',
  producerVersion: '0.1',
  metadata: new Map([
    ['classes', '["ä","b"]'],
    ['__proto__', ''],
  ]),
  graph,
  functions: 0,
});
const attributes: Record<string, OnnxAttribute> = {
  alpha: { type: 'float', value: 0.5 },
  axis: { type: 'int', value: -1 },
  far: { type: 'int', value: 2 ** 63 },
  farBack: { type: 'int', value: -(2 ** 63) },
  large: { type: 'int', value: Number.MAX_SAFE_INTEGER },
  mode: { type: 'string', value: 'linear' },
  scales: { type: 'floats', value: [1, 0.25, -Infinity] },
  empty: { type: 'ints', value: [] },
  pads: { type: 'ints', value: [0, 1, -2, 300, 2 ** 40] },
  names: { type: 'strings', value: ['a', ''] },
  value: { type: 'tensor', value: tensorOf('', 'int64', [3], [1, -2, 2 ** 50]) },
  then: { type: 'graph', value: graphOf([node({})]) },
};

describe('models', () => {
  it('come back as they were written, and give the same bytes again', () => {
    const model = modelOf(graphOf([node(attributes), node({})]));
    const written = encodeModel(model);
    const read = decodeModel(written);
    expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(JSON.stringify(model)));
    expect([...read.metadata]).toEqual([...model.metadata]);
    expect([...read.opsets]).toEqual([...model.opsets]);
    expect(encodeModel(read)).toEqual(written);
  });

  it('are read from bytes written by hand: packed or not, any order, unknown fields, both names of the domain', () => {
    const relu = field(1, [
      ...field(5, [...field(1, text('k')), 0x40, 2, 0x40, 3, 0xa0, 1, 7]), // ints, one by one
      ...field(5, [...field(1, text('p')), ...field(8, [2, 0xff, ...Array(8).fill(0xff), 1])]), // ints, packed; no type
      ...field(4, text('Relu')),
      ...field(7, text('ai.onnx')),
      ...field(4, text('Relu6')), // the last one wins
    ]);
    const model = decodeModel(
      bytes(
        field(7, [...relu, ...field(2, text('g'))]),
        [0x08, 8],
        field(8, [...field(1, text('ai.onnx')), 0x10, 17]),
        [0xf9, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8], // field 2047, 8 bytes
      ),
    );
    expect(model.opsets.get('')).toBe(17);
    expect(model.graph.nodes).toHaveLength(1);
    const [only] = model.graph.nodes;
    expect(only).toMatchObject({ opType: 'Relu6', domain: '' });
    expect(only!.attributes['k']).toEqual({ type: 'ints', value: [2, 3] });
    expect(only!.attributes['p']).toEqual({ type: 'ints', value: [2, -1] });
  });

  it('count functions', () => {
    const model = decodeModel(bytes(field(7, []), [0xca, 1, 0], [0xca, 1, 0]));
    expect(model.functions).toBe(2);
    expect(() => encodeModel(model)).toThrow(/functions/);
  });
});

describe('hostile bytes', () => {
  const error = (b: Uint8Array): FormatError => {
    try {
      decodeModel(b);
    } catch (e) {
      if (e instanceof FormatError) return e;
      throw e;
    }
    throw new Error('it was read');
  };

  it('a length of 2 GB in a small file', () => {
    const b = new Uint8Array(1000);
    b.set(bytes([0x08, 8], [7 * 8 + 2, 0xff, 0xff, 0xff, 0xff, 0x07]));
    const e = error(b);
    expect(e.message).toBe('a field says that it has 2147483647 bytes, only 992 are left (at byte 2)');
    expect(e.offset).toBe(2);
  });

  it('a length beyond 64 bits, a number without end, a cut one', () => {
    expect(error(bytes([0x3a, ...Array(10).fill(0xff), 1])).message).toContain('longer than 10 bytes');
    expect(error(bytes([0x3a, ...Array(9).fill(0xff), 1])).message).toMatch(
      /says that it has 1844674407370955/,
    );
    expect(error(bytes([0x08, 0x80])).message).toContain('in the middle of a number');
    expect(error(bytes([0x55, 1, 2])).message).toContain('in the middle of a value');
  });

  it('wire types that do not fit, groups, field 0, an inner message that passes its outer one', () => {
    expect(error(bytes([0x0a, 0])).message).toContain('wire type 2, it must have 0');
    expect(error(bytes([0x7b])).message).toContain('unknown wire type 3');
    expect(error(bytes([0x02, 0])).message).toContain('field number 0');
    expect(error(bytes(field(7, [0x0a, 5]))).offset).toBe(2);
  });

  it('nothing, other files, text that is not UTF-8, a node without an operation', () => {
    expect(error(new Uint8Array(0)).message).toContain('not an ONNX model');
    expect(error(bytes(text('{"modelTopology": {}}')))).toBeInstanceOf(FormatError);
    expect(error(bytes(field(7, field(1, field(3, [0xff]))))).message).toContain('UTF-8');
    expect(error(bytes(field(7, field(1, field(3, text('n')))))).message).toContain(
      "node 'n' has no op_type",
    );
  });

  it('graphs in graphs in graphs', () => {
    let inner = graphOf([]);
    for (let i = 0; i < 40; i++) inner = graphOf([node({ body: { type: 'graph', value: inner } })]);
    expect(error(encodeModel(modelOf(inner))).message).toContain('nested deeper than 100');
  });

  it('every prefix and any change of a byte gives a model or an error that says where', () => {
    const whole = encodeModel(modelOf(graphOf([node(attributes)])));
    const readable = (b: Uint8Array): void => {
      try {
        decodeModel(b);
      } catch (e) {
        expect(e).toBeInstanceOf(GraftError);
      }
    };
    for (let n = 0; n < whole.length; n++) readable(whole.subarray(0, n));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length - 1), (at, value, other) => {
        const b = whole.slice();
        b[at] = value;
        b[other]! ^= 1 << (value & 7);
        readable(b);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('tensors', () => {
  it('that do not have the bytes that their shape needs', () => {
    const claims = (dims: number[], ...rest: number[][]): Uint8Array =>
      bytes(field(1, dims), [0x10, 1], ...rest);
    const trillion = [0x80, 0xa0, 0x94, 0xa5, 0x8d, 0x1d];
    expect(() => decodeTensor(claims(trillion))).toThrow(/needs 4000000000000 bytes, it has 0/);
    expect(() => decodeTensor(claims([...trillion, ...trillion]))).toThrow(/impossible shape/);
    expect(() => decodeTensor(claims([2], field(9, [0, 0, 0])))).toThrow(/needs 8 bytes, it has 3/);
    expect(() => decodeTensor(claims([1], field(4, [0, 0, 0])))).toThrow(/whole number of values/);
    expect(() => decodeTensor(claims([0xff, ...Array(8).fill(0xff), 1]))).toThrow(/impossible shape \[-1\]/);
    expect(() => decodeTensor(bytes([0x10, 17]))).toThrow(/element type 17/);
    expect(() => decodeTensor(bytes(field(1, [1])))).toThrow(/no element type/);
    expect(() => decodeTensor(bytes(field(1, [2]), [0x10, 7], field(7, [1])))).toThrow(/needs 2 numbers/);
  });

  it('in another file', () => {
    const at = { location: 'weights.bin', offset: 64, length: 16 };
    const tensor = { ...tensorOf('w', 'float32', [4], [1, 2, 3, 4]), bytes: null, external: at };
    expect(decodeTensor(encodeTensor(tensor))).toEqual(tensor);
    const odd = encodeTensor({ ...tensor, external: { ...at, offset: -1 } });
    expect(() => decodeTensor(odd)).toThrow(/offset '-1'/);
    expect(() => decodeTensor(bytes([0x10, 1], [0x70, 1]))).toThrow(/does not say in which/);
  });

  it('raw bytes are a view of the file', () => {
    const file = encodeTensor(tensorOf('w', 'float32', [2], [1, 2]));
    expect(decodeTensor(file).bytes!.buffer).toBe(file.buffer);
  });
});
