import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  grad,
  memory,
  mul,
  NameError,
  peakMemory,
  Sequential,
  setDefaultBackend,
  ShapeError,
  stagesOf,
  tensor,
  type Backend,
  type Tensor,
} from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { renameNodes, type GraphDef, type GraphValues, type GraphWithWeights } from './graph.ts';
import { graphFromJSON, graphToJSON } from './json.ts';
import { GraphModule } from './module.ts';
import { articulationPoints, cutGraph, graphSegments } from './segments.ts';
import { simplifyActivations } from './simplify.ts';

let cpu: Backend;
beforeAll(async () => setDefaultBackend((cpu = await createCpuBackend())));

const node = (name: string, op: string, ...inputs: (string | number)[]): GraphDef['nodes'][number] => ({
  name,
  op,
  inputs,
  attrs: {},
});

/** x → a.one → a.two → (b.left, b.right) → b.sum → c.scale, with a weight in b and one in c. */
const diamond: GraphDef = {
  inputs: ['x'],
  outputs: ['c.scale'],
  nodes: [
    node('a.one', 'add', 'x', 1),
    node('a.two', 'relu', 'a.one'),
    node('b.left', 'mul', 'a.two', 'b.left.weight'),
    node('b.right', 'tanh', 'a.two'),
    node('b.sum', 'add', 'b.left', 'b.right'),
    node('c.scale', 'mul', 'b.sum', 'c.scale.weight'),
  ],
  tensors: {
    'b.left.weight': { shape: [2], trainable: true },
    'c.scale.weight': { shape: [2], trainable: false },
  },
};
const values = (...data: number[]): GraphValues => ({ shape: [data.length], data: Float32Array.from(data) });
const source: GraphWithWeights = {
  graph: diamond,
  weights: new Map([
    ['b.left.weight', values(2, 3)],
    ['c.scale.weight', values(10, 100)],
  ]),
};
const input = (): ReturnType<typeof tensor> => tensor([[1, -4]]);
const expected = [(2 * 2 + Math.tanh(2)) * 10, 0];

describe('GraphModule', () => {
  it('runs the graph, and any node of it', () => {
    const m = new GraphModule(diamond, source.weights);
    const y = m.forward(input()).dataSync();
    expected.forEach((v, i) => expect(y[i]).toBeCloseTo(v, 4));
    expect([
      ...m
        .run(new Map([['x', input()]]), ['a.two'])
        .get('a.two')!
        .dataSync(),
    ]).toEqual([2, 0]);
  });
  it('trains parameters and keeps constants', () => {
    const m = new GraphModule(diamond, source.weights);
    expect([...m.namedParameters()].map(([n]) => n)).toEqual(['b.left.weight']);
    expect([...m.namedBuffers()].map(([n]) => n)).toEqual(['c.scale.weight']);
  });
  it('leaves nothing behind but its output', () => {
    const m = new GraphModule(diamond, source.weights);
    const x = input();
    const before = memory(cpu).tensors;
    m.forward(x).dispose();
    expect(memory(cpu).tensors).toBe(before);
    m.dispose();
  });
  it('wants the values of its weights', () => {
    expect(() => new GraphModule(diamond, new Map())).toThrow(/no values of shape \[2\] for 'b.left.weight'/);
  });
  it('names the node that fails', () => {
    const m = new GraphModule(diamond, source.weights);
    const wrong = tensor([[1, 2, 3]]);
    expect(() => m.forward(wrong)).toThrow(/^node 'b.left' \(mul\): .*broadcast/);
    expect(() => m.forward(wrong)).toThrow(ShapeError);
    // In a network, after the path of the layer that the graph is.
    const network = new Sequential({ features: new Sequential([m]) });
    expect(() => network.forward(wrong)).toThrow(/^features\.0: node 'b.left' \(mul\): /);
    const odd = graphFromJSON({
      inputs: ['x'],
      outputs: ['y'],
      tensors: {},
      nodes: [{ ...node('y', 'slice', 'x'), attrs: { ranges: 7 } }],
    });
    expect(() => new GraphModule(odd).forward(tensor([1]))).toThrow(FormatError);
  });
});

