import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend, stagesOf, tensor } from '@graftjs/core';
import { encodeModel, tensorOf, type OnnxElement, type OnnxNode, type OnnxTensor } from '@graftjs/onnx-graph';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GraphModule } from '../src/graph/module.ts';
import { importOnnx, type OnnxNetwork } from '../src/onnx/import.ts';
import { floats, input, model, n } from './onnx-model.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const wave = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + seed));
const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const scalar = (name: string, element: OnnxElement, v: number): OnnxTensor =>
  tensorOf(name, element, [], [v]);
const microsoft = (node: OnnxNode): OnnxNode => ({ ...node, domain: 'com.microsoft' });

/** Weights as a quantiser stores them: bytes around a zero point, and a scale for all or for each of the first axis. */
function quantized(
  name: string,
  dims: readonly number[],
  o: { element?: 'int8' | 'uint8'; perChannel?: boolean; axis?: number; oneZero?: boolean } = {},
): { tensors: OnnxTensor[]; real: Float32Array; scales: number[] } {
  const { element = 'uint8', perChannel = false, axis = 0, oneZero = false } = o;
  const channels = perChannel ? dims[axis]! : 1;
  const inner = sizeOf(dims.slice(axis + 1));
  const scales = Array.from({ length: channels }, (_, c) => Math.fround(0.002 * (1 + c / channels)));
  const zeros = scales.map((_, c) => (element === 'int8' ? 0 : 120 + (oneZero ? 0 : c % 5)));
  const at = (i: number): number => (perChannel ? Math.floor(i / inner) % channels : 0);
  const bytes = wave(sizeOf(dims), name.length).map((v, i) => Math.round(v * 100) + zeros[at(i)]!);
  const shape = perChannel ? [channels] : [];
  return {
    tensors: [
      tensorOf(`${name}_quantized`, element, dims, bytes),
      tensorOf(`${name}_scale`, 'float32', shape, scales),
      tensorOf(`${name}_zero`, element, oneZero ? [] : shape, oneZero ? [zeros[0]!] : zeros),
    ],
    real: bytes.map((v, i) => (v - zeros[at(i)]!) * scales[at(i)]!),
    scales,
  };
}

async function both(
  nodes: OnnxNode[],
  tensors: OnnxTensor[],
  shape: number[],
): Promise<{ network: OnnxNetwork; got: Float32Array; want: Float32Array }> {
  const graph = model(nodes, tensors, { inputs: [input('x', shape)], opset: 13 });
  const bytes = encodeModel({ ...graph, opsets: new Map([...graph.opsets, ['com.microsoft', 1]]) });
  const x = wave(sizeOf(shape), 1);
  const session = await ort.InferenceSession.create(bytes);
  const out = await session.run({ x: new ort.Tensor('float32', x, shape) });
  const network = await importOnnx(bytes);
  const y = network.model.eval().forward(tensor(x, shape));
  return { network, got: y.dataSync() as Float32Array, want: Object.values(out)[0]!.data as Float32Array };
}
const layers = (network: OnnxNetwork): string[] =>
  stagesOf(network.model).flatMap((s) => (s.module as GraphModule).graph.nodes.map((x) => x.op));

/**
 * What quantising x, of range [low, high], to 256 steps may change in a sum of products: half a step for each, times the
 * weights' absolute values.
 */
const bound = (x: Float32Array, absolute: number): number => {
  const range = Math.max(0, Math.max(...x)) - Math.min(0, Math.min(...x));
  return (range / 255) * 0.5 * absolute * 1.01;
};
/** The largest sum of absolute weights of one output. */
const heaviest = (w: Float32Array, outputs: number): number => {
  const each = w.length / outputs;
  return Math.max(
    ...Array.from({ length: outputs }, (_, o) =>
      w.subarray(o * each, (o + 1) * each).reduce((a, v) => a + Math.abs(v), 0),
    ),
  );
};
const worst = (a: Float32Array, b: Float32Array): number =>
  a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);

