import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, tensor, type Tensor } from '@graftjs/core';
import { tensorOf, type OnnxTensor } from '@graftjs/onnx-graph';
import { beforeAll, describe, expect, it } from 'vitest';
import { file, floats, input, ints, model, n } from '../../test/onnx-model.ts';
import { GraphModule } from '../graph/module.ts';
import { graphOfModel, readOnnx } from './read.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const run = (m: ReturnType<typeof model>, x: Tensor): Tensor => {
  const { graph, weights } = graphOfModel(m);
  return new GraphModule(graph, weights).eval().forward(x);
};
const ramp = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    shape,
  );

describe('what a model gives', () => {
  it('may be constants, which stay whatever becomes of them', () => {
    const nodes = [n('Relu', ['x'], ['y']), n('Neg', ['w'], ['z']), n('Shape', ['w'], ['s'])];
    const outputs = ['y', 'z', 's'].map((name) => input(name));
    const { graph, weights } = graphOfModel(model(nodes, [floats('w', [2], [1, 2])], { outputs }));
    const m = new GraphModule(graph, weights);
    for (let time = 0; time < 2; time++) {
      const given = [...m.run(new Map([['x', ramp(2)]])).values()];
      expect(given.map((t) => [...t.dataSync()])).toEqual([[0, 1], [-1, -2], [2]]);
      expect(given.map((t) => t.dtype)).toEqual(['float32', 'float32', 'int32']);
      for (const t of given) t.dispose();
    }
  });
  it('may depend on values of inputs that are known', () => {
    const nodes = [n('ReduceSum', ['x', 'axes'], ['y'], { keepdims: 0 })];
    const inputs = [input('x', [2, 3]), { ...input('axes', [1]), element: 'int64' as const }];
    const m = model(nodes, [], { inputs });
    expect(() => graphOfModel(m)).toThrow(/input 1 must be a constant/);
    const { graph, weights } = graphOfModel(m, { known: new Map([['axes', ints('axes', [1])]]) });
    const x = new Map([
      ['x', ramp(2, 3)],
      ['axes', tensor(Int32Array.of(1))],
    ]);
    expect([...new GraphModule(graph, weights).run(x).get('y')!.dataSync()]).toEqual([3, 12]);
  });
});