describe('a graph as JSON', () => {
  it('comes back as it was', () => {
    expect(graphFromJSON(JSON.parse(JSON.stringify(graphToJSON(diamond))))).toEqual(diamond);
  });
  const with_ = (change: object): unknown => ({ ...(graphToJSON(diamond) as object), ...change });
  const bad: [string, unknown, RegExp][] = [
    ['null', null, /no object/],
    ['without outputs', with_({ outputs: [] }), /no inputs or no outputs/],
    ['with an output that is not there', with_({ outputs: ['z'] }), /'z' is not defined/],
    [
      'with a name twice',
      with_({ nodes: [node('a', 'relu', 'x'), node('a', 'relu', 'x')], outputs: ['a'] }),
      /'a' is used twice/,
    ],
    [
      'out of order',
      with_({ nodes: [...diamond.nodes].reverse() }),
      /'c.scale' takes "b.sum", which is not defined before it/,
    ],
    ['with an infinite constant', with_({ nodes: [node('a', 'add', 'x', Infinity)] }), /takes null/],
    ['with a negative extent', with_({ tensors: { w: { shape: [-1], trainable: true } } }), /tensor 'w'/],
    [
      'with an absurd extent',
      with_({ tensors: { w: { shape: [2 ** 40, 2 ** 40], trainable: true } } }),
      /'w' is too large/,
    ],
    ['without attributes', with_({ nodes: [{ name: 'a', op: 'relu', inputs: ['x'] }] }), /'a' has no attrs/],
    ['without inputs', with_({ nodes: [node('a', 'relu')] }), /'a' has no inputs/],
  ];
  it.each(bad)('%s is refused', (_, json, message) => {
    expect(() => graphFromJSON(json)).toThrow(FormatError);
    expect(() => graphFromJSON(json)).toThrow(message);
  });
  it('with an unknown operation, or one of Object, names the nearest', () => {
    expect(() => graphFromJSON(with_({ nodes: [node('a', 'relu7', 'x')] }))).toThrow(
      /'relu7'; the nearest are .*'relu6'/,
    );
    expect(() => graphFromJSON(with_({ nodes: [node('a', 'constructor', 'x')] }))).toThrow(NameError);
  });
});

describe('cutting', () => {
  it('finds the nodes that everything goes through', () => {
    expect(articulationPoints(diamond).map((i) => diamond.nodes[i]!.name)).toEqual([
      'a.one',
      'a.two',
      'b.sum',
      'c.scale',
    ]);
  });
  it('does not cut where two values are still needed', () => {
    const skip: GraphDef = {
      ...diamond,
      nodes: [...diamond.nodes.slice(0, -1), node('c.scale', 'mul', 'b.sum', 'a.one')],
    };
    expect(articulationPoints(skip).map((i) => skip.nodes[i]!.name)).toEqual(['a.one', 'c.scale']);
  });
  it('gives a chain of stages with short names and the same result', () => {
    const chain = graphSegments(source);
    expect(stagesOf(chain).map((s) => s.name)).toEqual(['a', 'b', 'c']);
    expect([...chain.stateDict().keys()]).toEqual(['b.left.weight', 'c.scale.weight']);
    expect([...chain.forward(input()).dataSync()]).toEqual([
      ...new GraphModule(diamond, source.weights).forward(input()).dataSync(),
    ]);
    expect(cutGraph(source)[1]!.graph.nodes.map((n) => [n.name, ...n.inputs])).toEqual([
      ['left', 'input', 'left.weight'],
      ['right', 'input'],
      ['sum', 'left', 'right'],
    ]);
  });
  it('asks for distinct stage names', () => {
    expect(() => cutGraph(source, (n) => (n.name.startsWith('b') ? 'b' : 'rest'))).toThrow(
      /two stages would be called 'rest'/,
    );
  });
  it('keeps weights that are shared and trained in one place', () => {
    const shared: GraphDef = {
      ...diamond,
      nodes: [...diamond.nodes.slice(0, -1), node('c.scale', 'mul', 'b.sum', 'b.left.weight')],
    };
    expect(() => cutGraph({ ...source, graph: shared })).toThrow(/'b' and 'c' share the weights/);
  });
});

describe('renaming', () => {
  it('takes weights along with their node', () => {
    const renamed = renameNodes(source, (n) => n.name.replace('b.left', 'b.gate'));
    expect(renamed.graph.nodes[2]).toMatchObject({ name: 'b.gate', inputs: ['a.two', 'b.gate.weight'] });
    expect([...renamed.weights.keys()]).toEqual(['b.gate.weight', 'c.scale.weight']);
    expect(graphFromJSON(graphToJSON(renamed.graph))).toEqual(renamed.graph);
  });
  it('refuses to give one name to two', () => {
    expect(() => renameNodes(source, () => 'same')).toThrow(/the name 'same'/);
  });
});

