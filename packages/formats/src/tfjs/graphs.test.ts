import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, stagesOf, tensor } from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectValues, run } from '../../test/run-graph.ts';
import { b, convReference, i, ints, numbers, s, TfGraph, type Values } from '../../test/tf-graph.ts';
import { UnsupportedOpsError } from '../errors.ts';
import { importTfjs } from './network.ts';
import { readTfjsGraphModel } from './read.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const type = (t: string | number): Record<string, unknown> => ({ type: t });
const row: Values = { shape: [1, 4], data: [-2, -0.5, 0.5, 7] };
const square: Values = { shape: [2, 3], data: [1, 2, 3, 4, 5, 6] };
const NHWC = { data_format: s('NHWC') };

/** What TensorFlow's documentation says each gives. */
const cases: [string, (g: TfGraph) => unknown, Values, Values?][] = [
  ['AddN', (g) => g.node('y', 'AddN', ['x', g.scalar('c', 2), 'x']), { shape: [1, 4], data: [-2, 1, 3, 16] }],
  [
    'Shape, StridedSlice, Pack, Reshape',
    (g) => {
      const n = g.node(
        'n',
        'StridedSlice',
        [g.node('s', 'Shape', ['x']), g.ints('a', 0), g.ints('b', 1), g.ints('c', 1)],
        {
          shrink_axis_mask: i(1),
        },
      );
      g.node('y', 'Reshape', [
        'x',
        g.node('to', 'Pack', [n, g.int('three', 3), g.int('one', 1)], { axis: i(0) }),
      ]);
    },
    { shape: [2, 3, 1], data: square.data },
    square,
  ],
  [
    'Rank, Size',
    (g) => {
      const r = g.node('r', 'Cast', [g.node('rank', 'Rank', ['x'])], { DstT: type('DT_FLOAT') });
      const n = g.node('n', 'Cast', [g.node('size', 'Size', ['x'])], { DstT: type(1) });
      g.node('y', 'Add', [g.node('rx', 'Mul', ['x', r]), n]);
    },
    { shape: [2, 3], data: [8, 10, 12, 14, 16, 18] },
    square,
  ],
  [
    'Cast to whole numbers and back',
    (g) =>
      g.node('y', 'Cast', [g.node('i', 'Cast', ['x'], { DstT: type('DT_INT32') })], {
        DstT: type('DT_FLOAT'),
      }),
    { shape: [1, 4], data: [-2, 0, 0, 7] },
  ],
  [
    'Cast to bytes wraps',
    (g) =>
      g.node('y', 'Cast', [g.node('i', 'Cast', ['x'], { DstT: type('DT_UINT8') })], {
        DstT: type('DT_FLOAT'),
      }),
    { shape: [1, 4], data: [254, 0, 0, 7] },
  ],
  [
    'FloorDiv, FloorMod',
    (g) => {
      const by = g.scalar('by', 2);
      g.node('y', 'Add', [g.node('d', 'FloorDiv', ['x', by]), g.node('m', 'FloorMod', ['x', by])]);
    },
    { shape: [1, 4], data: [-1 + 0, -1 + 1.5, 0 + 0.5, 3 + 1] },
  ],
  [
    'FloorDiv of whole numbers',
    (g) => {
      const whole = g.node('i', 'Cast', ['x'], { DstT: type('DT_INT32') });
      g.node('y', 'Cast', [g.node('d', 'FloorDiv', [whole, g.int('by', 3)])], { DstT: type('DT_FLOAT') });
    },
    { shape: [1, 4], data: [-1, 0, 0, 2] },
  ],
  [
    'SquaredDifference',
    (g) => g.node('y', 'SquaredDifference', ['x', g.scalar('c', 1)]),
    { shape: [1, 4], data: [9, 2.25, 0.25, 36] },
  ],
  [
    'SelectV2, Greater, ZerosLike',
    (g) =>
      g.node('y', 'SelectV2', [
        g.node('c', 'Greater', ['x', g.scalar('t', 0)]),
        'x',
        g.node('z', 'ZerosLike', ['x']),
      ]),
    { shape: [1, 4], data: [0, 0, 0.5, 7] },
  ],
  [
    'Fill, Tile, BroadcastTo',
    (g) => {
      const filled = g.node('f', 'Fill', [g.ints('d', 1, 2), g.scalar('v', 3)]);
      g.node('y', 'Mul', [
        g.node('t', 'Tile', [filled, g.ints('m', 1, 2)]),
        g.node('w', 'BroadcastTo', ['x', g.ints('b', 2, 4)]),
      ]);
    },
    { shape: [2, 4], data: [-6, -1.5, 1.5, 21, -6, -1.5, 1.5, 21] },
  ],
  [
    'Unpack and Pack the other way',
    (g) => {
      g.node('u', 'Unpack', ['x'], { num: i(3), axis: i(1) });
      g.node('y', 'Pack', ['u:2', 'u:1', 'u'], { axis: i(0) });
    },
    { shape: [3, 2], data: [3, 6, 2, 5, 1, 4] },
    square,
  ],
  [
    'Split',
    (g) => {
      g.node('p', 'Split', [g.int('axis', 1), 'x'], { num_split: i(2) });
      g.node('y', 'Sub', ['p:1', 'p:0']);
    },
    { shape: [1, 2], data: [2.5, 7.5] },
  ],
  [
    'SplitV with an open size',
    (g) => {
      g.node('p', 'SplitV', ['x', g.ints('sizes', 1, -1, 1), g.int('axis', 1)], { num_split: i(3) });
      g.node('y', 'ConcatV2', ['p:2', 'p:1', 'p', g.int('at', 1)]);
    },
    { shape: [1, 4], data: [7, -0.5, 0.5, -2] },
  ],
  [
    'GatherV2',
    (g) => g.node('y', 'GatherV2', ['x', g.ints('at', 2, 0), g.int('axis', 1)]),
    { shape: [2, 2], data: [3, 1, 6, 4] },
    square,
  ],
  [
    'GatherNd',
    (g) => g.node('y', 'GatherNd', ['x', g.constant('at', { shape: [2, 2], data: [0, 1, 1, 2] }, 'int32')]),
    { shape: [2], data: [2, 6] },
    square,
  ],
  [
    'StridedSlice with an ellipsis and a new axis',
    (g) =>
      g.node('y', 'StridedSlice', ['x', g.ints('a', 0, 0, 1), g.ints('b', 0, 0, 3), g.ints('c', 1, 1, 1)], {
        ellipsis_mask: i(1),
        new_axis_mask: i(2),
      }),
    { shape: [2, 1, 2], data: [2, 3, 5, 6] },
    square,
  ],
  [
    'StridedSlice that drops the last axis, behind an ellipsis',
    (g) =>
      g.node('y', 'StridedSlice', ['x', g.ints('a', 0, -1), g.ints('b', 0, 0), g.ints('c', 1, 1)], {
        ellipsis_mask: i(1),
        shrink_axis_mask: i(2),
      }),
    { shape: [2], data: [3, 6] },
    square,
  ],
  [
    'StridedSlice backwards',
    (g) =>
      g.node('y', 'StridedSlice', ['x', g.ints('a', 0, 0), g.ints('b', 0, 0), g.ints('c', 1, -1)], {
        begin_mask: i(3),
        end_mask: i(3),
      }),
    { shape: [2, 3], data: [3, 2, 1, 6, 5, 4] },
    square,
  ],
  [
    'ReverseV2',
    (g) => g.node('y', 'ReverseV2', ['x', g.ints('axis', 1)]),
    { shape: [2, 3], data: [3, 2, 1, 6, 5, 4] },
    square,
  ],
  [
    'Range and Pow',
    (g) => {
      const n = g.node('r', 'Range', [g.int('a', 0), g.int('b', 4), g.int('c', 1)]);
      g.node('y', 'Pow', [
        g.node('real', 'Cast', [n], { DstT: type('DT_FLOAT') }),
        g.node('q', 'Square', ['x']),
      ]);
    },
    { shape: [1, 4], data: [0, 1, 2 ** 0.25, 3 ** 4] },
    { shape: [1, 4], data: [1, 1, 0.5, 2] },
  ],
  [
    'ArgMax, OneHot',
    (g) => {
      const at = g.node('at', 'ArgMax', ['x', g.int('axis', 1)]);
      g.node('y', 'OneHot', [at, g.int('depth', 3), g.scalar('on', 2), g.scalar('off', -1)]);
    },
    { shape: [2, 3], data: [-1, -1, 2, -1, -1, 2] },
    square,
  ],
  [
    'TopKV2',
    (g) => {
      g.node('top', 'TopKV2', ['x', g.int('k', 2)]);
      const at = g.node('at', 'Cast', ['top:1'], { DstT: type('DT_FLOAT') });
      g.node('y', 'ConcatV2', ['top', at, g.int('axis', 1)]);
    },
    { shape: [2, 4], data: [3, 2, 2, 1, 6, 5, 2, 1] },
    square,
  ],
  [
    'Prod, Min',
    (g) => {
      g.node('y', 'Add', [
        g.node('p', 'Prod', ['x', g.ints('a', 1)]),
        g.node('m', 'Min', ['x', g.ints('b', 1)]),
      ]);
    },
    { shape: [2], data: [7, 124] },
    square,
  ],
  [
    'Cumsum',
    (g) => g.node('y', 'Cumsum', ['x', g.int('axis', 1)], { exclusive: b(true), reverse: b(false) }),
    { shape: [2, 3], data: [0, 1, 3, 0, 4, 9] },
    square,
  ],
  [
    'LogSoftmax',
    (g) => g.node('y', 'LogSoftmax', ['x']),
    { shape: [1, 2], data: [-Math.log(2), -Math.log(2)] },
    { shape: [1, 2], data: [3, 3] },
  ],
  [
    'Selu',
    (g) => g.node('y', 'Selu', ['x']),
    {
      shape: [1, 4],
      data: row.data.map((v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v))),
    },
  ],
  [
    'Softplus',
    (g) => g.node('y', 'Softplus', ['x']),
    { shape: [1, 4], data: row.data.map((v) => Math.log1p(Math.exp(v))) },
  ],
  [
    'MirrorPad',
    (g) =>
      g.node('y', 'MirrorPad', ['x', g.constant('p', { shape: [2, 2], data: [0, 0, 2, 1] }, 'int32')], {
        mode: s('REFLECT'),
      }),
    { shape: [1, 7], data: [0.5, -0.5, -2, -0.5, 0.5, 7, 0.5] },
  ],
  [
    'DepthToSpace',
    (g) => g.node('y', 'DepthToSpace', ['x'], { block_size: i(2), ...NHWC }),
    { shape: [1, 2, 4, 1], data: [1, 2, 5, 6, 3, 4, 7, 8] },
    { shape: [1, 1, 2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] },
  ],
  [
    'SpaceToDepth',
    (g) => g.node('y', 'SpaceToDepth', ['x'], { block_size: i(2), ...NHWC }),
    { shape: [1, 1, 2, 4], data: [1, 2, 5, 6, 3, 4, 7, 8] },
    { shape: [1, 2, 4, 1], data: [1, 2, 3, 4, 5, 6, 7, 8] },
  ],
  [
    'ResizeNearestNeighbor to a computed size',
    (g) => {
      const hw = g.node('hw', 'StridedSlice', [
        g.node('s', 'Shape', ['x']),
        g.ints('a', 1),
        g.ints('b', 3),
        g.ints('c', 1),
      ]);
      g.node('y', 'ResizeNearestNeighbor', ['x', g.node('to', 'Mul', [hw, g.ints('by', 2, 2)])]);
    },
    { shape: [1, 2, 4, 1], data: [0, 0, 2, 2, 0, 0, 2, 2] },
    { shape: [1, 1, 2, 1], data: [0, 2] },
  ],
  [
    'Identity that waits for a NoOp, and a number that nobody feeds',
    (g) => {
      g.node('init', 'NoOp', []);
      const phase = g.node('phase', 'PlaceholderWithDefault', [g.scalar('off', 0)]);
      g.node('y', 'Add', [g.node('id', 'Identity', ['x', '^init']), phase]);
    },
    row,
  ],
];

