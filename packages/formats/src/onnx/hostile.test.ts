import { createCpuBackend } from '@graftjs/backend-cpu';
import { GraftError, Random, scope, setDefaultBackend, sizeOf, tensor } from '@graftjs/core';
import { encodeModel, tensorOf, type OnnxTensor } from '@graftjs/onnx-graph';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { file, floats, input, ints, model, n } from '../../test/onnx-model.ts';
import { UnsupportedOpsError } from '../errors.ts';
import { GraphModule } from '../graph/module.ts';
import { importOnnx } from './import.ts';
import { readOnnx } from './read.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

/** Imports and runs it; everything that goes wrong must be a GraftError. */
async function survive(bytes: Uint8Array): Promise<'ran' | 'refused'> {
  try {
    const { model: module, inputs } = await importOnnx(bytes);
    const extents = inputs.map((i) => (i.shape ?? [1]).map((d) => (typeof d === 'number' ? d : 2)));
    if (extents.some((shape) => sizeOf(shape) > 1e5)) return 'refused';
    scope(() => {
      const xs = extents.map((shape, i) => {
        const int = /int/.test(inputs[i]!.element ?? '');
        return tensor(new Float32Array(sizeOf(shape)).fill(1), shape, { dtype: int ? 'int32' : 'float32' });
      });
      if (module instanceof GraphModule) module.eval().run(new Map(inputs.map((i, k) => [i.name, xs[k]!])));
      else module.eval().forward(xs[0]!);
    });
    return 'ran';
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    expect(error.message).not.toBe('');
    return 'refused';
  }
}

const trillion = [1_000_000, 1_000_000];
const conv = (attributes: Parameters<typeof n>[3], x = [1, 1, 4, 4], w = [1, 1, 3, 3]): Uint8Array =>
  file([n('Conv', ['x', 'w'], ['y'], attributes)], [floats('w', w)], { inputs: [input('x', x)] });

