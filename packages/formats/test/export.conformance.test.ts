import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  contractModel,
  createErrorBoundBackend,
  type ErrorBoundBackend,
  type ErrorModel,
} from '@graftjs/conformance';
import {
  add,
  Conv2d,
  dropout,
  manualSeed,
  mul,
  Random,
  setDefaultBackend,
  sizeOf,
  split,
  tensor,
  transpose,
  UnsupportedError,
  type Backend,
  type Module,
  type Preprocess,
  type Shape,
  type Tensor,
} from '@graftjs/core';
import { evaluating } from '@graftjs/core/extend';
import { decodeModel, valuesOf, type OnnxModel } from '@graftjs/onnx-graph';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportOnnx, importOnnx, ONNX_METADATA } from '../src/index.ts';
import { network, networks } from './export-networks.ts';

let cpu: Backend;
beforeAll(async () => {
  cpu = await createCpuBackend();
  setDefaultBackend(cpu);
});

/** onnxruntime-node: adds in any order; its functions' errors as measured for backend-onnx, in test/target.ts there. */
const native: ErrorModel = {
  ...contractModel,
  order: 'any',
  unary: { ...contractModel.unary, exp: 1.2, log: 3.2, erf: 1.3, tanh: 7.2, sigmoid: 5.6 },
};

/**
 * What an operator's own formula may be off beside core's, for |x| ≤ 2, in units of 2⁻²⁴.
 * Elu: alpha · (eˣ − 1) with alpha = 1.5; eˣ ≤ 1 is off by 1.2 ulp, the difference rounded: 1.5 · (1.2 + ½).
 * HardSigmoid: x · (1/6) + ½, where 1/6 as float32 is off by 2⁻²⁸, the product and the sum are rounded: ⅛ + ¼ + ½.
 * HardSwish: x times that.
 */
const FORMULA: Readonly<Record<string, number>> = { ELU: 2.55, Hardsigmoid: 0.875, Hardswish: 1.75 };

/** Imported, these add in another order, or take another way to expm1: within the bound, but not the same bits. */
const OTHER_BITS = [
  'GroupNorm, channels-last',
  'GroupNorm without weights, channels-last',
  'exp, log, log1p, expm1, rsqrt',
];

/** The network, with factors, shifts and statistics that are neither 0 nor 1. */
function made(make: () => Module, backend: Backend): Module {
  setDefaultBackend(backend);
  manualSeed(1);
  const model = make().eval();
  const random = new Random(2);
  for (const [, slot] of [...model.namedParameters(), ...model.namedBuffers()]) {
    const { dtype, shape, size } = slot.value;
    if (dtype !== 'float32' || shape.length !== 1) continue;
    slot.set(
      tensor(
        random.uniformArray(size).map((u) => 0.5 + u),
        shape,
      ),
    );
  }
  setDefaultBackend(cpu);
  return model;
}

const inputOf = (shape: Shape): Float32Array =>
  new Random(3).uniformArray(sizeOf(shape)).map((u) => 4 * u - 2);

const forward = (model: Module, x: Float32Array, shape: Shape, backend: Backend): Tensor =>
  evaluating([model], () => model.forward(tensor(x, shape, { backend })));

/** The right values, and how far rounding as the backend's model says may lead from them. */
function bounded(
  model: Module,
  x: Float32Array,
  shape: Shape,
  backend: ErrorBoundBackend,
): { readonly value: Float64Array; readonly error: Float64Array } {
  const { value, error } = backend.bounded(forward(model, x, shape, backend));
  return { value: Float64Array.from(value), error: error ?? new Float64Array(value.length) };
}

async function inRuntime(bytes: Uint8Array, feeds: Record<string, OrtTensor>): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { logits } = await session.run(feeds);
  await session.release();
  return logits!.data as Float32Array;
}

/** The first value that is further off than allowed. */
function tooFar(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  error: (i: number) => number,
): string | null {
  if (got.length !== want.length) return `${got.length} values, not ${want.length}`;
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i]! - want[i]!) <= error(i)))
      return `${got[i]} at ${i} is further from ${want[i]} than ${error(i)}`;
  }
  return null;
}

