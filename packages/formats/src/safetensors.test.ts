import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from './errors.ts';
import {
  readSafetensors,
  readSafetensorsMetadata,
  toStateDict,
  writeSafetensors,
  type TensorToWrite,
} from './safetensors.ts';

const text = new TextEncoder();

/** A file with this header, however wrong, and these data bytes. */
function file(header: string | object, data: number[] | Uint8Array = [], length?: number): Uint8Array {
  const json = text.encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  return out;
}
const entry = (dtype: string, shape: unknown, from: number, to: number): object => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

const sample = new Map<string, TensorToWrite>([
  ['conv.weight', { shape: [2, 1, 2], data: Float32Array.of(1, -2.5, 1e-40, Infinity) }],
  ['steps', { shape: [], data: BigInt64Array.of(-(2n ** 40n)) }],
  ['10', { shape: [3], data: Int32Array.of(1, -2, 3) }],
  ['2', { shape: [1], data: Float64Array.of(Math.PI) }],
  ['half', { dtype: 'F16', shape: [2], data: [0.1, 65504] }],
  ['brain', { dtype: 'BF16', shape: [2], data: [0.1, 1] }],
  ['mask', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['small', { shape: [2], data: Int8Array.of(-128, 127) }],
  ['mid', { shape: [1], data: Int16Array.of(-32768) }],
  ['unsigned', { shape: [1], data: Uint16Array.of(65535) }],
  ['seed', { shape: [2], data: Uint32Array.of(1, 2 ** 32 - 1) }],
  ['counter', { shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
  ['empty', { shape: [0, 5], data: new Float32Array(0) }],
]);
const bytes = writeSafetensors(sample, { z: 'last', a: 'é "quoted" \u0000' });

describe('writeSafetensors and readSafetensors', () => {
  it('bring every dtype back', () => {
    const { tensors, metadata } = readSafetensors(bytes);
    expect(metadata).toEqual({ a: 'é "quoted" \u0000', z: 'last' });
    expect(tensors.size).toBe(sample.size);
    const asTheyAre = [...sample.keys()].filter((name) => name !== 'half' && name !== 'brain');
    for (const name of asTheyAre) {
      expect([...tensors.get(name)!.data], name).toEqual([...(sample.get(name)!.data as Float32Array)]);
      expect(tensors.get(name)!.shape).toEqual(sample.get(name)!.shape);
    }
    expect([...tensors.get('half')!.data]).toEqual([0.0999755859375, 65504]);
    expect([...tensors.get('brain')!.data]).toEqual([0.10009765625, 1]);
    expect([...(toStateDict(tensors).get('steps')!.data as number[])]).toEqual([-(2 ** 40)]);
  });
  it('reads floats of 8 bits, which PyTorch writes', () => {
    // Right values: arXiv:2209.05433, table 1: largest, smallest normal, smallest subnormal, ±∞ or NaN.
    const e4m3 = [0x7e, 0x08, 0x01, 0x7f, 0xff, 0x80, 0xb8];
    const e5m2 = [0x7b, 0x04, 0x01, 0x7c, 0xfc, 0x7d, 0xbc];
    const made = file({ a: entry('F8_E4M3', [7], 0, 7), b: entry('F8_E5M2', [7], 7, 14) }, [
      ...e4m3,
      ...e5m2,
    ]);
    const { tensors } = readSafetensors(made);
    expect([...tensors.get('a')!.data]).toEqual([448, 2 ** -6, 2 ** -9, NaN, NaN, -0, -1]);
    expect([...tensors.get('b')!.data]).toEqual([57344, 2 ** -14, 2 ** -16, Infinity, -Infinity, NaN, -1]);
    expect(tensors.get('a')!.data).toBeInstanceOf(Float32Array);
    const back = new Map([['a', { ...tensors.get('a')!, dtype: 'F8_E4M3' as const }]]);
    expect(() => writeSafetensors(back)).toThrow(/'a': F8_E4M3 is read, not written/);
  });
  it('names a tensor of a dtype that is not read, and reads the others', () => {
    const made = file({ z: entry('C64', [1], 0, 8), a: entry('U8', [2], 8, 10) }, [
      ...new Array<number>(8),
      5,
      6,
    ]);
    const { tensors, unread } = readSafetensors(made);
    expect([...(tensors.get('a')!.data as Uint8Array)]).toEqual([5, 6]);
    expect([...unread]).toEqual([['z', { dtype: 'C64', shape: [1] }]]);
    expect(readSafetensors(bytes).unread.size).toBe(0);
  });
  it('gives the same bytes in any order', () => {
    const shuffled = new Map([...sample].reverse());
    expect(writeSafetensors(shuffled, { a: 'é "quoted" \u0000', z: 'last' })).toEqual(bytes);
  });
  it('aligns the header to 8 bytes and each tensor to its width', () => {
    const length = new DataView(bytes.buffer).getUint32(0, true);
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
      string,
      { dtype: string; data_offsets: [number] }
    >;
    const width: Record<string, number> = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I16: 2 };
    for (const [name, e] of Object.entries(header)) {
      if (name !== '__metadata__') expect(e.data_offsets[0] % (width[e.dtype] ?? 1), name).toBe(0);
    }
  });
  it('stores as float16 what it is told to', () => {
    const t = new Map([
      ['a', { shape: [2], data: Float32Array.of(0.5, 0.1) }],
      ['b', { shape: [1], data: Float32Array.of(0.1) }],
    ]);
    const all = readSafetensors(writeSafetensors(t, {}, { float16: true })).tensors;
    expect([all.get('a')!.dtype, all.get('b')!.dtype]).toEqual(['F16', 'F16']);
    const some = readSafetensors(writeSafetensors(t, {}, { float16: (name) => name === 'a' })).tensors;
    expect([some.get('a')!.dtype, some.get('b')!.dtype]).toEqual(['F16', 'F32']);
  });
  it('reads what is not at the start of its buffer, and gives copies', () => {
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const { tensors } = readSafetensors(shifted.subarray(3));
    shifted.fill(0);
    expect([...tensors.get('conv.weight')!.data]).toEqual([
      ...(sample.get('conv.weight')!.data as Float32Array),
    ]);
  });
  it('treats names that mean something to JavaScript like any other', () => {
    const t = new Map([['__proto__', { shape: [1], data: Float32Array.of(7) }]]);
    const back = readSafetensors(
      writeSafetensors(t, JSON.parse('{"__proto__":"x"}') as Record<string, string>),
    );
    expect(back.tensors.get('__proto__')!.data[0]).toBe(7);
    expect(Object.entries(back.metadata)).toEqual([['__proto__', 'x']]);
  });
  it('reads the metadata of a file that ends after its header', () => {
    const length = new DataView(bytes.buffer).getUint32(0, true);
    expect(readSafetensorsMetadata(bytes.subarray(0, 8 + length))['z']).toBe('last');
  });
  it('refuses to write what does not fit', () => {
    const one = (name: string, t: TensorToWrite) => () => writeSafetensors(new Map([[name, t]]));
    expect(one('a', { shape: [2], data: [1] })).toThrow(/'a': \[2\] does not hold 1 values/);
    expect(one('__metadata__', { shape: [1], data: [1] })).toThrow(FormatError);
    expect(one('', { shape: [1], data: [1] })).toThrow(FormatError);
  });
});

describe('a hostile file', () => {
  const cases: [string, Uint8Array, RegExp, number?][] = [
    ['is empty', new Uint8Array(0), /an empty file \(0 bytes\), not a safetensors file/],
    ['is too short', new Uint8Array(7), /truncated/, 0],
    ['claims a huge header', file('{}', [], 2 ** 40), /limit is 100 MB/, 0],
    ['claims more header than it has', file('{}', [], 3), /header should have 3 bytes, the file has 2/, 0],
    ['does not start with a brace', file(' {}'), /does not start with '{'/, 8],
    ['has broken JSON', file('{"a":'), /expected a value/, 13],
    ['has a brace too many', file('{}}'), /something after the JSON/, 10],
    [
      'names a tensor twice',
      file(
        `{"a":${JSON.stringify(entry('U8', [1], 0, 1))},"a":${JSON.stringify(entry('U8', [1], 0, 1))}}`,
        [1],
      ),
      /"a" appears twice/,
    ],
    [
      'hides a duplicate behind an escape',
      file(`{"a":${JSON.stringify(entry('U8', [1], 0, 1))},"\\u0061":1}`, [1]),
      /appears twice/,
    ],
    ['is not UTF-8', file('{"a": "\u00e9"}').map((b) => (b === 0xc3 ? 0xff : b)), /not UTF-8/, 14],
    ['nests deeply', file('{"a":' + '['.repeat(1e5)), /nested deeper/],
    [
      'has a dtype that is no text',
      file({ a: { ...entry('U8', [1], 0, 1), dtype: 8 } }, [1]),
      /dtype is not a/,
    ],
    ['runs backwards in a foreign dtype', file({ a: entry('F4', [2], 8, 0) }, [1]), /hold -8 bytes/],
    ['has an unknown key', file({ a: { ...entry('U8', [1], 0, 1), more: 1 } }, [1]), /unknown key "more"/],
    ['has a negative extent', file({ a: entry('U8', [-1], 0, 1) }, [1]), /shape is not a list/],
    ['has a broken extent', file({ a: entry('U8', [0.5], 0, 1) }, [1]), /shape is not a list/],
    ['overflows', file({ a: entry('F32', [2 ** 31, 2 ** 31], 0, 4) }, [1, 2, 3, 4]), /too large/],
    [
      'lies about a size',
      file({ a: entry('F32', [2], 0, 4) }, [1, 2, 3, 4]),
      /data_offsets hold 4 bytes, F32\[2\] has 8/,
    ],
    ['runs backwards', file({ a: entry('F32', [2], 8, 0) }, new Uint8Array(8)), /data_offsets hold -8 bytes/],
    [
      'reaches beyond its end',
      file({ a: entry('F32', [2], 0, 8) }, [1, 2, 3, 4]),
      /ends at byte \d+, the file has \d+/,
    ],
    ['overlaps', file({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, [1, 2, 3]), /"b" overlaps/],
    [
      'has a hole',
      file({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, [1, 2, 3]),
      /"b" leaves 1 bytes unused/,
    ],
    [
      'has something at the end',
      file({ a: entry('U8', [1], 0, 1) }, [1, 2]),
      /1 bytes after the last tensor/,
    ],
    ['has BOOLs that are none', file({ a: entry('BOOL', [2], 0, 2) }, [1, 2]), /BOOL element 1 is 2/],
    ['has metadata that are no text', file({ __metadata__: { a: 1 } }), /metadata 'a' is not a string/],
  ];
  it.each(cases)('that %s', (_, input, message, offset) => {
    let error: unknown;
    try {
      readSafetensors(input);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(message);
    if (offset !== undefined) expect((error as FormatError).offset).toBe(offset);
  });
  it('may hold an empty tensor with absurd other extents', () => {
    const { tensors } = readSafetensors(file({ a: entry('F64', [2 ** 50, 2 ** 50, 0], 0, 0) }));
    expect(tensors.get('a')!.data).toHaveLength(0);
  });
  it('cut anywhere is a FormatError', () => {
    for (let end = 0; end < bytes.length; end++)
      expect(() => readSafetensors(bytes.subarray(0, end))).toThrow(FormatError);
  });
  it('with any header length is a FormatError', () => {
    const lying = bytes.slice();
    const true_ = new DataView(bytes.buffer).getUint32(0, true);
    for (const n of [
      0,
      1,
      7,
      true_ - 1,
      true_ + 1,
      bytes.length,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 53,
      Number(2n ** 63n),
    ]) {
      new DataView(lying.buffer).setBigUint64(0, BigInt(n), true);
      expect(() => readSafetensors(lying), String(n)).toThrow(FormatError);
    }
  });
  it('mutated at random reads, or is a FormatError: nothing else', () => {
    const mutation = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 8 }), (mutations) => {
        const mutated = bytes.slice();
        for (const [at, value] of mutations) mutated[at] = value;
        try {
          readSafetensors(mutated);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 5000, seed: 3 },
    );
  });
  it('of random bytes is a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (random, framed) => {
        const input = framed ? file(new TextDecoder('latin1').decode(random)) : random;
        const isEmpty = new TextDecoder().decode(input.subarray(8)).replace(/\s/g, '') === '{}';
        if (!isEmpty) expect(() => readSafetensors(input)).toThrow(FormatError);
      }),
      { numRuns: 2000, seed: 4 },
    );
  });
});