describe('quantised while it runs', () => {
  const dynamic = (x: string): OnnxNode => n('DynamicQuantizeLinear', [x], [`${x}_q`, `${x}_s`, `${x}_z`]);

  it.each([
    [false, 'uint8'],
    [true, 'uint8'],
    [true, 'int8'],
  ] as const)(
    'a convolution, per channel: %s, of %s, is one of real weights',
    async (perChannel, element) => {
      const w = quantized('w', [24, 16, 4, 4], { perChannel, element, oneZero: true });
      const factor = tensorOf('w_s', 'float32', perChannel ? [1, 24, 1, 1] : [], w.scales);
      const { network, got, want } = await both(
        [
          dynamic('x'),
          n('ConvInteger', ['x_q', 'w_quantized', 'x_z', 'w_zero'], ['c'], {}, '/conv/Conv_quant'),
          n('Cast', ['c'], ['f'], { to: 1 }),
          n('Mul', ['x_s', 'w_s'], ['s']),
          n('Mul', ['f', 's'], ['m']),
          n('Add', ['m', 'bias'], ['y']),
        ],
        [...w.tensors, factor, floats('bias', [1, 24, 1, 1])],
        [1, 16, 9, 9],
      );
      expect(layers(network)).toEqual(['conv', 'add']);
      expect(worst(network.model.parameters()[0]!.value.dataSync() as Float32Array, w.real)).toBe(0);
      expect(worst(got, want)).toBeLessThan(bound(wave(16 * 81, 1), heaviest(w.real, 24)));
    },
  );

  it('a product with more weights than a constant in the graph may have', async () => {
    const w = quantized('w', [300, 40], { element: 'int8' });
    const { network, got, want } = await both(
      [
        dynamic('x'),
        n('MatMulInteger', ['x_q', 'w_quantized', 'x_z', 'w_zero'], ['c']),
        n('Cast', ['c'], ['f'], { to: 1 }),
        n('Mul', ['x_s', 'w_scale'], ['s']),
        n('Mul', ['f', 's'], ['m']),
        n('Add', ['m', 'bias'], ['y']),
      ],
      [...w.tensors, floats('bias', [40])],
      [2, 300],
    );
    expect(layers(network)).toEqual(['linear']);
    const turned = w.real.map((_, i) => w.real[(i % 300) * 40 + Math.floor(i / 300)]!);
    expect(worst(network.model.parameters()[0]!.value.dataSync() as Float32Array, turned)).toBe(0);
    expect(worst(got, want)).toBeLessThan(bound(wave(600, 1), heaviest(turned, 40)));
  });

  it('a product of two computed matrices', async () => {
    const { network, got, want } = await both(
      [
        n('Transpose', ['x'], ['t'], { perm: [1, 0] }),
        dynamic('x'),
        dynamic('t'),
        n('MatMulInteger', ['x_q', 't_q', 'x_z', 't_z'], ['c']),
        n('Cast', ['c'], ['f'], { to: 1 }),
        n('Mul', ['x_s', 't_s'], ['s']),
        n('Mul', ['f', 's'], ['y']),
      ],
      [],
      [3, 20],
    );
    expect(layers(network)).toContain('matmul');
    expect(worst(got, want)).toBeLessThan(bound(wave(60, 1), 20) * 2);
  });

  it('keeps its bytes where somebody looks at them', async () => {
    const { got, want } = await both([dynamic('x'), n('Cast', ['x_q'], ['y'], { to: 1 })], [], [3, 20]);
    expect(worst(got, want)).toBe(0);
  });

  it("in ONNX Runtime's own words", async () => {
    const w = quantized('w', [300, 40]);
    const { network, got, want } = await both(
      [microsoft(n('DynamicQuantizeMatMul', ['x', 'w_quantized', 'w_scale', 'w_zero', 'bias'], ['y']))],
      [...w.tensors, floats('bias', [40])],
      [2, 300],
    );
    expect(layers(network)).toEqual(['linear']);
    const turned = w.real.map((_, i) => w.real[(i % 300) * 40 + Math.floor(i / 300)]!);
    expect(worst(got, want)).toBeLessThan(bound(wave(600, 1), heaviest(turned, 40)));
  });
});

