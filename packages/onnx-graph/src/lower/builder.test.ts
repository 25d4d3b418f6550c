import type { Graph, PrimitiveNode } from '@graftjs/core/backend';
import { describe, expect, test } from 'vitest';
import { GraphBuilder, lower, lowerGraph } from './index.ts';

const f32 = (...shape: number[]) => ({ dtype: 'float32', shape }) as const;

describe('GraphBuilder', () => {
  test('makes the same node on the same inputs once, and the same constant', () => {
    const b = new GraphBuilder();
    const x = b.input('x', f32(2));
    const twice = [0, 1].map(() => b.add('Mul', [x, b.constant([2], [])], { shape: [2] }));
    expect(twice[0]).toBe(twice[1]);
    expect(b.constant([0], [])).not.toBe(b.constant([-0], []));
    expect(b.constant([NaN], [])).toBe(b.constant([NaN], []));
    expect(b.constant([0], [1])).not.toBe(b.constant([0], []));
  });

  test('leaves out what no result depends on', () => {
    const b = new GraphBuilder();
    const [x, unused] = [b.input('x', f32(2)), b.input('unused', f32(2))];
    b.add('Mul', [unused, b.constant([2], [])], { shape: [2] });
    const { graph } = b.model([b.add('Neg', [x], { shape: [2] })]).model;
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Neg']);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(graph.initializers).toEqual([]);
  });

  test('copies results that are inputs, constants, or there twice', () => {
    const b = new GraphBuilder();
    const x = b.input('x', f32(2));
    const y = b.add('Neg', [x], { shape: [2] });
    const { model, outputs } = b.model([y, y, x]);
    expect(new Set(outputs.map(({ name }) => name)).size).toBe(3);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Neg', 'Identity', 'Identity']);
  });
});

test('nothing is said of empty tensors, and of what changes nothing', () => {
  const b = new GraphBuilder();
  const [x, none] = [b.input('x', f32(1, 3)), b.input('none', f32(0, 3))];
  expect(b.valuesOf(lower(b, 'reduce', [none], { kind: 'sum', axes: [0], keepDims: false }, f32(3)))).toEqual(
    new Float64Array(3),
  );
  expect(lower(b, 'broadcastTo', [x], { shape: [1, 3] }, f32(1, 3))).toBe(x);
  const turned = lower(b, 'transpose', [x], { perm: [1, 0] }, f32(3, 1));
  expect(b.maker(turned)!.opType).toBe('Reshape');
});

test("nodes of a graph carry the primitive's number; inputs that nobody reads are left out", () => {
  const graph: Graph<PrimitiveNode> = {
    specs: [f32(2), f32(2), f32(2), f32(2), f32(2)],
    inputs: [0, 1],
    scalars: [],
    captures: [2],
    constants: new Map(),
    nodes: [
      { op: 'unary', inputs: [0], attrs: { kind: 'neg' }, output: 3 },
      { op: 'binary', inputs: [3, 2], attrs: { kind: 'add' }, output: 4 },
    ],
    outputs: [4],
  };
  const { model, inputs } = lowerGraph(graph, [Float32Array.of(1, 2)]);
  expect(inputs).toEqual(['input0', null]);
  expect(model.graph.initializers.map(({ dims }) => dims)).toEqual([[2]]);
  expect(model.graph.nodes.map(({ name }) => name.split(':')[0])).toEqual(['#0 unary', '#1 binary']);
});