describe('a hostile graph', () => {
  const cases: [string, () => Uint8Array, RegExp][] = [
    ['a cycle', () => file([n('Add', ['x', 'b'], ['a']), n('Relu', ['a'], ['b'])]), /cycle/],
    ['a node that feeds itself', () => file([n('Add', ['x', 'y'], ['y'])]), /cycle/],
    ['a missing initializer', () => file([n('Conv', ['x', 'w'], ['y'])]), /'w', which nothing gives/],
    ['an input left out', () => file([n('Conv', ['x'], ['y'])]), /input 1 is left out/],
    ['a value given twice', () => file([n('Relu', ['x'], ['y']), n('Relu', ['x'], ['y'])]), /given twice/],
    ['a value that is an input, too', () => file([n('Relu', ['x'], ['x'])]), /given twice/],
    [
      'two tensors of one name',
      () => file([n('Add', ['x', 'w'], ['y'])], [floats('w', [1]), floats('w', [2])]),
      /stored twice/,
    ],
    [
      'two inputs of one name',
      () => file([n('Relu', ['x'], ['y'])], [], { inputs: [input('x'), input('x')] }),
      /two inputs/,
    ],
    ['no outputs', () => file([n('Relu', ['x'], ['y'])], [], { outputs: [] }), /no outputs/],
    [
      'an output that nobody gives',
      () => file([n('Relu', ['x'], ['y'])], [], { outputs: [input('z')] }),
      /unknown value 'z'/,
    ],
    [
      'no input',
      () => file([n('Relu', ['w'], ['y'])], [floats('w', [2])], { inputs: [] }),
      /do not depend on any input/,
    ],
    ['nothing at all', () => encodeModel(model([], [], { outputs: [] })), /no outputs/],
    ['weights with two axes', () => conv({}, [1, 1, 4, 4], [3, 3]), /0 spatial axes/],
    ['weights with seven axes', () => conv({}, [1, 1, 4, 4], [1, 1, 1, 1, 1, 1, 1]), /5 spatial axes/],
    ['strides for another rank', () => conv({ strides: [1] }), /strides \[1\] for 2 spatial axes/],
    ['negative padding', () => conv({ pads: [-1, 0, 0, 0] }), /pads/],
    ['more padding than memory', () => conv({ pads: [2 ** 40, 0, 0, 0] }), /pads/],
    ['an attribute of another type', () => conv({ strides: 'two' }), /attribute 'strides' is a string/],
    ['an opset of the future', () => file([n('Relu', ['x'], ['y'])], [], { opset: 99 }), /version 99/],
    [
      'a custom domain',
      () => file([{ ...n('Relu', ['x'], ['y']), domain: 'com.example' }]),
      /com\.example\.Relu/,
    ],
    [
      'a shape from data',
      () => file([n('Cast', ['x'], ['s'], { to: 7 }), n('Reshape', ['x', 's'], ['y'])]),
      /depends on data/,
    ],
    [
      'a fill of 10^12 elements',
      () => file([n('ConstantOfShape', ['s'], ['f']), n('Add', ['x', 'f'], ['y'])], [ints('s', trillion)]),
      /larger than/,
    ],
    [
      'an expansion to 10^12',
      () =>
        file(
          [n('Expand', ['w', 's'], ['f']), n('Add', ['x', 'f'], ['y'])],
          [floats('w', [1]), ints('s', trillion)],
        ),
      /larger than/,
    ],
    [
      'a range of 10^12',
      () =>
        file(
          [n('Range', ['a', 'b', 'c'], ['r']), n('Gather', ['x', 'r'], ['y'])],
          [ints('a', [0], []), ints('b', [1e12], []), ints('c', [1], [])],
        ),
      /larger than/,
    ],
    [
      'a negative extent',
      () => file([n('ConstantOfShape', ['s'], ['f']), n('Add', ['x', 'f'], ['y'])], [ints('s', [-5])]),
      /not a shape/,
    ],
    [
      'a permutation that is none',
      () =>
        file(
          [n('Transpose', ['w'], ['f'], { perm: [0, 0] }), n('Add', ['x', 'f'], ['y'])],
          [floats('w', [2, 2])],
        ),
      /not a permutation/,
    ],
    [
      'a reshape that loses elements',
      () =>
        file(
          [n('Reshape', ['w', 's'], ['f']), n('Add', ['x', 'f'], ['y'])],
          [floats('w', [6]), ints('s', [4, -1])],
        ),
      /does not reshape/,
    ],
    [
      'an index outside',
      () =>
        file(
          [n('Gather', ['w', 'i'], ['f']), n('Add', ['x', 'f'], ['y'])],
          [floats('w', [3]), ints('i', [7])],
        ),
      /index 7/,
    ],
    [
      'shapes that do not broadcast',
      () =>
        file(
          [n('Mul', ['w', 'v'], ['f']), n('Add', ['x', 'f'], ['y'])],
          [floats('w', [3]), floats('v', [2])],
        ),
      /do not broadcast/,
    ],
    [
      'a second output that is not given',
      () =>
        file([
          n('AveragePool', ['x'], ['p', 'indices'], { kernel_shape: [2, 2] }),
          n('Relu', ['indices'], ['y']),
        ]),
      /indices|AveragePool/,
    ],
    [
      'strings as weights',
      () =>
        file(
          [n('Add', ['x', 'w'], ['y'])],
          [{ ...tensorOf('w', 'uint8', [0], []), element: 'string', dims: [1], strings: ['a'] }],
        ),
      /string/,
    ],
  ];
  it.each(cases)('with %s', async (_, make, message) => {
    await expect(importOnnx(make())).rejects.toThrow(message);
    await expect(importOnnx(make())).rejects.toThrow(GraftError);
  });

  const running: [string, () => Uint8Array][] = [
    ['padding that makes 10^10 elements', () => conv({ pads: [60000, 60000, 60000, 60000] })],
    [
      'operands that broadcast to 10^10',
      () =>
        file([n('Add', ['x', 'w'], ['y'])], [floats('w', [100_000, 1])], {
          inputs: [input('x', [1, 100_000])],
        }),
    ],
    [
      'an outer product of 10^10',
      () =>
        file([n('MatMul', ['x', 'w'], ['y'])], [floats('w', [1, 100_000])], {
          inputs: [input('x', [100_000, 1])],
        }),
    ],
    [
      'an expansion of the input',
      () =>
        file([n('Expand', ['x', 's'], ['y'])], [ints('s', [1_000_000, 1_000_000])], {
          inputs: [input('x', [1, 1])],
        }),
    ],
    [
      'padding of any axis',
      () =>
        file([n('Pad', ['x', 'p'], ['y'])], [ints('p', [1e6, 1e6, 1e6, 1e6])], {
          inputs: [input('x', [1, 1])],
        }),
    ],
    [
      'eight of one, twenty times over',
      () =>
        file(
          Array.from({ length: 20 }, (__, i) =>
            n('Concat', new Array<string>(8).fill(i ? `v${i}` : 'x'), [`v${i + 1}`], { axis: 0 }),
          ),
          [],
          { inputs: [input('x', [1000])] },
        ),
    ],
    [
      'a resize to 10^9 beside an empty axis',
      () =>
        file([n('Resize', ['x', '', '', 's'], ['y'], { mode: 'linear' })], [ints('s', [0, 1, 1, 1e9])], {
          inputs: [input('x', [1, 1, 4, 4])],
        }),
    ],
    ['a stride of 0', () => conv({ strides: [0, 0] })],
    ['channels that do not fit', () => conv({}, [1, 3, 4, 4])],
    ['a window larger than the picture', () => conv({}, [1, 1, 2, 2])],
    // An axis far outside would become an array of 2³¹ ones.
    ['a hardmax over an axis that is not', () => file([n('Hardmax', ['x'], ['y'], { axis: -(2 ** 31) })])],
    ['a gather from one', () => file([n('Gather', ['x', 'i'], ['y'], { axis: 2 ** 30 })], [ints('i', [0])])],
    [
      'a one-hot along one',
      () =>
        file(
          [n('OneHot', ['i', 'd', 'v'], ['y'], { axis: -(2 ** 31) })],
          [ints('i', [0]), ints('d', [2]), floats('v', [0, 1])],
        ),
    ],
  ];
  it.each(running)('when it runs: %s', async (_, make) => {
    expect(await survive(make())).toBe('refused');
  });

  it('as deep as a file can be does not overflow the stack', async () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => n('Relu', [i ? `v${i}` : 'x'], [`v${i + 1}`]));
    const { graph } = await readOnnx(file(chain));
    expect(graph.nodes).toHaveLength(20_000);
    // And backwards, where the search has to go down all the way.
    await expect(
      readOnnx(file([...chain].reverse(), [], { outputs: [input('v20000')] })),
    ).resolves.toBeDefined();
  });

  it('whose constants would multiply is stopped', async () => {
    const nodes = Array.from({ length: 100 }, (_, i) => n('Expand', ['w', 's'], [`e${i}`]));
    const sum = n('Sum', ['x', ...nodes.map((node) => node.outputs[0]!)], ['y']);
    await expect(
      readOnnx(file([...nodes, sum], [floats('w', [1]), ints('s', [2000, 2000])])),
    ).rejects.toThrow(/more memory/);
  });

  it('with many unsupported operations lists them once each', async () => {
    const nodes = Array.from({ length: 50 }, (_, i) =>
      n(i % 2 ? 'If' : 'NonZero', [i ? `v${i}` : 'x'], [`v${i + 1}`], {}, `node${i}`),
    );
    const error = await readOnnx(file(nodes)).catch((e: unknown) => e as UnsupportedOpsError);
    expect(error).toBeInstanceOf(UnsupportedOpsError);
    expect((error as UnsupportedOpsError).ops).toEqual([
      { op: 'NonZero', count: 25, example: 'node0' },
      { op: 'If', count: 25, example: 'node1' },
    ]);
  });
});

