import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  add,
  div,
  grad,
  maximum,
  minimum,
  Module,
  mul,
  pow,
  setDefaultBackend,
  sub,
  sum,
  tensor,
  type Tensor,
} from '@graftjs/core';
import { decodeModel, type OnnxTensor } from '@graftjs/onnx-graph';
import { GraphModule } from '../src/graph/module.ts';
import { graphOfModel } from '../src/onnx/read.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportOnnx } from '../src/index.ts';
import { agree, here, inRuntime, values } from './in-runtime.ts';
import { file, floats, ints, n } from './onnx-model.ts';
import { expectValues, run as runTf } from './run-graph.ts';
import { TfGraph, b, strings } from './tf-graph.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const x = values([2, 3]);
const one = (shape: number[], value = 2): OnnxTensor => floats('c', shape, [value]);

describe('a constant of one element as the first operand, as onnxruntime has it', () => {
  const shapes: [string, number[]][] = [
    ['[]', []],
    ['[1]', [1]],
  ];
  describe.each(shapes)('of shape %s', (_, shape) => {
    test.each(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum', 'Mean'])('%s', (op) =>
      agree([n(op, ['c', 'x'], ['y'])], [one(shape)], x),
    );
    test.each(['Max', 'Min', 'Sum', 'Mean'])('%s of three, and of constants alone', async (op) => {
      await agree([n(op, ['c', 'x', 'd'], ['y'])], [one(shape), floats('d', [3], [1, 2, 9])], x);
      await agree(
        [n(op, ['c', 'd'], ['z']), n('Add', ['z', 'x'], ['y'])],
        [one(shape), floats('d', shape, [3])],
        x,
      );
      await agree([n(op, ['c'], ['z']), n('Mul', ['z', 'x'], ['y'])], [one(shape)], x);
    });
    test.each(['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'])('%s', (op) =>
      agree([n(op, ['c', 'x'], ['y'])], [one(shape)], x, { element: 'bool' }),
    );
    test('Where: condition, branches, and all of them', async () => {
      const more = n('Greater', ['x', 'c'], ['m']);
      await agree([more, n('Where', ['m', 'c', 'x'], ['y'])], [one(shape)], x);
      await agree([more, n('Where', ['m', 'x', 'c'], ['y'])], [one(shape)], x);
      await agree([more, n('Where', ['m', 'c', 'd'], ['y'])], [one(shape), floats('d', shape, [-1])], x);
      const truth = n('Greater', ['c', 'd'], ['t']);
      await agree([truth, n('Where', ['t', 'x', 'c'], ['y'])], [one(shape), floats('d', shape, [-1])], x);
    });
    test('PRelu, and functions of a constant', async () => {
      await agree(
        [n('Sub', ['c', 'x'], ['z']), n('PRelu', ['z', 'd'], ['y'])],
        [one(shape), floats('d', shape, [0.25])],
        x,
      );
      for (const op of ['Sin', 'Sigmoid', 'Erf', 'Relu', 'Softplus'])
        await agree([n(op, ['c'], ['z']), n('Add', ['z', 'x'], ['y'])], [one(shape, 0.7)], x);
      await agree(
        [n('Clip', ['c', '', 'd'], ['z']), n('Add', ['z', 'x'], ['y'])],
        [one(shape, 9), floats('d', [], [5])],
        x,
      );
    });
    test('of integers', async () => {
      const nodes = [
        n('Shape', ['x'], ['s']),
        n('Sub', ['i', 's'], ['d']),
        n('Cast', ['d'], ['f'], { to: 1 }),
        n('ReduceSum', ['f'], ['t'], { keepdims: 0 }),
        n('Add', ['t', 'x'], ['y']),
      ];
      await agree(nodes, [ints('i', [10], shape)], x);
    });
  });
});

describe('MatMul and Gemm by numpy’s rule', () => {
  test.each<[number[], number[]]>([
    [[3], [3, 2]],
    [[2, 3], [3]],
    [[3], [3]],
    [[4, 2, 3], [3]],
    [[3], [4, 3, 2]],
    [
      [4, 2, 3],
      [3, 5],
    ],
    [
      [1, 3],
      [3, 1],
    ],
    [
      [2, 3],
      [4, 3, 2],
    ],
    [[1], [1, 1]],
  ])('%j × %j, either side constant, and neither', async (left, right) => {
    await agree([n('MatMul', ['x', 'w'], ['y'])], [floats('w', right)], values(left));
    await agree([n('MatMul', ['w', 'x'], ['y'])], [floats('w', left)], values(right));
    const both = [n('Sin', ['w'], ['v']), n('MatMul', ['x', 'v'], ['y'])];
    await agree(both, [floats('w', right)], values(left));
  });

  test.each<[string, number[], number[], number[] | null, Record<string, number>]>([
    ['C a scalar', [2, 3], [3, 4], [], {}],
    ['C of one element', [2, 3], [3, 4], [1], { alpha: 0.5 }],
    ['C a column', [2, 3], [3, 4], [2, 1], { beta: 1.5 }],
    ['C whole', [2, 3], [4, 3], [2, 4], { transB: 1, alpha: 0.5, beta: 0.25 }],
    ['A transposed', [3, 2], [3, 4], [4], { transA: 1 }],
    ['no C', [3, 2], [4, 3], null, { transA: 1, transB: 1, alpha: 2.5 }],
    ['of one element', [1, 1], [1, 1], [1], {}],
  ])('Gemm, %s', async (_, a, w, c, attributes) => {
    const names = c ? ['w', 'c'] : ['w'];
    const stored = [floats('w', w), ...(c ? [floats('c', c)] : [])];
    await agree([n('Gemm', ['x', ...names], ['y'], attributes)], stored, values(a));
    if (c)
      await agree([n('Gemm', ['w', 'x', 'c'], ['y'], attributes)], [floats('w', a), stored[1]!], values(w));
  });
});

