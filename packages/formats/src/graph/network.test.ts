import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, stagesOf, tensor, transfer, type Module, type Tensor } from '@graftjs/core';
import type { OnnxNode, OnnxTensor } from '@graftjs/onnx-graph';
import { beforeAll, describe, expect, it } from 'vitest';
import { file, floats, input, ints, n } from '../../test/onnx-model.ts';
import { importOnnx } from '../onnx/import.ts';
import { hostArray } from './host-array.ts';
import { graphFromJSON, graphToJSON } from './json.ts';
import { GraphModule } from './module.ts';
import { graphOps } from './operations.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const wave = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7)),
    shape,
  );
const names = (model: Module): string[] => stagesOf(model).map((s) => s.name);

/** `ceil(d / 2) · 2 + 1 − d`, halved and the rest, in front of a convolution of stride 2: TensorFlow's SAME as timm writes it. */
function same(from: string, to: string, path: string, inC: number, outC: number): [OnnxNode[], OnnxTensor[]] {
  const p = (s: string): string => `${to}_${s}`;
  return [
    [
      n('Shape', [from], [p('s')]),
      n('Slice', [p('s'), 'two', 'four'], [p('hw')]),
      n('Cast', [p('hw')], [p('f')], { to: 1 }),
      n('Div', [p('f'), 'half_'], [p('d')]),
      n('Ceil', [p('d')], [p('c')]),
      n('Cast', [p('c')], [p('i')], { to: 7 }),
      n('Sub', [p('i'), 'one'], [p('i1')]),
      n('Mul', [p('i1'), 'two'], [p('i2')]),
      n('Add', [p('i2'), 'three'], [p('i3')]),
      n('Sub', [p('i3'), p('hw')], [p('total')]),
      n('Max', [p('total'), 'zero'], [p('t0')]),
      n('Div', [p('t0'), 'two'], [p('lo')]),
      n('Sub', [p('t0'), p('lo')], [p('hi')]),
      n('Concat', ['zeros', p('lo'), 'zeros', p('hi')], [p('pads')], { axis: 0 }),
      n('Pad', [from, p('pads')], [p('x')]),
      n('Conv', [p('x'), `${path}.weight`], [p('y')], { strides: [2, 2] }, `/${path}/Conv`),
      n('Relu', [p('y')], [to]),
    ],
    [floats(`${path}.weight`, [outC, inC, 3, 3])],
  ];
}
const SHAPES = [
  ints('zero', [0]),
  ints('one', [1]),
  ints('two', [2]),
  ints('three', [3]),
  ints('four', [4]),
  ints('zeros', [0, 0]),
  floats('half_', [1], [2]),
];

