import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  GlobalAvgPool2d,
  Linear,
  manualSeed,
  MaxPool2d,
  ReLU,
  Sequential,
  setDefaultBackend,
  Upsample,
  type Backend,
} from '@graftjs/core';
import { exportOnnx } from '@graftjs/formats';
import { saveModel, smallCnn } from '@graftjs/models';
import {
  encodeModel,
  tensorOf,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from '@graftjs/onnx-graph';
import { readdir, readFile } from 'node:fs/promises';
import { saveCheckpoint, type Family, type Whole } from './run-file.ts';

export const FAMILIES: readonly Family[] = ['checkpoint', 'safetensors', 'onnx', 'onnx', 'tfjs', 'picture'];

type Options = Readonly<Record<string, number | string | readonly number[]>>;
const attribute = (v: Options[string]): OnnxAttribute => {
  if (typeof v === 'number') return { type: Number.isInteger(v) ? 'int' : 'float', value: v };
  return typeof v === 'string' ? { type: 'string', value: v } : { type: 'ints', value: v };
};
/** Inputs behind the value of the step before: a constant, an earlier step's number, or '' for none. */
type Input = OnnxTensor | number | '';
/** `alone`: the step before is no input of it. */
type Step = [op: string, inputs?: readonly Input[], options?: Options, alone?: 'alone'];

let made = 0;
const floats = (dims: readonly number[]): OnnxTensor =>
  tensorOf(
    `w${made++}`,
    'float32',
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
  );
const ints = (...values: number[]): OnnxTensor => tensorOf(`i${made++}`, 'int64', [values.length], values);
const reals = (...values: number[]): OnnxTensor => tensorOf(`f${made++}`, 'float32', [values.length], values);

const int = (value: number): OnnxTensor => tensorOf(`s${made++}`, 'int64', [], [value]);

/** A chain of operators. */
function chain(steps: readonly Step[], shape: (number | string)[] = ['n', 3, 16, 16]): Uint8Array {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let last = 'x';
  steps.forEach(([opType, others = [], options = {}, alone], i) => {
    const names = others.map((c) => (c === '' ? '' : typeof c === 'number' ? `y${c}` : c.name));
    initializers.push(...others.filter((c) => typeof c === 'object'));
    const attributes = Object.fromEntries(Object.entries(options).map(([k, v]) => [k, attribute(v)]));
    nodes.push({
      name: `n${i}`,
      opType,
      domain: '',
      inputs: alone ? names : [last, ...names],
      outputs: [`y${i}`],
      attributes,
    });
    last = `y${i}`;
  });
  const value = (name: string, s: (number | string)[] | null) => ({
    name,
    element: 'float32' as const,
    shape: s,
  });
  return encodeModel({
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producerName: 'pytorch',
    producerVersion: '2',
    metadata: new Map(),
    functions: 0,
    graph: {
      name: 'g',
      nodes,
      initializers,
      inputs: [value('x', shape)],
      outputs: [value(last, null)],
      valueInfo: [],
    },
  });
}

const onnxChains: Readonly<Record<string, readonly Step[]>> = {
  resizes: [
    ['Pad', [ints(0, 0, 1, 1, 0, 0, 1, 1)], { mode: 'constant' }],
    ['Resize', ['', reals(1, 1, 2, 1.5)], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }],
    [
      'Resize',
      ['', '', ints(1, 3, 12, 9)],
      { mode: 'nearest', coordinate_transformation_mode: 'asymmetric' },
    ],
    ['Pad', [ints(0, 0, 2, 0, 0, 0, 2, 0)], { mode: 'reflect' }],
    ['Pad', [ints(0, 0, 0, 3, 0, 0, 0, 3)], { mode: 'edge' }],
  ],
  shapes: [
    ['Transpose', [], { perm: [0, 2, 3, 1] }],
    ['Reshape', [ints(0, -1, 48)]],
    ['Unsqueeze', [ints(1)]],
    ['Expand', [ints(1, 2, 16, 48)]],
    ['Tile', [ints(1, 1, 2, 1)]],
    ['Slice', [ints(0, 2), ints(2, 40), ints(1, 3), ints(1, 2)]],
    ['Squeeze', [ints(0)]],
    ['Gather', [ints(0, 1, 1)], { axis: 0 }],
    ['ReduceMean', [], { axes: [1], keepdims: 1 }],
    ['Flatten', [], { axis: 1 }],
  ],
  pools: [
    ['MaxPool', [], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }],
    ['AveragePool', [], { kernel_shape: [2, 2], strides: [1, 1], pads: [0, 0, 1, 1], count_include_pad: 1 }],
    ['LpPool', [], { kernel_shape: [2, 2], p: 2 }],
    ['DepthToSpace', [], { blocksize: 1 }],
    ['SpaceToDepth', [], { blocksize: 2 }],
    ['GlobalAveragePool'],
    ['Flatten'],
    ['Softmax', [], { axis: 1 }],
  ],
  convolutions: [
    [
      'Conv',
      [floats([4, 3, 3, 3]), floats([4])],
      { kernel_shape: [3, 3], strides: [1, 2], pads: [1, 1, 1, 1], dilations: [1, 1], group: 1 },
    ],
    ['BatchNormalization', [floats([4]), floats([4]), floats([4]), reals(1, 1, 1, 1)], { epsilon: 0.5 }],
    ['Conv', [floats([4, 1, 3, 3])], { group: 4, auto_pad: 'SAME_UPPER', strides: [2, 2] }],
    [
      'ConvTranspose',
      [floats([4, 2, 2, 2])],
      { strides: [2, 2], output_padding: [1, 1], pads: [0, 0, 0, 0], group: 1 },
    ],
    ['InstanceNormalization', [floats([2]), floats([2])], { epsilon: 0.001 }],
    ['LRN', [], { size: 3, alpha: 0.5 }],
    ['Clip', [tensorOf('low', 'float32', [], [0]), tensorOf('high', 'float32', [], [6])]],
    ['GlobalMaxPool'],
    ['Reshape', [ints(0, -1)]],
    ['Gemm', [floats([5, 2]), floats([5])], { transB: 1, alpha: 0.5 }],
    ['LogSoftmax', [], { axis: -1 }],
  ],
  // Extents that are computed from the input's, and what is made of them.
  extents: [
    ['Relu'],
    ['Shape'],
    ['Gather', [int(2)], { axis: 0 }],
    ['Mul', [int(2)]],
    ['Unsqueeze', [ints(0)]],
    ['Concat', [ints(1, 3), 4, ints(20)], { axis: 0 }, 'alone'],
    ['Resize', [0, '', '', 5], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }, 'alone'],
    ['ConstantOfShape', [ints(1, 3, 32, 20)], {}, 'alone'],
    ['Add', [6]],
    ['Expand', [ints(2, 3, 32, 20)]],
    ['Split', [ints(1, 2)], { axis: 1 }],
    ['GlobalAveragePool'],
    ['Flatten'],
  ],
  places: [
    ['Reshape', [ints(48, 16)]],
    ['GatherND', [tensorOf('places', 'int64', [6, 2], [0, 1, 5, 5, 47, 15, 1, 1, 2, 2, 3, 3])]],
    ['Range', [int(0), int(12), int(2)], {}, 'alone'],
    ['Cast', [], { to: 1 }],
    ['ScatterND', [1, tensorOf('at', 'int64', [2, 1], [1, 4]), reals(5, 6)], {}, 'alone'],
    ['Add', [3]],
    ['EyeLike', [tensorOf('square', 'float32', [6, 6], new Float32Array(36))], { k: 1 }, 'alone'],
    ['MatMul', [5, 6], {}, 'alone'],
    ['Einsum', [tensorOf('other', 'float32', [6], new Float32Array(6))], { equation: 'i,j->ij' }],
    [
      'ScatterElements',
      [tensorOf('to', 'int64', [1, 2], [3, 1]), tensorOf('up', 'float32', [1, 2], [7, 8])],
      { axis: 1 },
    ],
    ['Unsqueeze', [ints(0, 1)]],
    [
      'GridSample',
      [tensorOf('grid', 'float32', [1, 2, 2, 2], [-1, -1, 0, 0, 1, 1, 2, 2])],
      { mode: 'bilinear', align_corners: 0 },
    ],
    ['Compress', [tensorOf('which', 'bool', [2], [1, 0])], { axis: 2 }],
  ],
  quantised: [
    ['QuantizeLinear', [tensorOf('q', 'float32', [], [0.02]), tensorOf('zero', 'uint8', [], [128])]],
    ['DequantizeLinear', [tensorOf('p', 'float32', [], [0.02]), tensorOf('nought', 'uint8', [], [128])]],
    ['Conv', [floats([2, 3, 1, 1])]],
    ['LayerNormalization', [floats([16])], { axis: -1 }],
    ['Upsample', [reals(1, 1, 2, 2)], { mode: 'nearest' }],
    ['PRelu', [floats([2, 1, 1])]],
    ['ReduceSum', [ints(2, 3)], { keepdims: 0 }],
    ['Hardmax', [], { axis: 1 }],
  ],
  sorts: [
    ['Reshape', [ints(1, -1)]],
    ['CumSum', [tensorOf('axis', 'int64', [], [1])], { exclusive: 1 }],
    ['Slice', [ints(0), ints(24), ints(1), ints(1)]],
    ['TopK', [ints(5)], { axis: 1, largest: 1 }],
    ['Trilu', [tensorOf('k', 'int64', [], [0])], { upper: 1 }],
    ['ArgMax', [], { axis: 1, keepdims: 0 }],
    ['OneHot', [ints(7), reals(0, 1)], { axis: -1 }],
  ],
};