describe('simplifyActivations', () => {
  const sixth = 0.1666259765625; // as float16 has it
  const swish = (flip: boolean): GraphDef => ({
    inputs: ['x'],
    outputs: ['out'],
    tensors: {},
    nodes: [
      flip ? node('scaled', 'mul', 'x', sixth) : node('scaled', 'mul', sixth, 'x'),
      flip ? node('shifted', 'add', 3, 'x') : node('shifted', 'add', 'x', 3),
      node('gate', 'relu6', 'shifted'),
      flip ? node('out', 'mul', 'gate', 'scaled') : node('out', 'mul', 'scaled', 'gate'),
    ],
  });
  it('finds hard-swish, in either order', () => {
    for (const flip of [false, true])
      expect(simplifyActivations(swish(flip)).nodes).toEqual([node('out', 'hardswish', 'x')]);
  });
  it('finds hard-sigmoid', () => {
    const graph = {
      ...swish(false),
      nodes: [node('s', 'add', 'x', 3), node('r', 'relu6', 's'), node('out', 'mul', 'r', sixth)],
    };
    expect(simplifyActivations(graph).nodes).toEqual([node('out', 'hardsigmoid', 'x')]);
  });
  it('finds SiLU, in either order', () => {
    for (const inputs of [
      ['x', 's'],
      ['s', 'x'],
    ]) {
      const graph = { ...swish(false), nodes: [node('s', 'sigmoid', 'x'), node('out', 'mul', ...inputs)] };
      expect(simplifyActivations(graph).nodes).toEqual([node('out', 'silu', 'x')]);
    }
  });
  it('leaves alone what only looks like it', () => {
    const other = (change: (nodes: GraphDef['nodes'][number][]) => void): GraphDef => {
      const nodes = [...swish(false).nodes];
      change(nodes);
      return { ...swish(false), nodes };
    };
    const cases = [
      other((n) => (n[0] = node('scaled', 'mul', 0.2, 'x'))),
      other((n) => (n[1] = node('shifted', 'add', 'x', 2))),
      other((n) => n.splice(1, 0, node('y', 'tanh', 'x'), node('shifted', 'add', 'y', 3)) && n.splice(3, 1)),
      { ...swish(false), outputs: ['out', 'gate'] },
      {
        ...swish(false),
        nodes: [node('y', 'tanh', 'x'), node('s', 'sigmoid', 'y'), node('out', 'mul', 'x', 's')],
      },
      {
        ...swish(false),
        nodes: [node('s', 'sigmoid', 'x'), node('out', 'mul', 'x', 's')],
        outputs: ['out', 's'],
      },
    ];
    for (const graph of cases) expect(simplifyActivations(graph).nodes).toEqual(graph.nodes);
  });
});

describe('the memory of a graph', () => {
  const KIB = 1024;
  /** x → 20 layers of relu; then the sum of the last, of the third (which waits for it) and of a copy of the third. */
  const deep: GraphDef = {
    inputs: ['x'],
    outputs: ['y'],
    tensors: {},
    nodes: [
      ...Array.from({ length: 20 }, (_, i) =>
        node(`r${i}`, i === 10 ? 'identity' : 'neg', i ? `r${i - 1}` : 'x'),
      ),
      node('same', 'identity', 'r2'),
      node('unused', 'exp', 'r2'),
      node('sum', 'add', 'r19', 'r2'),
      node('y', 'add', 'sum', 'same'),
    ],
  };
  const input = (): Tensor => tensor(new Float32Array(256).fill(2), [256]);

  it('is that of the widest cut, not of all values', () => {
    const module = new GraphModule(deep);
    const x = input();
    const before = memory(cpu);
    const { value, bytes } = peakMemory(cpu, () => module.forward(x));
    expect([...value.dataSync()].every((v) => v === -2 + -2 * 2)).toBe(true);
    // r2, a layer and the next.
    expect(bytes).toBe(3 * KIB);
    value.dispose();
    expect(memory(cpu)).toEqual(before);
    // Any value may be asked for, and inputs stay the caller's.
    const some = module.run(new Map([['x', x]]), ['r2', 'x']);
    expect(some.get('r2')!.dataSync()[0]).toBe(-2);
    expect(some.get('x')).toBe(x);
    some.get('r2')!.dispose();
    x.dispose();
  });
  it('under a tape has what the tape needs', () => {
    const module = new GraphModule(deep);
    const x = input();
    const { value, bytes } = peakMemory(cpu, () => grad((t) => module.forward(t).sum())(x)[0]!);
    expect([...value.dataSync()].every((v) => v === -1 - 1 - 1)).toBe(true);
    expect(bytes).toBeGreaterThan(20 * KIB);
    // Locked: nothing of it is on the tape.
    const w = tensor([3], [1]);
    const head = peakMemory(cpu, () => grad((v) => mul(module.forward(x), v).sum())(w)[0]!);
    expect(head.value.dataSync()[0]).toBe(-6 * 256);
    expect(head.bytes).toBeLessThan(8 * KIB);
    for (const t of [x, w, value, head.value]) t.dispose();
  });
});
