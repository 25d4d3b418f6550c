import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend } from '@graftjs/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectValues, run } from '../../test/run-graph.ts';
import {
  b,
  convReference,
  f,
  i,
  ints,
  numbers,
  s,
  slide,
  strings,
  TfGraph,
  type Values,
} from '../../test/tf-graph.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const NHWC = { data_format: s('NHWC') };
const picture = numbers([1, 5, 7, 3]);

describe('convolutions', () => {
  const windows = [1, 2].flatMap((stride) =>
    [1, 2].flatMap((dilation) => [true, false].map((same) => ({ stride, dilation, same }))),
  );
  it.each(windows.filter((w) => w.stride === 1 || w.dilation === 1))('with %o', (window) => {
    for (const depthwise of [false, true]) {
      const w = numbers([3, 2, 3, depthwise ? 2 : 4], 5);
      const g = new TfGraph();
      const { stride, dilation } = window;
      g.node('y', depthwise ? 'DepthwiseConv2dNative' : 'Conv2D', ['x', g.constant('w', w)], {
        ...NHWC,
        strides: ints(1, stride, stride, 1),
        dilations: ints(1, dilation, dilation, 1),
        padding: s(window.same ? 'SAME' : 'VALID'),
        explicit_paddings: { list: {} },
      });
      expectValues(run(g, picture), convReference(picture, w, window, depthwise));
    }
  });
  it('with explicit padding', () => {
    const w = numbers([3, 3, 3, 2], 3);
    const g = new TfGraph();
    g.node('y', 'Conv2D', ['x', g.constant('w', w)], {
      strides: ints(1, 1, 1, 1),
      padding: s('EXPLICIT'),
      explicit_paddings: ints(0, 0, 1, 1, 1, 1, 0, 0),
    });
    expectValues(run(g, picture), convReference(picture, w, { stride: 1, same: true }));
  });
  it('channels-first', () => {
    const w = numbers([3, 3, 1, 2], 3);
    const x = numbers([1, 4, 5, 1]);
    const g = new TfGraph();
    g.node('y', 'Conv2D', ['x', g.constant('w', w)], {
      strides: ints(1, 1, 2, 2),
      padding: s('SAME'),
      data_format: s('NCHW'),
    });
    const y = run(g, { shape: [1, 1, 4, 5], data: x.data });
    const want = convReference(x, w, { stride: 2, same: true });
    expect(y.shape).toEqual([1, 2, 2, 3]);
    [0, 1].forEach((c) => expect(y.at(0, c).dataSync()[2]).toBeCloseTo(want.data[2 * 2 + c]!, 5));
  });

  const relu = (v: number): number => Math.max(v, 0);
  const fused: [string, string[], Record<string, object>, (v: number) => number][] = [
    ['nothing more', [], {}, (v) => v],
    ['Relu', ['Relu'], {}, relu],
    ['Relu6', ['Relu6'], {}, (v) => Math.min(relu(v), 6)],
    ['Elu', ['Elu'], {}, (v) => (v > 0 ? v : Math.expm1(v))],
    ['LeakyRelu', ['LeakyRelu'], { leakyrelu_alpha: f(0.3) }, (v) => (v > 0 ? v : v * 0.3)],
    ['Prelu', ['Prelu'], {}, (v) => (v > 0 ? v : v * -0.5)],
  ];
  it.each(fused)('fused with a bias and %s', (_, ops, attrs, activation) => {
    const w = numbers([3, 3, 3, 2], 3);
    const g = new TfGraph();
    const inputs = ['x', g.constant('w', w), g.constant('bias', { shape: [2], data: [1, -2] })];
    if (ops[0] === 'Prelu') inputs.push(g.constant('alpha', { shape: [1, 1, 2], data: [-0.5, -0.5] }));
    g.node('y', '_FusedConv2D', inputs, {
      strides: ints(1, 1, 1, 1),
      padding: s('SAME'),
      fused_ops: strings('BiasAdd', ...ops),
      ...attrs,
    });
    const plain = convReference(picture, w, { stride: 1, same: true });
    expectValues(run(g, picture), {
      shape: plain.shape,
      data: plain.data.map((v, k) => activation(v + [1, -2][k % 2]!)),
    });
  });
});