describe('a network as .onnx, in batches of 1 and 7', () => {
  test.each(Object.entries(networks))('%s', async (name, { input, make }) => {
    const model = made(make, cpu);
    const bytes = await exportOnnx(model, { input });
    const { graph } = decodeModel(bytes);
    expect(graph.inputs[0]!.shape).toEqual(['batch', ...input]);
    expect(graph.outputs[0]!.shape![0]).toBe('batch');
    const [any, own] = [createErrorBoundBackend(native), createErrorBoundBackend(contractModel)];
    const { model: imported } = await importOnnx(bytes, { backend: cpu });
    const { model: judged } = await importOnnx(bytes, { backend: own });
    const original = made(make, any);
    for (const n of [1, 7]) {
      const shape = [n, ...input];
      const x = inputOf(shape);
      const { value, error } = bounded(original, x, shape, any);
      const formula = (FORMULA[name] ?? 0) * 2 ** -24;
      const got = await inRuntime(bytes, { input: new OrtTensor('float32', x, shape) });
      expect(tooFar(got, value, (i) => error[i]! + formula)).toBeNull();

      const want = await forward(model, x, shape, cpu).data();
      const back = await forward(imported, x, shape, cpu).data();
      if (OTHER_BITS.includes(name)) {
        // The same function in exact arithmetic: both are within their own bounds of it.
        const { error: ownError } = bounded(judged, x, shape, own);
        expect(tooFar(back, want, (i) => error[i]! + ownError[i]!)).toBeNull();
      } else expect(back).toEqual(want);
    }
  });
});

describe('what cannot be exported', () => {
  const refused: Record<string, [(x: Tensor) => Tensor, RegExp | typeof UnsupportedError]> = {
    'random numbers': [(x) => dropout(x, 0.5), /the network draws random numbers/],
    'values that are looked at': [(x) => (x.dataSync()[0]! > 0 ? x : mul(x, 2)), UnsupportedError],
    'a number that is the batch size': [(x) => mul(x, x.shape[0]!), /for any batch size: .*Mul/],
    'other ops for other batches': [
      (x) => (x.shape[0]! % 10 === 9 ? mul(x, x) : x),
      /for any batch size: it does other things/,
    ],
    'half of the batch': [(x) => split(x, [5, x.shape[0]! - 5], 0)[1]!, /for any batch size: .*Slice/],
  };
  test.each(Object.entries(refused))('%s', async (_, [run, message]) => {
    await expect(exportOnnx(network(run), { input: [4] })).rejects.toThrow(message);
  });

  test('preprocessing that nobody described, or of another size', async () => {
    const model = network((x) => x);
    await expect(exportOnnx(model, { input: [3, 8, 8], withPreprocessing: true })).rejects.toThrow(
      /say what it is/,
    );
    await expect(
      exportOnnx(model, { input: [3, 9, 8], preprocess, withPreprocessing: true }),
    ).rejects.toThrow(/gives samples of \[3, 8, 8\], the model is exported for \[3, 9, 8\]/);
  });
});

const preprocess: Preprocess = {
  size: 8,
  fit: 'crop',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  layout: 'channels-first',
};