/** What TensorFlow.js's converter writes: the JSON and one shard. */
function tfjs(name: string, build: (t: TfBuilder) => string): Whole {
  const t = new TfBuilder();
  const output = build(t);
  const model = {
    format: 'graph-model',
    generatedBy: '2.8',
    signature: { outputs: { y: { name: `${output}:0` } } },
    modelTopology: { node: t.nodes, versions: { producer: 808 } },
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: t.weights }],
  };
  return { name, bytes: new TextEncoder().encode(JSON.stringify(model)), weights: t.bytes() };
}

class TfBuilder {
  readonly nodes: object[] = [
    {
      name: 'x',
      op: 'Placeholder',
      attr: { shape: { shape: { dim: [{ size: '1' }, { size: '16' }, { size: '16' }, { size: '3' }] } } },
    },
  ];
  readonly weights: object[] = [];
  readonly #parts: number[] = [];
  #last = 'x';
  bytes(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }
  constant(shape: readonly number[], dtype: 'float32' | 'int32', values: readonly number[]): string {
    const name = `c${this.weights.length}`;
    const array = dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values);
    this.#parts.push(...new Uint8Array(array.buffer));
    this.weights.push({ name, shape, dtype });
    this.nodes.push({ name, op: 'Const', attr: {} });
    return name;
  }
  floats(...shape: number[]): string {
    return this.constant(
      shape,
      'float32',
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.cos(i)),
    );
  }
  ints(...values: number[]): string {
    return this.constant([values.length], 'int32', values);
  }
  then(op: string, constants: readonly string[] = [], attr: object = {}): this {
    const name = `n${this.nodes.length}`;
    this.nodes.push({ name, op, input: [this.#last, ...constants], attr });
    this.#last = name;
    return this;
  }
  get last(): string {
    return this.#last;
  }
}
const list = (...v: number[]): object => ({ list: { i: v.map(String) } });
const text = (v: string): object => ({ s: btoa(v) });

function tfjsModels(): Whole[] {
  return [
    tfjs(
      'classifier',
      (t) =>
        t
          .then('Conv2D', [t.floats(3, 3, 3, 4)], {
            strides: list(1, 2, 2, 1),
            dilations: list(1, 1, 1, 1),
            padding: text('SAME'),
          })
          .then('BiasAdd', [t.floats(4)])
          .then(
            'FusedBatchNormV3',
            [t.floats(4), t.floats(4), t.floats(4), t.constant([4], 'float32', [1, 1, 1, 1])],
            { epsilon: { f: 0.001 } },
          )
          .then('Relu6')
          .then('DepthwiseConv2dNative', [t.floats(3, 3, 4, 1)], {
            strides: list(1, 1, 1, 1),
            padding: text('VALID'),
          })
          .then('MaxPool', [], { ksize: list(1, 2, 2, 1), strides: list(1, 2, 2, 1), padding: text('SAME') })
          .then('Mean', [t.ints(1, 2)], { keep_dims: { b: false } })
          .then('MatMul', [t.floats(4, 3)])
          .then('Softmax').last,
    ),
    tfjs(
      'shapes',
      (t) =>
        t
          .then('Pad', [t.constant([4, 2], 'int32', [0, 0, 1, 1, 1, 1, 0, 0])])
          .then('ResizeBilinear', [t.ints(24, 20)], {
            align_corners: { b: false },
            half_pixel_centers: { b: true },
          })
          .then('ResizeNearestNeighbor', [t.ints(12, 9)])
          .then('AvgPool', [], { ksize: list(1, 3, 3, 1), strides: list(1, 1, 1, 1), padding: text('SAME') })
          .then('Transpose', [t.ints(0, 3, 1, 2)])
          .then('Reshape', [t.ints(1, 3, -1)])
          .then('StridedSlice', [t.ints(0, 0, 2), t.ints(1, 3, 100), t.ints(1, 1, 3)], {
            begin_mask: { i: '1' },
            end_mask: { i: '1' },
          })
          .then('ExpandDims', [t.ints(0)])
          .then('Sum', [t.ints(3)], { keep_dims: { b: true } }).last,
    ),
  ];
}

/** What the tests of `@graftjs/vision` read, too. */
async function pictures(): Promise<Whole[]> {
  const folder = new URL('../../../../packages/vision/test/fixtures/', import.meta.url);
  const names = (await readdir(folder)).filter((name) => /\.(jpg|png|webp|gif|avif)$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({ name, bytes: new Uint8Array(await readFile(new URL(name, folder))) })),
  );
}

/** Whole files of every family, all of them small. */
export async function corpus(backend: Backend): Promise<Record<Family, Whole[]>> {
  setDefaultBackend(backend);
  manualSeed(1);
  const preprocess = {
    size: 16,
    fit: 'squash',
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    layout: 'channels-first',
  } as const;
  const info = { name: 'm', classes: ['a', 'b', 'c'], preprocess };
  const networks = {
    plain: smallCnn({ classes: 3, channels: [4] }),
    layers: new Sequential({
      conv: new Conv2d(3, 4, 3, { stride: 2, padding: 1, groups: 1 }),
      norm: new BatchNorm2d(4),
      relu: new ReLU(),
      pool: new MaxPool2d(2, { stride: 2, padding: 1 }),
      up: new Upsample({ size: [9, 9], mode: 'linear' }),
      back: new ConvTranspose2d(4, 2, 3, { stride: 2 }),
      mean: new GlobalAvgPool2d(),
      fc: new Linear(2, 3),
    }),
  };
  const [safetensors, onnx]: [Whole[], Whole[]] = [[], []];
  for (const [name, model] of Object.entries(networks)) {
    model.lock(/^(conv|features\.0)$/);
    model.eval();
    safetensors.push({ name: `${name}.safetensors`, bytes: await saveModel(model, info) });
    onnx.push({ name: `${name}.onnx`, bytes: await exportOnnx(model, { input: [3, 16, 16], ...info }) });
    model.dispose();
  }
  for (const [name, steps] of Object.entries(onnxChains))
    onnx.push({ name: `${name}.onnx`, bytes: chain(steps) });
  return {
    safetensors,
    onnx,
    checkpoint: [{ name: 'run.checkpoint', bytes: await saveCheckpoint() }],
    tfjs: tfjsModels(),
    picture: await pictures(),
  };
}