describe('a small network', () => {
  const network = model(
    [
      n(
        'Conv',
        ['x', 'features.0.weight', 'features.0.bias'],
        ['c'],
        { pads: [1, 1, 1, 1] },
        '/features/features.0/Conv',
      ),
      n('Relu', ['c'], ['r'], {}, '/features/features.1/Relu'),
      n('GlobalAveragePool', ['r'], ['p']),
      n('Shape', ['p'], ['s']),
      n('Gather', ['s', 'zero'], ['batch'], { axis: 0 }),
      n('Unsqueeze', ['batch', 'first'], ['b1']),
      n('Concat', ['b1', 'rest'], ['shape'], { axis: 0 }),
      n('Reshape', ['p', 'shape'], ['f']),
      n('MatMul', ['f', 'onnx::MatMul_20'], ['m'], {}, '/classifier/MatMul'),
      n('Add', ['classifier.bias', 'm'], ['logits'], {}, '/classifier/Add'),
    ],
    [
      floats('features.0.weight', [4, 3, 3, 3]),
      floats('features.0.bias', [4]),
      ints('zero', [0], []),
      ints('first', [0]),
      ints('rest', [-1]),
      floats('onnx::MatMul_20', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
      floats('classifier.bias', [2]),
    ],
    { inputs: [input('x', ['batch', 3, 8, 8])], metadata: new Map([['classes', '["a","b"]']]) },
  );

  it('has its weights under their names, and is a Module', () => {
    const { graph, weights, inputs, outputs, metadata } = graphOfModel(network);
    expect(Object.entries(graph.tensors)).toEqual([
      ['features.0.weight', { shape: [4, 3, 3, 3], trainable: true }],
      ['features.0.bias', { shape: [4], trainable: true }],
      ['classifier.weight', { shape: [2, 4], trainable: true }],
      ['classifier.bias', { shape: [2], trainable: true }],
    ]);
    expect([...weights.get('classifier.weight')!.data]).toEqual([1, 3, 5, 7, 2, 4, 6, 8]);
    expect(graph.nodes.at(-1)).toMatchObject({ op: 'linear' });
    expect(inputs).toEqual([{ name: 'x', element: 'float32', shape: ['batch', 3, 8, 8] }]);
    expect(outputs).toEqual(['logits']);
    expect(metadata.get('classes')).toBe('["a","b"]');
  });

  it('takes any batch, although its file computes shapes', () => {
    expect(run(network, ramp(1, 3, 8, 8)).shape).toEqual([1, 2]);
    expect(run(network, ramp(5, 3, 4, 4)).shape).toEqual([5, 2]);
  });
});

describe('constants', () => {
  it('are folded: float16 through Cast, a quantised weight, a transposed one', () => {
    const half = {
      ...tensorOf('h', 'uint8', [4], [0, 0x3c, 0, 0x40]),
      element: 'float16' as const,
      dims: [1, 2],
    };
    const m = model(
      [
        n('Cast', ['h'], ['w1'], { to: 1 }),
        n('Transpose', ['w1'], ['w2'], { perm: [1, 0] }),
        n('MatMul', ['x', 'w2'], ['y']),
      ],
      [half],
    );
    const { graph, weights } = graphOfModel(m);
    expect(graph.nodes.map((node) => node.op)).toEqual(['linear']);
    expect([...weights.values()].map((w) => [...w.data])).toEqual([[1, 2]]);
    expect(run(m, tensor([[1, 10]])).dataSync()).toEqual(Float32Array.of(21));
  });

  it('of eight bits become weights through DequantizeLinear, with one scale or one for each channel', () => {
    const bytes = (
      name: string,
      element: 'uint8' | 'int8',
      dims: number[],
      values: number[],
    ): OnnxTensor => ({
      ...tensorOf(
        name,
        'uint8',
        dims,
        values.map((v) => v & 0xff),
      ),
      element,
    });
    const m = model(
      [
        n('DequantizeLinear', ['conv.weight_q', 'scales', 'zeros'], ['conv.weight'], { axis: 0 }),
        n('Conv', ['x', 'conv.weight'], ['c'], {}, '/conv/Conv'),
        n('Flatten', ['c'], ['f']),
        n('DequantizeLinear', ['fc_q', 'scale', 'zero'], ['fc']),
        n('MatMul', ['f', 'fc'], ['y'], {}, '/fc/MatMul'),
      ],
      [
        bytes('conv.weight_q', 'int8', [2, 1, 1, 2], [-128, 127, 1, -1]),
        floats('scales', [2], [0.5, 2]),
        bytes('zeros', 'int8', [2], [0, 1]),
        bytes('fc_q', 'uint8', [2, 1], [0, 255]),
        floats('scale', [], [0.25]),
        bytes('zero', 'uint8', [], [128]),
      ],
    );
    const { graph, weights } = graphOfModel(m);
    expect(graph.nodes.map((node) => node.op)).toEqual(['conv', 'flatten', 'linear']);
    expect([...weights].map(([name, w]) => [name, w.shape, [...w.data]])).toEqual([
      ['conv.weight', [2, 1, 1, 2], [-64, 63.5, 0, -4]],
      ['fc.weight', [1, 2], [-32, 31.75]],
    ]);
    expect(Object.values(graph.tensors).every((t) => t.trainable)).toBe(true);
  });

  it('of sixteen bits become weights, with Cast or without', () => {
    const half: OnnxTensor = {
      ...tensorOf('w', 'uint8', [8], [0, 0x3c, 0, 0x40, 0, 0xc0, 0, 0]),
      element: 'float16',
      dims: [1, 1, 2, 2],
    };
    const bfloat: OnnxTensor = {
      ...tensorOf('b', 'uint8', [2], [0x80, 0x3f]),
      element: 'bfloat16',
      dims: [1],
    };
    const m = model([n('Conv', ['x', 'w', 'b'], ['y'], {}, '/conv/Conv')], [half, bfloat], {
      inputs: [{ name: 'x', element: 'float16', shape: null }],
    });
    expect([...graphOfModel(m).weights.values()].map((w) => [...w.data])).toEqual([[1, 2, -2, 0], [1]]);
    expect([...run(m, ramp(1, 1, 2, 2)).dataSync()]).toEqual([0 + 2 - 4 + 0 + 1]);
  });

  it('that are only shared stay one parameter', () => {
    const m = model(
      [n('MatMul', ['x', 'w'], ['a']), n('MatMul', ['a', 'w'], ['y'])],
      [floats('w', [2, 2], [0, 1, 1, 0])],
    );
    const { graph, weights } = graphOfModel(m);
    expect([...new GraphModule(graph, weights).namedParameters()].map(([name]) => name)).toEqual(['w']);
  });
});

describe('preprocessing in a file', () => {
  it('is not trained: constants in front of the first weights stay as they are', () => {
    const m = model(
      [
        n('Cast', ['picture'], ['float'], { to: 1 }),
        n('Transpose', ['float'], ['first'], { perm: [0, 3, 1, 2] }),
        n('Mul', ['first', 'scale'], ['scaled']),
        n('Sub', ['scaled', 'mean'], ['centred']),
        n('Div', ['centred', 'std'], ['x']),
        n('Conv', ['x', 'conv.weight'], ['c']),
        n('Mul', ['c', 'factor.weight'], ['m']),
        n('Add', ['m', 'summand.weight'], ['y']),
      ],
      [
        floats('scale', [1, 3, 1, 1], [1, 0.5, 2]),
        floats('mean', [1, 3, 1, 1], [1, 2, 3]),
        floats('std', [1, 3, 1, 1], [2, 4, 8]),
        floats('conv.weight', [2, 3, 1, 1], [1, 1, 1, 0, 1, 0]),
        floats('factor.weight', [2, 1, 1], [10, 100]),
        floats('summand.weight', [2, 1, 1], [1, 2]),
      ],
      { inputs: [{ name: 'picture', element: 'uint8', shape: ['n', 2, 2, 3] }] },
    );
    const { graph, inputs } = graphOfModel(m);
    const trainable = Object.entries(graph.tensors).filter(([, t]) => t.trainable);
    expect(trainable.map(([name]) => name)).toEqual(['conv.weight', 'factor.weight', 'summand.weight']);
    expect(inputs[0]!.element).toBe('uint8');
    const pixels = Int32Array.from({ length: 12 }, (_, i) => 20 * i);
    const want = Array.from({ length: 8 }, (_, k) => {
      const [channel, at] = [k >> 2, k & 3];
      const [r, g, b] = [0, 1, 2].map((c) => (20 * (3 * at + c) * [1, 0.5, 2][c]! - (c + 1)) / [2, 4, 8][c]!);
      return channel ? g! * 100 + 2 : (r! + g! + b!) * 10 + 1;
    });
    for (const dtype of ['int32', 'float32'] as const)
      expect([...run(m, tensor(pixels, [1, 2, 2, 3], { dtype })).dataSync()]).toEqual(want);
  });
});

describe('files that cannot be read', () => {
  const reading = (...args: Parameters<typeof file>): Promise<unknown> => readOnnx(file(...args));
  it('name every operation that is missing', async () => {
    await expect(
      reading([
        n('Loop', ['x'], ['a'], {}, 'loop'),
        n('Fancy', ['a'], ['b'], {}, 'first'),
        n('Fancy', ['b'], ['y']),
      ]),
    ).rejects.toThrow(/Loop \(1×, for example 'loop'\), Fancy \(2×, for example 'first'\)/);
  });
  it('have cycles, values given twice or not at all, no input', async () => {
    await expect(reading([n('Add', ['x', 'b'], ['a']), n('Relu', ['a'], ['b'])])).rejects.toThrow(
      /cycle through/,
    );
    await expect(reading([n('Relu', ['x'], ['y']), n('Relu', ['x'], ['y'])])).rejects.toThrow(/given twice/);
    await expect(reading([n('Relu', ['z'], ['y'])])).rejects.toThrow(/takes 'z', which nothing gives/);
    await expect(reading([n('Relu', ['w'], ['y'])], [floats('w', [2])])).rejects.toThrow(
      /do not depend on any input/,
    );
  });
});