describe('a graph with', () => {
  it.each(cases)('%s', (_, build, want, x) => {
    const g = new TfGraph();
    build(g);
    expectValues(run(g, x ?? row, ['y']), want);
  });

  it('Conv2DBackpropInput is the transpose of Conv2D', () => {
    // ⟨conv(x), z⟩ = ⟨x, convᵀ(z)⟩ for every x: with x a unit, convᵀ(z) is read off element by element.
    const w = numbers([3, 3, 2, 4], 3);
    for (const [same, stride, size, small] of [
      [true, 2, 6, 3],
      [true, 2, 5, 3],
      [false, 2, 7, 3],
      [true, 1, 4, 4],
    ] as const) {
      const z = numbers([1, small, small, 4], 5);
      const shape = [1, size, size, 2];
      const want = Array.from({ length: size * size * 2 }, (_, k) => {
        const unit = { shape, data: Array.from({ length: size * size * 2 }, (_, j) => Number(j === k)) };
        const y = convReference(unit, w, { stride, same });
        return y.data.reduce((a, v, j) => a + v * z.data[j]!, 0);
      });
      for (const computed of [false, true]) {
        if (computed && size === 5) continue; // Keras asks for input · stride
        const g = new TfGraph();
        const batch = g.node(
          'n',
          'StridedSlice',
          [g.node('s', 'Shape', ['x']), g.ints('a', 0), g.ints('b', 1), g.ints('c', 1)],
          {
            shrink_axis_mask: i(1),
          },
        );
        const extents = computed
          ? g.node('to', 'Pack', [batch, g.int('h', size), g.int('w_', size), g.int('o', 2)], { axis: i(0) })
          : g.ints('to', ...shape);
        g.node('y', 'Conv2DBackpropInput', [extents, g.constant('w', w), 'x'], {
          strides: ints(1, stride, stride, 1),
          padding: s(same ? 'SAME' : 'VALID'),
          ...NHWC,
        });
        expectValues(run(g, z, ['y']), { shape, data: want });
      }
    }
  });

  it('SpaceToBatchND and BatchToSpaceND around a convolution: a dilated one', () => {
    const [x, w] = [numbers([2, 7, 7, 3], 3), numbers([3, 3, 3, 2], 5)];
    const g = new TfGraph();
    const pads = g.constant('pads', { shape: [2, 2], data: [2, 3, 2, 3] }, 'int32');
    const crops = g.constant('crops', { shape: [2, 2], data: [0, 1, 0, 1] }, 'int32');
    const apart = g.node('apart', 'SpaceToBatchND', ['x', g.ints('block', 2, 2), pads]);
    const conv = g.node('conv', 'Conv2D', [apart, g.constant('w', w)], {
      ...NHWC,
      strides: ints(1, 1, 1, 1),
      padding: s('VALID'),
    });
    g.node('y', 'BatchToSpaceND', [conv, g.ints('block2', 2, 2), crops]);
    const one = (k: number): Values =>
      convReference({ shape: [1, 7, 7, 3], data: x.data.slice(k * 147, (k + 1) * 147) }, w, {
        stride: 1,
        dilation: 2,
        same: true,
      });
    expectValues(run(g, x, ['y']), { shape: [2, 7, 7, 2], data: [...one(0).data, ...one(1).data] });
  });

  it('loops and branches is refused, and they are named', () => {
    const g = new TfGraph();
    g.node('enter', 'Enter', ['x']);
    g.node('merge', 'Merge', ['enter', 'next']);
    g.node('switch', 'Switch', ['merge', 'cond']);
    g.node('cond', 'LoopCond', [g.node('less', 'Less', ['merge', g.scalar('n', 3)])]);
    g.node('next', 'NextIteration', [g.node('add', 'AddV2', ['switch:1', g.scalar('one', 1)])]);
    g.node('y', 'Exit', ['switch']);
    const loop = (): unknown => readTfjsGraphModel(g.model, g.shards, { outputs: ['y'] });
    expect(loop).toThrow(UnsupportedOpsError);
    expect(loop).toThrow(/Exit \(1×, for example 'y'; part of a loop or a branch\)/);
    const v2 = new TfGraph();
    v2.node('w', 'StatelessWhile', ['x']);
    v2.node('y', 'StatelessIf', ['w:0', 'x']);
    expect(() => readTfjsGraphModel(v2.model, v2.shards)).toThrow(
      /StatelessIf \(1×, for example 'y'; a branch\)/,
    );
  });

  it('no signature gives what nobody uses, without what only waits', () => {
    const g = new TfGraph();
    g.node('y', 'Relu', ['x', '^init']);
    g.node('init', 'NoOp', []);
    g.node('done', 'NoOp', ['^y']);
    g.node('z', 'Neg', ['x']);
    expect(readTfjsGraphModel(g.model, g.shards).outputs).toEqual(['z']);
    expect(readTfjsGraphModel(g.model, g.shards, { outputs: ['y'] }).graph.nodes).toHaveLength(1);
  });
});