describe('weights in other files', () => {
  const external = (location: string, offset = 0, length: number | null = null): OnnxTensor => ({
    ...floats('w', [2], [3, 4]),
    bytes: null,
    external: { location, offset, length },
  });
  const using = (t: OnnxTensor): Uint8Array => file([n('Add', ['x', 'w'], ['y'])], [t]);
  const weights = new Uint8Array(Float32Array.of(9, 3, 4).buffer);

  it('are read through the callback, once for each file', async () => {
    const read = vi.fn(() => weights);
    const { weights: got } = await readOnnx(
      file(
        [n('Add', ['x', 'w'], ['a']), n('Mul', ['a', 'v'], ['y'])],
        [external('parts/w.bin', 4), { ...external('parts/w.bin', 0, 8), name: 'v' }],
      ),
      { readExternal: read },
    );
    expect([...got.values()].map((v) => [...v.data])).toEqual([
      [3, 4],
      [9, 3],
    ]);
    expect(read.mock.calls).toEqual([['parts/w.bin']]);
  });

  it.each([
    '/etc/passwd',
    '../w.bin',
    'a/../../w.bin',
    '..\\w.bin',
    'C:\\w.bin',
    '\\\\host\\w',
    'file:///w',
    'http://host/w',
    'a//b',
    'a/../b',
    '\0',
    '/',
  ])('outside the folder are refused before anything is read: %j', async (location) => {
    const read = vi.fn(() => weights);
    await expect(readOnnx(using(external(location)), { readExternal: read })).rejects.toThrow(
      /outside the model's folder|does not say in which/,
    );
    expect(read).not.toHaveBeenCalled();
  });

  it('that are too short, or of another length, are refused', async () => {
    const reading = (t: OnnxTensor): Promise<unknown> => readOnnx(using(t), { readExternal: () => weights });
    await expect(reading(external('w', 8))).rejects.toThrow(/needs 8 bytes from byte 8 of 'w'/);
    await expect(reading(external('w', 0, 12))).rejects.toThrow(/says 12/);
    await expect(reading(external('w', Number.MAX_SAFE_INTEGER - 1))).rejects.toThrow(GraftError);
    await expect(readOnnx(using(external('w')))).rejects.toThrow(/readExternal/);
  });
});