describe('pools', () => {
  it.each([true, false])('same: %s', (same) => {
    const window = { stride: 2, same };
    const attrs = {
      ksize: ints(1, 3, 3, 1),
      strides: ints(1, 2, 2, 1),
      padding: s(same ? 'SAME' : 'VALID'),
      ...NHWC,
    };
    const [best, total, count] = [
      new Map<number, number>(),
      new Map<number, number>(),
      new Map<number, number>(),
    ];
    const width = same ? 4 : 3;
    const extent = slide(picture, [3, 3], window, (oy, ox, iy, ix) => {
      for (let c = 0; c < 3; c++) {
        const at = (oy * width + ox) * 3 + c;
        const v = picture.data[(iy * 7 + ix) * 3 + c]!;
        best.set(at, Math.max(best.get(at) ?? -Infinity, v));
        total.set(at, (total.get(at) ?? 0) + v);
        count.set(at, (count.get(at) ?? 0) + 1);
      }
    });
    const shape = [1, ...extent, 3];
    const keys = Array.from({ length: extent[0] * extent[1] * 3 }, (_, k) => k);
    const [g1, g2] = [new TfGraph(), new TfGraph()];
    g1.node('y', 'MaxPool', ['x'], attrs);
    g2.node('y', 'AvgPool', ['x'], attrs);
    expectValues(run(g1, picture), { shape, data: keys.map((k) => best.get(k)!) });
    expectValues(run(g2, picture), { shape, data: keys.map((k) => total.get(k)! / count.get(k)!) });
  });
});