describe('a network from TensorFlow.js', () => {
  const network = (): TfGraph => {
    const g = new TfGraph();
    const conv = (name: string, from: string, c: number, out: number): string =>
      g.node(
        name,
        '_FusedConv2D',
        [from, g.constant(`${name}/w`, numbers([3, 3, c, out], 3)), g.constant(`${name}/b`, numbers([out]))],
        {
          strides: ints(1, 2, 2, 1),
          padding: s('SAME'),
          fused_ops: { list: { s: ['BiasAdd', 'Relu'].map((v) => btoa(v)) } },
        },
      );
    const scaled = g.node('net/scale', 'Sub', [
      g.node('net/times', 'Mul', ['x', g.scalar('by', 1 / 127.5)]),
      g.scalar('less', 1),
    ]);
    const a = conv('net/block_1/conv', scaled, 3, 4);
    const last = conv('net/block_2/conv', a, 4, 6);
    const pooled = g.node('net/pool', 'Mean', [last, g.ints('axes', 1, 2)], { keep_dims: b(false) });
    g.node('net/logits', 'MatMul', [pooled, g.constant('fc', numbers([6, 3]))]);
    g.node('net/y', 'Softmax', ['net/logits']);
    g.nodes[0] = {
      name: 'x',
      op: 'Placeholder',
      attr: {
        dtype: type('DT_FLOAT'),
        shape: { shape: { dim: ['-1', '16', '16', '3'].map((size) => ({ size })) } },
      },
    };
    return g;
  };
  it('is a chain with its head, and says what it takes', () => {
    const g = network();
    const net = importTfjs(g.model, g.shards, { logits: true });
    expect(stagesOf(net.model).map((x) => [x.name, x.module.isHead])).toEqual([
      ['net.block_1', false],
      ['net.block_2', false],
      ['net.logits', true],
    ]);
    expect([net.sampleShape, net.inputRange, net.withoutSoftmax]).toEqual([[16, 16, 3], 'bytes', true]);
    expect(net.outputShapes).toEqual([[3]]);
    expect(net.model.forward(tensor(new Float32Array(2 * 768), [2, 16, 16, 3])).shape).toEqual([2, 3]);
  });
  it('has a trunk where it has several outputs', () => {
    const g = network();
    g.node('net/age', 'MatMul', ['net/pool', g.constant('age', numbers([6, 1]))]);
    const net = importTfjs(g.model, g.shards, { trunk: true });
    expect(net.outputs).toEqual(['net/y', 'net/age']);
    expect(net.trunk).toBe('net.block_2.conv.relu');
  });
});