describe('norms where they are 0', () => {
  const rows = { shape: [2, 3], data: [0, 0, 0, 3, 0, 4] };
  test.each([0, 1])(
    'ReduceL2, as onnxruntime has it, and its gradient as PyTorch has it, keepdims %d',
    async (keepdims) => {
      const node = n('ReduceL2', ['x'], ['y'], { axes: [1], keepdims });
      await agree([node], [], rows, { opset: 13 });
      await agree([n('ReduceL2', ['x'], ['y'], { keepdims })], [], rows, { opset: 13 });
      const { graph, weights } = graphOfModel(decodeModel(file([node], [], { opset: 13 })));
      const module = new GraphModule(graph, weights);
      const [g] = grad((t) => sum(module.forward(t)))(tensor(Float32Array.from(rows.data), rows.shape));
      [0, 0, 0, 0.6, 0, 0.8].forEach((v, i) => expect(g!.dataSync()[i]).toBeCloseTo(v, 6));
    },
  );
});

describe('what core writes with a number first', () => {
  test.each<[string, (x: Tensor) => Tensor]>([
    ['add', (t) => add(2, t)],
    ['sub', (t) => sub(2, t)],
    ['mul', (t) => mul(2, t)],
    ['div', (t) => div(2, t)],
    ['pow', (t) => pow(2, t)],
    ['maximum', (t) => maximum(1.5, t)],
    ['minimum', (t) => minimum(1.5, t)],
  ])('%s, in a file, in onnxruntime and back', async (_, f) => {
    class Net extends Module {
      forward(t: Tensor): Tensor {
        return f(t);
      }
    }
    const bytes = await exportOnnx(new Net(), { input: [3] });
    const want = [...f(tensor(Float32Array.from(x.data), x.shape)).dataSync()];
    const [shape, native] = await inRuntime(bytes, x, 'logits');
    const [ownShape, own] = here(bytes, x);
    expect([shape, ownShape]).toEqual([
      [2, 3],
      [2, 3],
    ]);
    want.forEach((v, i) => {
      expect(native[i]).toBeCloseTo(v, 5);
      expect(own[i]).toBeCloseTo(v, 5);
    });
  });
});

describe('TensorFlow.js', () => {
  const given = { shape: [2, 3], data: [0.5, 1.25, 2, 2.75, 3.5, 4.25] };
  test.each<[string, (v: number) => number]>([
    ['Add', (v) => 2 + v],
    ['AddV2', (v) => 2 + v],
    ['Sub', (v) => 2 - v],
    ['Mul', (v) => 2 * v],
    ['RealDiv', (v) => 2 / v],
    ['Maximum', (v) => Math.max(2, v)],
    ['Minimum', (v) => Math.min(2, v)],
    ['Pow', (v) => 2 ** v],
  ])('%s with a constant of one element first, of any shape', (op, f) => {
    for (const shape of [[], [1], [1, 1]]) {
      const g = new TfGraph();
      g.constant('c', { shape, data: [2] });
      g.node('y', op, ['c', 'x']);
      expectValues(runTf(g, given), { shape: [2, 3], data: given.data.map(f) });
    }
  });
  test('of constants alone', () => {
    const g = new TfGraph();
    g.scalar('c', 2);
    g.scalar('d', 3);
    g.node('e', 'Sub', ['c', 'd']);
    g.node('y', 'Add', ['e', 'x']);
    expectValues(runTf(g, given), { shape: [2, 3], data: given.data.map((v) => v - 1) });
  });
  test('MatMul with the constant on the left, of one element, and with a bias', () => {
    const g = new TfGraph();
    g.constant('c', { shape: [2, 2], data: [1, 0, 1, 1] });
    g.node('y', 'MatMul', ['c', 'x']);
    expectValues(runTf(g, given), { shape: [2, 3], data: [0.5, 1.25, 2, 3.25, 4.75, 6.25] });
    const small = new TfGraph();
    small.constant('c', { shape: [1, 1], data: [3] });
    small.node('y', 'BatchMatMulV2', ['c', 'x'], {});
    expectValues(runTf(small, { shape: [1, 2], data: [1, 2] }), { shape: [1, 2], data: [3, 6] });
    const biased = new TfGraph();
    biased.constant('w', { shape: [2, 2], data: [1, 0, 1, 1] });
    biased.constant('b', { shape: [2], data: [10, 20] });
    biased.node('y', '_FusedMatMul', ['x', 'w', 'b'], {
      fused_ops: strings('BiasAdd'),
      transpose_a: b(true),
    });
    expectValues(runTf(biased, { shape: [2, 1], data: [1, 2] }), { shape: [1, 2], data: [13, 22] });
  });
});
