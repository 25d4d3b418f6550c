import { describe, expect, it } from 'vitest';
import { elementTypes } from './elements.ts';
import type { OnnxElement, OnnxTensor } from './model.ts';
import { decodeTensor } from './proto/decode-tensor.ts';
import { WireWriter } from './proto/wire-writer.ts';
import { tensorOf, valuesOf } from './values.ts';

const raw = (element: OnnxElement, data: ArrayBufferView, count: number): OnnxTensor => ({
  name: 't',
  element,
  dims: [count],
  bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  external: null,
});
/** The same values in a typed field, as `onnx.helper.make_tensor` writes them. */
function typed(element: OnnxElement, write: (w: WireWriter) => void, count: number): OnnxTensor {
  const w = new WireWriter();
  w.packedInts(1, [count]);
  w.int(2, elementTypes[element].code);
  write(w);
  return decodeTensor(w.finish());
}
const view = (a: ArrayBufferView): Uint8Array => new Uint8Array(a.buffer);

describe('values of a tensor', () => {
  const cases: [OnnxElement, ArrayBufferView, (w: WireWriter) => void, number[]][] = [
    ['float32', Float32Array.of(1.5, -2), (w) => w.bytes(4, view(Float32Array.of(1.5, -2))), [1.5, -2]],
    [
      'float64',
      Float64Array.of(0.1, -2),
      (w) => w.bytes(10, view(Float64Array.of(0.1, -2))),
      [Math.fround(0.1), -2],
    ],
    ['float16', Uint16Array.of(0x3c00, 0xfc00), (w) => w.packedInts(5, [0x3c00, 0xfc00]), [1, -Infinity]],
    ['bfloat16', Uint16Array.of(0x3fc0, 0xc000), (w) => w.packedInts(5, [0x3fc0, 0xc000]), [1.5, -2]],
    ['bool', Uint8Array.of(0, 1), (w) => w.packedInts(5, [0, 1]), [0, 1]],
    ['uint8', Uint8Array.of(3, 255), (w) => w.packedInts(5, [3, 255]), [3, 255]],
    ['int8', Int8Array.of(3, -1), (w) => w.packedInts(5, [3, -1]), [3, -1]],
    ['uint16', Uint16Array.of(3, 65535), (w) => w.packedInts(5, [3, 65535]), [3, 65535]],
    ['int16', Int16Array.of(3, -300), (w) => w.packedInts(5, [3, -300]), [3, -300]],
    ['int32', Int32Array.of(3, -70000), (w) => w.packedInts(5, [3, -70000]), [3, -70000]],
    ['uint32', Uint32Array.of(3, 2 ** 32 - 1), (w) => w.packedInts(11, [3, 2 ** 32 - 1]), [3, 2 ** 32 - 1]],
    ['int64', BigInt64Array.of(-3n, 2n ** 63n - 1n), (w) => w.packedInts(7, [-3, 2 ** 63]), [-3, 2 ** 63]],
    [
      'uint64',
      BigUint64Array.of(3n, 2n ** 53n - 1n),
      (w) => w.packedInts(11, [3, 2 ** 53 - 1]),
      [3, 2 ** 53 - 1],
    ],
  ];
  it.each(cases)('%s, raw and in its field', (element, data, write, values) => {
    expect(Array.from(valuesOf(raw(element, data, 2)))).toEqual(values);
    const inField = typed(element, write, 2);
    expect(Array.from(valuesOf(inField))).toEqual(values);
    expect(inField.bytes).toEqual(view(data));
  });

  it('at odd positions of a file', () => {
    const file = new Uint8Array(9);
    file.set(view(Float32Array.of(1, 2)), 1);
    expect(valuesOf(raw('float32', file.subarray(1), 2))).toEqual(Float32Array.of(1, 2));
  });

  it('come back from tensorOf', () => {
    for (const element of ['float32', 'int32', 'int64', 'uint8', 'bool'] as const)
      expect(Array.from(valuesOf(tensorOf('t', element, [2], [1, 0])))).toEqual([1, 0]);
    expect(() => tensorOf('t', 'float32', [3], [1])).toThrow(/1 values/);
  });

  it('are refused where there are none', () => {
    const at = { location: 'w', offset: 0, length: null };
    const elsewhere = { ...raw('float32', Float32Array.of(1), 1), bytes: null, external: at };
    expect(() => valuesOf(elsewhere)).toThrow(/another file/);
    expect(() => valuesOf(raw('complex64', Float32Array.of(1, 2), 1))).toThrow(/complex64/);
    expect(() => valuesOf(raw('float32', Float32Array.of(1, 2), 1))).toThrow(/8 bytes for 1/);
  });
});