describe('shape arithmetic on fixed extents', () => {
  const [a, wa] = same('x', 'a', 'stem', 3, 4);
  const [b, wb] = same('a', 'b', 'body', 4, 4);
  const network = (shape: (number | string)[]): Uint8Array =>
    file([...a, ...b], [...SHAPES, ...wa, ...wb], { inputs: [input('x', shape)], opset: 13 });

  it("pads as SAME does, whatever the picture's size", async () => {
    const [c, wc] = same('x', 'y', 'stem', 3, 4);
    const pads = (size: number): number[] => (size % 2 ? [1, 1, 1, 1] : [0, 0, 1, 1]);
    for (const size of [7, 8]) {
      const computed = await importOnnx(
        file(c, [...SHAPES, ...wc], { inputs: [input('x', ['N', 3, 'H', 'W'])], opset: 13 }),
      );
      const said = await importOnnx(
        file(
          [
            n('Conv', ['x', 'stem.weight'], ['c'], { strides: [2, 2], pads: pads(size) }),
            n('Relu', ['c'], ['y']),
          ],
          wc,
        ),
      );
      const x = wave(2, 3, size, size);
      expect(computed.model.forward(x).dataSync()).toEqual(said.model.forward(x).dataSync());
    }
  });

  it('leaves a stage for each layer', async () => {
    for (const { model } of [
      await importOnnx(network([1, 3, 9, 9])),
      await importOnnx(network(['N', 3, 'H', 'W']), { sampleShape: [3, 9, 9] }),
      await importOnnx(network(['N', 3, 'H', 'W'])),
    ]) {
      expect(names(model)).toEqual(['stem', 'body']);
      expect(model.forward(wave(5, 3, 9, 9)).shape).toEqual([5, 4, 3, 3]);
    }
  });

  it('stays computed where it does not stand in the way of a cut', async () => {
    const [c, wc] = same('x', 'y', 'stem', 3, 4);
    const { model } = await importOnnx(
      file(c, [...SHAPES, ...wc], { inputs: [input('x', [1, 3, 9, 9])], opset: 13 }),
    );
    expect(model.forward(wave(1, 3, 8, 8)).shape).toEqual([1, 4, 4, 4]);
  });

  it("of the input, at the end: a segmentation's last resize", async () => {
    const bytes = file(
      [
        n('Shape', ['x'], ['s']),
        n('Slice', ['s', 'two', 'four'], ['hw']),
        n('Conv', ['x', 'a.weight'], ['a'], { strides: [2, 2] }, '/a/Conv'),
        n('Conv', ['a', 'b.weight'], ['b'], {}, '/b/Conv'),
        n('Shape', ['b'], ['sb']),
        n('Slice', ['sb', 'zero', 'two'], ['nc']),
        n('Concat', ['nc', 'hw'], ['size'], { axis: 0 }),
        n('Resize', ['b', '', '', 'size'], ['y'], { mode: 'linear' }),
      ],
      [...SHAPES, floats('a.weight', [4, 3, 3, 3]), floats('b.weight', [2, 4, 1, 1])],
      { inputs: [input('x', ['N', 3, 9, 9])], opset: 13 },
    );
    const { model, outputShapes } = await importOnnx(bytes);
    expect(names(model)).toEqual(['a', 'b']);
    expect(outputShapes).toEqual([[2, 9, 9]]);
    expect(model.forward(wave(3, 3, 9, 9)).shape).toEqual([3, 2, 9, 9]);
    // What was computed from the size is right for that alone, after a way through JSON too.
    const first = stagesOf(model)[0]!.module as GraphModule;
    const again = new GraphModule(graphFromJSON(graphToJSON(first.graph)));
    for (const m of [model, first, again])
      expect(() => m.forward(wave(1, 3, 8, 8))).toThrow(/samples of \[3, 9, 9\], not of \[3, 8, 8\]/);
    const other = await importOnnx(bytes, { sampleShape: [3, 8, 8] });
    expect(other.model.forward(wave(1, 3, 8, 8)).shape).toEqual([1, 2, 8, 8]);
  });

  it("takes the batch from nearby, and where a file's 1 stands for it, from the data", async () => {
    const layers = [
      n('Conv', ['x', 'a.weight'], ['a'], {}, '/a/Conv'),
      n('Conv', ['a', 'b.weight'], ['b'], {}, '/b/Conv'),
    ];
    const weights = [...SHAPES, floats('a.weight', [4, 3, 3, 3]), floats('b.weight', [2, 4, 3, 3])];
    const far = [
      n('Shape', ['x'], ['s']),
      n('Gather', ['s', 'zero'], ['batch']),
      ...layers,
      n('Concat', ['batch', 'minus'], ['to'], { axis: 0 }),
      n('Reshape', ['b', 'to'], ['y']),
    ];
    const one = (target: number[]): Uint8Array =>
      file([...layers, n('Reshape', ['b', 'to'], ['y'])], [...weights, ints('to', target)], {
        inputs: [input('x', [1, 3, 5, 5])],
      });
    for (const bytes of [
      file(far, [...weights, ints('minus', [-1])], { inputs: [input('x', ['N', 3, 5, 5])] }),
      one([1, -1]),
      one([1, 2]),
      one([-1, 2]),
    ]) {
      const { model } = await importOnnx(bytes);
      expect(names(model)).toEqual(['a', 'b']);
      expect(model.forward(wave(3, 3, 5, 5)).shape).toEqual([3, 2]);
    }
  });
});