describe('other operations', () => {
  const row: Values = { shape: [1, 4], data: [-2, -0.5, 0.5, 7] };
  const each = (fn: (v: number) => number): Values => ({ shape: row.shape, data: row.data.map(fn) });
  const cases: [string, (g: TfGraph) => unknown, Values, Values?][] = [
    ['Relu', (g) => g.node('y', 'Relu', ['x']), each((v) => Math.max(v, 0))],
    ['Relu6', (g) => g.node('y', 'Relu6', ['x']), each((v) => Math.min(Math.max(v, 0), 6))],
    ['Elu', (g) => g.node('y', 'Elu', ['x']), each((v) => (v > 0 ? v : Math.expm1(v)))],
    ['Sigmoid', (g) => g.node('y', 'Sigmoid', ['x']), each((v) => 1 / (1 + Math.exp(-v)))],
    ['Tanh', (g) => g.node('y', 'Tanh', ['x']), each(Math.tanh)],
    [
      'LeakyRelu',
      (g) => g.node('y', 'LeakyRelu', ['x'], { alpha: f(0.1) }),
      each((v) => (v > 0 ? v : v * 0.1)),
    ],
    [
      'Prelu',
      (g) => g.node('y', 'Prelu', ['x', g.constant('a', { shape: [4], data: [1, 2, 3, 4] })]),
      { shape: [1, 4], data: [-2, -1, 0.5, 7] },
    ],
    [
      'Softmax',
      (g) => g.node('y', 'Softmax', ['x']),
      each((v) => Math.exp(v) / row.data.reduce((n, w) => n + Math.exp(w), 0)),
    ],
    ['Square, Sqrt', (g) => g.node('y', 'Sqrt', [g.node('q', 'Square', ['x'])]), each(Math.abs)],
    [
      'Neg, Exp, Log, Rsqrt',
      (g) => g.node('y', 'Rsqrt', [g.node('e', 'Exp', [g.node('n', 'Neg', ['x'])])]),
      each((v) => Math.exp(v / 2)),
    ],
    ['AddV2 with a scalar', (g) => g.node('y', 'AddV2', ['x', g.scalar('c', 3)]), each((v) => v + 3)],
    ['Sub from a scalar', (g) => g.node('y', 'Sub', [g.scalar('c', 3), 'x']), each((v) => 3 - v)],
    [
      'Mul with a row',
      (g) => g.node('y', 'Mul', ['x', g.constant('c', { shape: [4], data: [1, 2, 3, 4] })]),
      { shape: [1, 4], data: [-2, -1, 1.5, 28] },
    ],
    ['RealDiv', (g) => g.node('y', 'RealDiv', ['x', g.scalar('c', 4)]), each((v) => v / 4)],
    [
      'Maximum, Minimum',
      (g) => g.node('y', 'Minimum', [g.node('m', 'Maximum', ['x', g.scalar('a', -1)]), g.scalar('c', 1)]),
      each((v) => Math.min(Math.max(v, -1), 1)),
    ],
    [
      'ClipByValue',
      (g) => g.node('y', 'ClipByValue', ['x', g.scalar('a', -1), g.scalar('c', 1)]),
      each((v) => Math.min(Math.max(v, -1), 1)),
    ],
    [
      'BiasAdd',
      (g) => g.node('y', 'BiasAdd', ['x', g.constant('c', { shape: [4], data: [1, 2, 3, 4] })]),
      { shape: [1, 4], data: [-1, 1.5, 3.5, 11] },
    ],
    [
      'BiasAdd, channels first',
      (g) =>
        g.node('y', 'BiasAdd', ['x', g.constant('c', { shape: [2], data: [10, 20] })], {
          data_format: s('NCHW'),
        }),
      { shape: [1, 2, 1, 2], data: [11, 12, 23, 24] },
      { shape: [1, 2, 1, 2], data: [1, 2, 3, 4] },
    ],
    [
      'Mean',
      (g) => g.node('y', 'Mean', ['x', g.ints('a', 1)], { keep_dims: b(true) }),
      { shape: [1, 1], data: [1.25] },
    ],
    ['Sum', (g) => g.node('y', 'Sum', ['x', g.ints('a', 0, 1)]), { shape: [], data: [5] }],
    ['Max', (g) => g.node('y', 'Max', ['x', g.ints('a', -1)]), { shape: [1], data: [7] }],
    [
      'MatMul',
      (g) => g.node('y', 'MatMul', ['x', g.constant('w', { shape: [4, 2], data: [1, 0, 0, 1, 2, 0, 0, 3] })]),
      { shape: [1, 2], data: [-1, 20.5] },
    ],
    [
      'MatMul, transposed',
      (g) =>
        g.node('y', 'MatMul', ['x', g.constant('w', { shape: [2, 4], data: [1, 0, 2, 0, 0, 1, 0, 3] })], {
          transpose_b: b(true),
        }),
      { shape: [1, 2], data: [-1, 20.5] },
    ],
    [
      '_FusedMatMul',
      (g) =>
        g.node(
          'y',
          '_FusedMatMul',
          [
            'x',
            g.constant('w', { shape: [4, 1], data: [1, 1, 1, 1] }),
            g.constant('c', { shape: [1], data: [-9] }),
          ],
          { fused_ops: strings('BiasAdd', 'Relu') },
        ),
      { shape: [1, 1], data: [0] },
    ],
    [
      'MatMul of two computed',
      (g) => g.node('y', 'MatMul', ['x', 'x'], { transpose_b: b(true) }),
      { shape: [1, 1], data: [53.5] },
    ],
    [
      'Reshape, Squeeze, ExpandDims',
      (g) =>
        g.node('y', 'ExpandDims', [
          g.node('q', 'Squeeze', [g.node('r', 'Reshape', ['x', g.ints('shape', 2, 1, -1)])], {
            squeeze_dims: ints(1),
          }),
          g.int('axis', 0),
        ]),
      { shape: [1, 2, 2], data: row.data },
    ],
    [
      'Transpose',
      (g) => g.node('y', 'Transpose', ['x', g.ints('perm', 1, 0)]),
      { shape: [4, 1], data: row.data },
    ],
    [
      'ConcatV2',
      (g) => g.node('y', 'ConcatV2', ['x', 'x', g.int('axis', -1)]),
      { shape: [1, 8], data: [...row.data, ...row.data] },
    ],
    [
      'Pad',
      (g) => g.node('y', 'Pad', ['x', g.constant('p', { shape: [2, 2], data: [0, 0, 1, 2] }, 'int32')]),
      { shape: [1, 7], data: [0, ...row.data, 0, 0] },
    ],
    [
      'PadV2',
      (g) =>
        g.node('y', 'PadV2', [
          'x',
          g.constant('p', { shape: [2, 2], data: [0, 0, 1, 0] }, 'int32'),
          g.scalar('v', 9),
        ]),
      { shape: [1, 5], data: [9, ...row.data] },
    ],
    [
      'Slice',
      (g) => g.node('y', 'Slice', ['x', g.ints('at', 0, 1), g.ints('size', -1, 2)]),
      { shape: [1, 2], data: [-0.5, 0.5] },
    ],
    [
      'StridedSlice',
      (g) =>
        g.node('y', 'StridedSlice', ['x', g.ints('at', 0, 0), g.ints('end', 1, 0), g.ints('step', 1, 2)], {
          shrink_axis_mask: i(1),
          end_mask: i(2),
        }),
      { shape: [2], data: [-2, 0.5] },
    ],
    [
      'FusedBatchNormV3',
      (g) =>
        g.node(
          'y',
          'FusedBatchNormV3',
          [
            'x',
            ...['scale', 'shift', 'mean', 'var'].map((n, k) =>
              g.constant(n, { shape: [1], data: [[2], [1], [3], [0.75]][k]! }),
            ),
          ],
          { epsilon: f(0.25), is_training: b(false) },
        ),
      { shape: [1, 1, 2, 1], data: [-3, 3] },
      { shape: [1, 1, 2, 1], data: [1, 4] },
    ],
    [
      'ResizeBilinear',
      (g) => g.node('y', 'ResizeBilinear', ['x', g.ints('size', 1, 4)]),
      { shape: [1, 1, 4, 1], data: [0, 1, 2, 2] },
      { shape: [1, 1, 2, 1], data: [0, 2] },
    ],
    [
      'ResizeBilinear, half pixels',
      (g) => g.node('y', 'ResizeBilinear', ['x', g.ints('size', 1, 4)], { half_pixel_centers: b(true) }),
      { shape: [1, 1, 4, 1], data: [0, 0.5, 1.5, 2] },
      { shape: [1, 1, 2, 1], data: [0, 2] },
    ],
    [
      'ResizeBilinear, corners',
      (g) => g.node('y', 'ResizeBilinear', ['x', g.ints('size', 1, 3)], { align_corners: b(true) }),
      { shape: [1, 1, 3, 1], data: [0, 1, 2] },
      { shape: [1, 1, 2, 1], data: [0, 2] },
    ],
    [
      'ResizeNearestNeighbor',
      (g) => g.node('y', 'ResizeNearestNeighbor', ['x', g.ints('size', 2, 4)]),
      { shape: [1, 2, 4, 1], data: [0, 0, 2, 2, 0, 0, 2, 2] },
      { shape: [1, 1, 2, 1], data: [0, 2] },
    ],
    [
      'Identity of a constant',
      (g) => g.node('y', 'Add', ['x:0', g.node('id', 'Identity', [g.scalar('c', 1)]), '^x']),
      each((v) => v + 1),
    ],
  ];
  it.each(cases)('%s', (_, build, want, x) => {
    const g = new TfGraph();
    build(g);
    expectValues(run(g, x ?? row, ['y']), want);
  });
});