describe('the file', () => {
  /** A graph in words: nodes with what they take and give. */
  const lines = ({ graph }: OnnxModel): string[] =>
    graph.nodes.map((n) => `${n.name}: ${n.opType}(${n.inputs.join(', ')}) → ${n.outputs.join(', ')}`);

  test('has the parts of a composite that ONNX has no operator for, and the operators for those in it', async () => {
    const operators = async (name: string): Promise<string[]> => {
      const { make, input } = networks[name]!;
      const { graph } = decodeModel(await exportOnnx(make(), { input }));
      return graph.nodes.map((n) => n.opType);
    };
    expect(await operators('a gradient of its own')).toEqual(['Mul']);
    expect(await operators('a composite of its own, with another in it')).toEqual(['Mul', 'Mul', 'Softmax']);
    expect(await operators('a composite with three results, two of them used')).toEqual([
      'Add',
      'Mul',
      'Mul',
    ]);
  });

  test('has ordinary nodes under the names of layers, and weights under their state-dict names', async () => {
    const { make, input } = networks['a small network, channels-first']!;
    const model = made(make, cpu);
    const onnx = decodeModel(
      await exportOnnx(model, { input, classes: ['a', 'b'], metadata: { licence: 'MIT' } }),
    );
    expect([onnx.producerName, onnx.irVersion, [...onnx.opsets]]).toEqual(['graft', 8, [['', 17]]]);
    expect(onnx.graph.nodes.map((n) => n.opType)).toEqual([
      ...['Conv', 'BatchNormalization', 'Relu', 'Conv', 'BatchNormalization', 'Add', 'Clip'],
      ...['GlobalAveragePool', 'Flatten', 'Gemm'],
    ]);
    expect(lines(onnx).filter((l) => !l.startsWith('Relu'))[0]).toMatch(
      /^conv1: Conv\(input, conv1\.weight\) → /,
    );
    expect(lines(onnx).at(-1)).toMatch(/^fc: Gemm\(\S+, fc\.weight, fc\.bias\) → logits$/);
    const conv = onnx.graph.nodes[0]!.attributes;
    expect(conv).toMatchObject({
      kernel_shape: { value: [3, 3] },
      strides: { value: [2, 2] },
      pads: { value: [1, 1, 1, 1] },
      group: { value: 1 },
    });
    const stored = new Map(onnx.graph.initializers.map((t) => [t.name, t]));
    for (const [name, value] of model.stateDict()) {
      if (name.endsWith('num_batches_tracked')) continue;
      expect(stored.get(name)?.dims).toEqual(value.shape);
      expect(valuesOf(stored.get(name)!)).toEqual(await value.data());
    }
    expect(onnx.graph.inputs).toEqual([{ name: 'input', element: 'float32', shape: ['batch', 3, 12, 12] }]);
    expect(onnx.graph.outputs).toEqual([{ name: 'logits', element: 'float32', shape: ['batch', 5] }]);
    expect(onnx.metadata.get(ONNX_METADATA.classes)).toBe('["a","b"]');
    expect(onnx.metadata.get('licence')).toBe('MIT');
  });

  test('is the same when it is written again, and leaves the model in its mode', async () => {
    const { make, input } = networks['a small network, channels-last']!;
    const model = made(make, cpu).train();
    const bytes = await exportOnnx(model, { input });
    expect(model.training).toBe(true);
    expect(await exportOnnx(model, { input })).toEqual(bytes);
  });

  test('shares weights that are shared', async () => {
    const conv = made(() => new Conv2d(2, 2, 3, { padding: 1 }), cpu);
    const twice = network((x) => add(conv.forward(conv.forward(x)), transpose(x, [0, 1, 3, 2])));
    const { graph } = decodeModel(await exportOnnx(twice, { input: [2, 4, 4] }));
    expect(graph.initializers.filter((t) => t.dims.length === 4)).toHaveLength(1);
  });
});

describe('with the preprocessing in the graph', () => {
  test.each(['channels-first', 'channels-last'] as const)('pictures become the input, %s', async (layout) => {
    const p = { ...preprocess, layout };
    const input = layout === 'channels-first' ? [3, 8, 8] : [8, 8, 3];
    const bytes = await exportOnnx(
      network((x) => mul(x, 1)),
      { input, preprocess: p, withPreprocessing: true },
    );
    const { graph, metadata } = decodeModel(bytes);
    expect(graph.inputs).toEqual([{ name: 'pictures', element: 'uint8', shape: ['batch', 8, 8, 3] }]);
    expect(JSON.parse(metadata.get(ONNX_METADATA.preprocess)!)).toEqual(p);
    const pictures = Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => (i * 37) % 256);
    const got = await inRuntime(bytes, { pictures: new OrtTensor('uint8', pictures, [2, 8, 8, 3]) });
    const want = new Float64Array(got.length);
    const sizes = new Float64Array(got.length);
    pictures.forEach((v, i) => {
      const [c, at, n] = [i % 3, Math.floor(i / 3) % 64, Math.floor(i / 192)];
      const to = layout === 'channels-first' ? n * 192 + c * 64 + at : i;
      want[to] = (v / 255 - p.mean[c]!) / p.std[c]!;
      sizes[to] = (v / 255 + p.mean[c]!) / p.std[c]!;
    });
    // v · scale + shift: scale, shift, the product and the sum are rounded, so each term three times at most.
    expect(tooFar(got, want, (i) => 3.01 * 2 ** -24 * sizes[i]!)).toBeNull();
  });
});