describe('whole numbers on the host', () => {
  const int = (...values: number[]): ReturnType<typeof hostArray> =>
    hostArray('int32', [values.length], values);
  const run = (op: string, attrs: object, ...inputs: ReturnType<typeof hostArray>[]): number[] =>
    Array.from(graphOps[op]!.host!(inputs, attrs as never).values);
  const a = int(7, -7, 7, -7, 6, -6);
  const b = int(3, 3, -3, -3, 3, 3);

  it('divide towards zero, and leave what C and Python leave', () => {
    expect(run('div', {}, a, b)).toEqual([2, -2, -2, 2, 2, -2]);
    expect(run('integerRemainder', {}, a, b)).toEqual([1, -1, 1, -1, 0, 0]);
    expect(run('integerModulo', {}, a, b)).toEqual([1, 2, -2, -1, 0, 0]);
    expect(() => run('integerModulo', {}, a, int(0))).toThrow('divided by 0');
  });
  it('beyond 2³¹ are exact, and the end of a slice may be the largest there is', () => {
    expect(run('mul', {}, int(2 ** 40), int(2 ** 12 - 1))).toEqual([2 ** 40 * (2 ** 12 - 1)]);
    expect(run('slice', { axes: [0], starts: [-2], ends: [2 ** 63] }, a)).toEqual([6, -6]);
    expect(run('slice', { axes: [0], starts: [-1], ends: [-(2 ** 63)], steps: [-4] }, a)).toEqual([-6, -7]);
  });
  it('wrap, repeat, round half to even', () => {
    expect(run('wrap', { bits: 8, signed: true }, int(128, -129, 300))).toEqual([-128, 127, 44]);
    expect(run('wrap', { bits: 8, signed: false }, int(256, -1))).toEqual([0, 255]);
    const matrix = hostArray('int32', [2, 2], [1, 2, 3, 4]);
    expect(run('tile', {}, matrix, int(1, 2))).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
    expect(run('round', {}, hostArray('float32', [4], [0.5, 1.5, -0.5, -1.5]))).toEqual([0, 2, 0, -2]);
  });
});

