import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, sum, tensor, valueAndGrad, type Tensor } from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectValues, run } from '../../test/run-graph.ts';
import { ints, numbers, s, strings, TfGraph, type Values } from '../../test/tf-graph.ts';
import { FormatError, UnsupportedOpsError } from '../errors.ts';
import { GraphModule } from '../graph/module.ts';
import { readTfjsGraphModel } from './read.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

describe('weights', () => {
  const x: Values = { shape: [3], data: [0, 0, 0] };
  const added = (values: number[], q: { dtype: string; scale?: number; min?: number }): Tensor => {
    const g = new TfGraph();
    g.node('y', 'Add', ['x', g.constant('c', { shape: [3], data: values }, 'float32', q)]);
    return run(g, x);
  };
  it('of float16, uint8 and uint16 are restored', () => {
    expectValues(added([0x3c00, 0xc000, 1], { dtype: 'float16' }), { shape: [3], data: [1, -2, 2 ** -24] });
    expectValues(added([0, 1, 255], { dtype: 'uint8', scale: 0.5, min: -1 }), {
      shape: [3],
      data: [-1, -0.5, 126.5],
    });
    expectValues(added([0, 1, 65535], { dtype: 'uint16', scale: 0.5, min: -1 }), {
      shape: [3],
      data: [-1, -0.5, 32766.5],
    });
  });
  it('are trainable, in our layout, under the name of their node', () => {
    const g = new TfGraph();
    g.node(
      'net/conv',
      '_FusedConv2D',
      ['x', g.constant('w', numbers([3, 5, 2, 4])), g.constant('bias', numbers([4]))],
      { strides: ints(1, 1, 1, 1), padding: s('SAME'), fused_ops: strings('BiasAdd', 'Relu') },
    );
    const { graph, weights } = readTfjsGraphModel(g.model, g.shards);
    const m = new GraphModule(graph, weights);
    expect([...m.stateDict()].map(([n, t]) => [n, t.shape])).toEqual([
      ['net.conv.weight', [4, 2, 3, 5]],
      ['net.conv.bias', [4]],
    ]);
    expect(graph.nodes.map((n) => n.name)).toEqual(['net.conv', 'net.conv.relu']);
    const input = tensor(Float32Array.from(numbers([1, 6, 6, 2]).data), [1, 6, 6, 2]);
    const { grads } = valueAndGrad(() => sum(m.forward(input)), m.parameters());
    for (const gradient of grads) expect([...gradient.dataSync()].some((v) => v !== 0)).toBe(true);
  });
});

describe('what cannot be read', () => {
  const odd = (): TfGraph => {
    const g = new TfGraph();
    g.node('fine', 'Relu', ['x']);
    g.node('top', 'NonMaxSuppressionV4', ['fine']);
    g.node('again', 'NonMaxSuppressionV4', ['top']);
    g.node('fft', 'FFT', ['again']);
    g.node('slice', 'MirrorPad', ['x', g.ints('at', 0, 0)], { mode: s('SYMMETRIC') });
    g.node('out', 'Add', ['fft', 'slice']);
    return g;
  };
  it('is listed completely: op, how often, where, why', () => {
    const g = odd();
    let error: unknown;
    try {
      readTfjsGraphModel(g.model, g.shards);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(UnsupportedOpsError);
    expect((error as UnsupportedOpsError).ops).toEqual([
      { op: 'NonMaxSuppressionV4', count: 2, example: 'top' },
      { op: 'FFT', count: 1, example: 'fft' },
      { op: 'MirrorPad', count: 1, example: 'slice', reason: 'mode SYMMETRIC' },
    ]);
  });
  it('does not matter where the wanted output does not need it', () => {
    const g = odd();
    expect(readTfjsGraphModel(g.model, g.shards, { outputs: ['fine'] }).graph.nodes).toHaveLength(1);
    expect(() => readTfjsGraphModel(g.model, g.shards, { outputs: ['find'] })).toThrow(
      /unknown node 'find'; the nearest are 'fine'/,
    );
  });
  const broken: [string, (g: TfGraph) => [unknown, Uint8Array[]], RegExp][] = [
    ['no object', () => [null, []], /not an object/],
    ['a layers model', () => [{ format: 'layers-model' }, []], /this is a layers-model of TensorFlow\.js/],
    ['no topology', () => [{}, []], /modelTopology/],
    ['no manifest', (g) => [{ ...g.model, weightsManifest: undefined }, []], /weightsManifest/],
    ['a shard too few', (g) => [g.model, []], /is a shard missing/],
    ['a byte too many', (g) => [g.model, [...g.shards, new Uint8Array(1)]], /are all shards there/],
    [
      'a cycle',
      (g) => (
        g.node('a', 'Add', ['b', 'x']),
        g.node('b', 'Relu', ['a']),
        [{ ...g.model, signature: { outputs: { o: { name: 'b' } } } }, g.shards]
      ),
      /cycle/,
    ],
    [
      'an input that is not there',
      (g) => (g.node('a', 'Relu', ['nowhere']), [g.model, g.shards]),
      /'nowhere', which does not exist/,
    ],
    [
      'two nodes with one name',
      (g) => (g.node('x', 'Relu', ['x']), [g.model, g.shards]),
      /two nodes are called 'x'/,
    ],
    [
      'a constant output',
      (g) => [{ ...g.model, signature: { outputs: { o: { name: 'c' } } } }, g.shards],
      /do not depend on any input/,
    ],
    [
      'an absurd shape',
      (g) => [
        {
          ...g.model,
          weightsManifest: [{ weights: [{ name: 'c', shape: [2 ** 40, 2 ** 40], dtype: 'float32' }] }],
        },
        g.shards,
      ],
      /is a shard missing/,
    ],
  ];
  it.each(broken)('%s', (_, make, message) => {
    const g = new TfGraph();
    g.scalar('c', 1);
    const [model, shards] = make(g);
    expect(() => readTfjsGraphModel(model, shards)).toThrow(FormatError);
    expect(() => readTfjsGraphModel(model, shards)).toThrow(message);
  });
  it('deeper than any call stack reads all the same', () => {
    const g = new TfGraph();
    let last = 'x';
    for (let k = 0; k < 20_000; k++) last = g.node(`n${k}`, 'Relu', [last]);
    expect(readTfjsGraphModel(g.model, []).graph.nodes).toHaveLength(20_000);
  });
});