describe('quantised throughout', () => {
  const step = (name: string, v: number, zero = 128): OnnxTensor[] => [
    scalar(`${name}_scale`, 'float32', v),
    scalar(`${name}_zero`, 'uint8', zero),
  ];
  const of = (name: string): string[] => [name, `${name}_scale`, `${name}_zero`];
  const steps = (name: string): string[] => of(name).slice(1);
  const weights = (name: string): string[] => [`${name}_quantized`, ...steps(name)];
  const quantize = (from: string, to: string): OnnxNode => n('QuantizeLinear', [from, ...steps(to)], [to]);

  it('layers of operators on bytes, with a bias and large weights', async () => {
    const a = quantized('wa', [32, 16, 3, 3], { perChannel: true, element: 'int8' });
    const b = quantized('wb', [200, 32], { element: 'int8' });
    const bias = Float32Array.from({ length: 32 }, (_, i) => i * 30 - 400);
    const { network, got, want } = await both(
      [
        quantize('x', 'xq'),
        n(
          'QLinearConv',
          [...of('xq'), ...weights('wa'), ...steps('cq'), 'ba'],
          ['cq'],
          { pads: [1, 1, 1, 1] },
          '/a/Conv',
        ),
        n('MaxPool', ['cq'], ['pq'], { kernel_shape: [2, 2], strides: [2, 2] }),
        microsoft(n('QLinearAdd', ['pq', ...steps('cq'), 'pq', ...steps('cq'), ...steps('sq')], ['sq'])),
        microsoft(n('QLinearGlobalAveragePool', [...of('sq'), ...steps('gq')], ['gq'], { channels_last: 0 })),
        n('Flatten', ['gq'], ['fq']),
        microsoft(
          n(
            'QGemm',
            ['fq', ...steps('gq'), ...weights('wb'), 'bb', ...steps('yq')],
            ['yq'],
            { transB: 1 },
            '/b/Gemm',
          ),
        ),
        n('DequantizeLinear', of('yq'), ['y']),
      ],
      [
        ...step('xq', 0.008),
        ...step('cq', 0.02),
        ...step('sq', 0.03),
        ...step('gq', 0.004),
        ...step('yq', 0.005),
        ...a.tensors,
        ...b.tensors,
        tensorOf('ba', 'int32', [32], bias),
        tensorOf('bb', 'int32', [200], new Float32Array(200)),
      ],
      [1, 16, 8, 8],
    );
    expect(stagesOf(network.model).length).toBeGreaterThan(1);
    expect(network.model.parameters().map((p) => p.value.shape)).toEqual([
      [32, 16, 3, 3],
      [32],
      [200, 32],
      [200],
    ]);
    // Sums that are rounded otherwise may fall on the other side of a tie, three times in a row: a step of the result each.
    expect(worst(got, want)).toBeLessThanOrEqual(3 * 0.005 + 1e-6);
    expect(Math.max(...want.map(Math.abs))).toBeGreaterThan(0.05);
  });

  it('layers between QuantizeLinear and DequantizeLinear, per channel', async () => {
    const w = quantized('w', [64, 16, 3, 3], { perChannel: true, element: 'int8' });
    const { network, got, want } = await both(
      [
        quantize('x', 'xq'),
        n('DequantizeLinear', of('xq'), ['xd']),
        n('DequantizeLinear', weights('w'), ['w'], { axis: 0 }),
        n('Conv', ['xd', 'w'], ['c'], {}, '/a/Conv'),
        quantize('c', 'cq'),
        n('DequantizeLinear', of('cq'), ['y']),
      ],
      [...step('xq', 0.008), ...step('cq', 0.02), ...w.tensors],
      [1, 16, 8, 8],
    );
    expect(network.model.parameters().map((p) => p.value.shape)).toEqual([[64, 16, 3, 3]]);
    expect(worst(got, want)).toBeLessThanOrEqual(0.02 + 1e-6);
  });
});