describe('a network with several outputs', () => {
  const bytes = file(
    [
      n('Conv', ['x', 'a.weight'], ['a'], {}, '/a/Conv'),
      n('Conv', ['a', 'b.weight'], ['b'], {}, '/b/Conv'),
      n('GlobalAveragePool', ['b'], ['pooled']),
      n('Flatten', ['pooled'], ['flat']),
      n('Gemm', ['flat', 'age.weight'], ['age'], { transB: 1 }, '/age/Gemm'),
      n('Gemm', ['flat', 'kind.weight'], ['kind_logits'], { transB: 1 }, '/kind/Gemm'),
      n('Softmax', ['kind_logits'], ['kind']),
    ],
    [
      floats('a.weight', [4, 3, 3, 3]),
      floats('b.weight', [6, 4, 1, 1]),
      floats('age.weight', [1, 6]),
      floats('kind.weight', [3, 6]),
    ],
    { inputs: [input('x', ['N', 3, 8, 8])], outputs: [input('age'), input('kind')] },
  );

  it('is one module, and says what its outputs are', async () => {
    const { model, outputs, outputShapes, trunk } = await importOnnx(bytes);
    expect(outputs).toEqual(['age', 'kind']);
    expect(outputShapes).toEqual([[1], [3]]);
    expect(trunk).toBeNull();
    expect((model as GraphModule).run(new Map([['x', wave(2, 3, 8, 8)]])).size).toBe(2);
    expect(() => model.forward(wave(2, 3, 8, 8))).toThrow('1 inputs and 2 outputs');
  });

  it('has a trunk that can be built on, in front of the pooling', async () => {
    const { model, outputs, trunk } = await importOnnx(bytes, { trunk: true });
    // Its last layer has a kernel of one element, and is no head all the same.
    expect(stagesOf(model).map((x) => [x.name, x.module.isHead])).toEqual([
      ['a', false],
      ['b', false],
    ]);
    expect([outputs, trunk]).toEqual([['age', 'kind'], 'b']);
    const built = transfer(model, { classes: 2, sampleShape: [3, 8, 8] });
    expect(built.forward(wave(2, 3, 8, 8)).shape).toEqual([2, 2]);
  });

  it('is a chain to the output that was asked for, with its head', async () => {
    const { model, trunk, withoutSoftmax } = await importOnnx(bytes, {
      outputs: ['kind'],
      trunk: true,
      logits: true,
    });
    expect(stagesOf(model).map((s) => [s.name, s.module.isHead])).toEqual([
      ['a', false],
      ['b', false],
      ['kind', true],
    ]);
    expect([trunk, withoutSoftmax]).toEqual([null, true]);
  });

  it('has none where the outputs part before any layer', async () => {
    const apart = file(
      [n('Conv', ['x', 'a.weight'], ['a']), n('Conv', ['x', 'b.weight'], ['b'])],
      [floats('a.weight', [4, 3, 3, 3]), floats('b.weight', [6, 3, 3, 3])],
      { inputs: [input('x', ['N', 3, 8, 8])], outputs: [input('a'), input('b')] },
    );
    const { model, trunk } = await importOnnx(apart, { trunk: true });
    expect(trunk).toBeNull();
    expect(model).toBeInstanceOf(GraphModule);
  });
});

describe('stages', () => {
  /** Residual blocks of two convolutions, and one convolution in front. */
  const network = (name: (i: number) => string, weight: (i: number) => string): Uint8Array => {
    const conv = (from: string, to: string, i: number): OnnxNode =>
      n('Conv', [from, weight(i)], [to], { pads: [1, 1, 1, 1] }, name(i));
    return file(
      [
        conv('x', 'v0', 0),
        ...[1, 2, 3].flatMap((k) => [
          conv(`v${k - 1}`, `c${k}`, 2 * k - 1),
          n('Relu', [`c${k}`], [`r${k}`]),
          conv(`r${k}`, `d${k}`, 2 * k),
          n('Add', [`d${k}`, `v${k - 1}`], [`v${k}`]),
        ]),
      ],
      Array.from({ length: 7 }, (_, i) =>
        floats(
          weight(i),
          [3, 3, 3, 3],
          wave(3, 3, 3, 3 + i)
            .dataSync()
            .slice(0, 81),
        ),
      ),
    );
  };
  it.each([
    ["PaddlePaddle's", (i: number) => `p2o.Conv.${i}`, (i: number) => `conv2d_${i}.w_0`],
    ['numbers', (i: number) => `${i + 100}`, (i: number) => `${i}`],
    ['none', () => '', (i: number) => `onnx::Conv_${i}`],
    [
      "TensorFlow's",
      (i: number) => `StatefulPartitionedCall/net/conv2d_${i}/Conv2D`,
      (i: number) => `const_fold_opt__${i}`,
    ],
    ['all alike', () => 'Conv', (i: number) => `W${i}`],
    ['odd', (i: number) => `a:b//${i}::/c d/é`, (i: number) => `é ${i}`],
  ])('are at every cut under the names that %s', async (_, name, weight) => {
    const { model } = await importOnnx(network(name, weight));
    expect(new Set(names(model)).size).toBe(4);
    const x = wave(1, 3, 4, 4);
    const whole = await importOnnx(
      network(
        (i) => `l.${i}`,
        (i) => `l.${i}.weight`,
      ),
    );
    expect(model.forward(x).dataSync()).toEqual(whole.model.forward(x).dataSync());
  });
});