describe('mutated files', () => {
  const data = '/usr/share/libonnx-testdata/data';
  /** Networks and single layers from ONNX's own tests, where they are installed; else those made here. */
  function samples(): Uint8Array[] {
    const own = [
      conv({ pads: [1, 1, 1, 1], strides: [2, 2] }),
      file(
        [
          n('Shape', ['x'], ['s']),
          n('Gather', ['s', 'zero'], ['b'], { axis: 0 }),
          n('Unsqueeze', ['b', 'zeros'], ['b1']),
          n('Concat', ['b1', 'rest'], ['t'], { axis: 0 }),
          n('Reshape', ['x', 't'], ['f']),
          n('Gemm', ['f', 'fc.weight', 'fc.bias'], ['l'], { transB: 1 }),
          n('Softmax', ['l'], ['y'], { axis: -1 }),
        ],
        [
          ints('zero', [0], []),
          ints('zeros', [0]),
          ints('rest', [-1]),
          floats('fc.weight', [3, 8]),
          floats('fc.bias', [3]),
        ],
        { inputs: [input('x', ['n', 2, 2, 2])] },
      ),
    ];
    if (!existsSync(data)) return own;
    const files = ['pytorch-converted', 'pytorch-operator'].flatMap((kind) =>
      readdirSync(join(data, kind)).map((name) => join(data, kind, name, 'model.onnx')),
    );
    return [
      ...own,
      ...files
        .filter((f) => existsSync(f) && statSync(f).size < 20_000)
        .map((f) => new Uint8Array(readFileSync(f))),
    ];
  }

  it('are networks, or end in an error that says what is wrong', async () => {
    const originals = samples();
    const random = new Random(20, 'mutations');
    const below = (limit: number): number => Math.floor(random.uniform() * limit);
    const ends = { ran: 0, refused: 0 };
    for (let i = 0; i < 1000; i++) {
      const original = originals[i % originals.length]!;
      let bytes = original.slice();
      for (let k = 0; k <= below(4); k++) {
        const at = below(bytes.length);
        switch (below(4)) {
          case 0:
            bytes[at] = below(256);
            break;
          case 1:
            bytes[at]! ^= 1 << below(8);
            break;
          case 2:
            bytes = bytes.slice(0, at + 1);
            break;
          default: // a piece moves
            bytes.copyWithin(at, below(bytes.length), below(bytes.length));
        }
      }
      ends[await survive(bytes)]++;
    }
    expect(ends.ran).toBeGreaterThan(50);
    expect(ends.refused).toBeGreaterThan(50);
  });
});
