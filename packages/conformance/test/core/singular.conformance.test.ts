import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  abs,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  convTranspose,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  crossEntropy,
  grad,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  logSoftmax,
  max,
  maximum,
  mul,
  nll,
  ones,
  pow,
  setDefaultBackend,
  sum,
  tensor,
  valueAndGrad,
  vjp,
  zeros,
  type Module,
  type Tensor,
} from '@graftjs/core';
import { describe, expect, test } from 'vitest';

setDefaultBackend(await createCpuBackend());
const values = (t: Tensor): number[] => [...t.dataSync()];
const derivative =
  (f: (x: Tensor) => Tensor) =>
  (x: Tensor): Tensor =>
    grad((t) => sum(f(t)))(x)[0]!;
/** −0 is 0 here: PyTorch and Graft need not agree on the sign of a gradient that is none. */
const plain = (t: Tensor): number[] => values(t).map((v) => v + 0);

// The numbers are PyTorch 1.13's unless said.
describe('powers where a logarithm or a reciprocal has a pole', () => {
  test.each([
    [0, [0, 0], [0, 0]],
    [1, [1, 1], [0, 0]],
    [2, [0, -4], [2, 2]],
    [3, [0, 12], [0, -12]],
    [0.5, [Infinity, NaN], [-Infinity, NaN]],
    [-1, [-Infinity, -0.25], [Infinity, -0.25]],
  ])('x^%d at 0 and −2: first and second derivative', (p, first, second) => {
    const x = tensor([0, -2]);
    const d = derivative((t) => pow(t, p));
    expect(plain(d(x))).toEqual(first);
    expect(plain(derivative(d)(x))).toEqual(second);
  });

  test('in base and exponent, both tensors', () => {
    const [base, exponent] = [
      [0, 0, 0, 0, 0, 0, -2, -2, -2, 2, Infinity, 1e-40, -1, NaN],
      [0, 1, 2, 0.5, -1, 3, 0, 2, 0.5, 0, 0, 0, 1, 0],
    ];
    const [inBase, inExponent] = grad((a, b) => sum(pow(a, b)))(tensor(base), tensor(exponent));
    expect(plain(inBase!)).toEqual([0, 1, 0, Infinity, -Infinity, 0, 0, -4, NaN, 0, 0, 0, 1, 0]);
    const found = plain(inExponent!).map((v) => Number(v.toFixed(4)));
    expect(found).toEqual([0, 0, 0, 0, -Infinity, 0, NaN, NaN, NaN, 0.6931, Infinity, -92.1034, NaN, NaN]);
  });

  test('an infinite gradient goes to the maximum alone', () => {
    const picked = vjp((x) => max(x, 1), [tensor([[1, 3, 3]])], tensor([Infinity])).grads[0]!;
    expect(values(picked)).toEqual([0, Infinity, 0]);
  });

  test('kinks', () => {
    expect(values(derivative(abs)(tensor([0, -0, -2])))).toEqual([0, -0, -1]);
    expect(values(derivative((t) => maximum(t, 0))(tensor([0, 1, -1])))).toEqual([0.5, 1, 0]);
  });
});

describe('losses in which nothing counts', () => {
  const ignored = tensor(Int32Array.of(-100, -100));
  const weight = tensor([0, 1, 1]);
  test.each<[string, (x: Tensor) => Tensor]>([
    ['plain', (x) => crossEntropy(x, ignored)],
    ['smoothed', (x) => crossEntropy(x, ignored, { labelSmoothing: 0.1 })],
    ['weighted', (x) => crossEntropy(x, ignored, { weight, labelSmoothing: 0.1 })],
    ['nll', (x) => nll(logSoftmax(x), ignored)],
    // PyTorch: NaN. A class that counts for nothing is no reason to lose the weights.
    ['all of weight 0', (x) => crossEntropy(x, tensor(Int32Array.of(0, 0)), { weight })],
  ])('%s: the mean is NaN, its gradient 0', (_, f) => {
    const x = { value: zeros([2, 3]) };
    const { value, grads } = valueAndGrad(() => f(x.value), [x]);
    expect(values(value)).toEqual([NaN]);
    expect(plain(grads[0]!)).toEqual([0, 0, 0, 0, 0, 0]);
    // Twice, too.
    expect(plain(derivative(derivative(f))(x.value))).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('one of two: its gradient as if it were alone', () => {
    const target = tensor(Int32Array.of(1, -100));
    const g = derivative((x) => crossEntropy(x, target, { labelSmoothing: 0.1 }))(zeros([2, 3]));
    [0.3, -0.6, 0.3, 0, 0, 0].forEach((v, i) => expect(values(g)[i]).toBeCloseTo(v, 6));
  });
});

describe('normalization of nothing', () => {
  test.each<[string, () => BatchNorm1d | BatchNorm2d | BatchNorm3d, number[]]>([
    ['BatchNorm1d', () => new BatchNorm1d(2), [0, 2]],
    ['BatchNorm1d, sequences', () => new BatchNorm1d(2), [3, 2, 0]],
    ['BatchNorm2d', () => new BatchNorm2d(2), [0, 2, 3, 3]],
    ['BatchNorm2d, channels-last', () => new BatchNorm2d(2, { layout: 'channels-last' }), [0, 3, 3, 2]],
    ['BatchNorm3d', () => new BatchNorm3d(2), [0, 2, 1, 3, 3]],
  ])('%s keeps its statistics', (_, make, shape) => {
    const norm = make();
    norm.train();
    const { value, grads } = valueAndGrad(() => sum(norm.forward(zeros(shape))), [norm.weight!, norm.bias!]);
    expect(values(value)).toEqual([0]);
    expect(grads.map(values)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const state = Object.fromEntries([...norm.stateDict()].map(([name, t]) => [name, [...t.dataSync()]]));
    expect(state['running_mean']).toEqual([0, 0]);
    expect(state['running_var']).toEqual([1, 1]);
    expect(state['num_batches_tracked']).toEqual([1]);
    // And goes on as if nothing had been.
    norm.forward(ones(shape.map((d) => (d === 0 ? 3 : d))));
    expect(values(norm.runningMean.value).every((v) => Math.abs(v - 0.1) < 1e-6)).toBe(true);
  });

  test.each<[string, Module, number[]]>([
    ['GroupNorm', new GroupNorm(2, 4), [0, 4, 3]],
    ['InstanceNorm', new InstanceNorm(4, { affine: true }), [0, 4, 3]],
    ['LayerNorm', new LayerNorm(3), [0, 3]],
  ])('%s gives nothing, with gradients of 0', (_, norm, shape) => {
    const parameters = [...norm.namedParameters()].map(([, p]) => p);
    const { grads } = valueAndGrad(() => sum(norm.forward(zeros(shape))), parameters);
    for (const g of grads) expect(values(g).every((v) => v === 0)).toBe(true);
  });
});

describe('an outputPadding that only the dilation allows', () => {
  test('adds a row and a column that no tap touches', () => {
    const y = convTranspose(ones([1, 1, 3, 3]), ones([1, 1, 2, 2]), { dilation: 2, outputPadding: 1 });
    expect(y.shape).toEqual([1, 1, 6, 6]);
    const row = [1, 1, 2, 1, 1, 0];
    const twice = row.map((v) => 2 * v);
    expect(values(y)).toEqual([row, row, twice, row, row, row.map(() => 0)].flat());
  });

  // Each against the same without outputPadding: the values there, and zeros behind.
  test.each<[string, object, number]>([
    ['stride 1', { dilation: 3, outputPadding: 2 }, 2],
    ['stride 2', { stride: 2, dilation: 4, outputPadding: 3 }, 3],
    ['padding takes of it first', { dilation: 3, padding: 1, outputPadding: 2 }, 2],
  ])('in one, two and three dimensions, both layouts, gradients too: %s', (_, options, more) => {
    for (const rank of [1, 2, 3])
      for (const layout of ['channels-first', 'channels-last'] as const) {
        const shape =
          layout === 'channels-first' ? [1, 1, ...Array(rank).fill(2)] : [1, ...Array(rank).fill(2), 1];
        const x = tensor(
          Float32Array.from({ length: 2 ** rank }, (_v, i) => i + 1),
          shape,
        );
        const w = tensor(
          Float32Array.from({ length: 2 ** rank }, (_v, i) => i - 1),
          [1, 1, ...Array<number>(rank).fill(2)],
        );
        const bare = convTranspose(x, w, { ...options, outputPadding: 0, layout });
        const y = convTranspose(x, w, { ...options, layout });
        expect(y.shape.filter((d) => d > 1)).toEqual(bare.shape.filter((d) => d > 1).map((d) => d + more));
        const [gx, gw] = grad((a, b) => sum(mul(convTranspose(a, b, { ...options, layout }), 2)))(x, w);
        expect(gx!.shape).toEqual(x.shape);
        expect(gw!.shape).toEqual(w.shape);
        if (!('padding' in options)) {
          expect(values(sum(y))).toEqual(values(sum(bare)));
          expect(values(gw!)).toEqual(Array(2 ** rank).fill(2 * values(sum(x))[0]!));
        }
      }
  });

  test('in layers, with a bias everywhere', () => {
    const options = { dilation: 2, outputPadding: 1 };
    const layers = [
      new ConvTranspose1d(1, 2, 2, options),
      new ConvTranspose2d(1, 2, 2, options),
      new ConvTranspose3d(1, 2, 2, options),
    ];
    layers.forEach((layer, i) => {
      const y = layer.forward(ones([1, 1, ...Array<number>(i + 1).fill(3)]));
      expect(y.shape).toEqual([1, 2, ...Array<number>(i + 1).fill(6)]);
      expect(y.dataSync().at(-1)).toBe(layer.bias!.value.dataSync()[1]);
    });
    expect(() => convTranspose(ones([1, 1, 3]), ones([1, 1, 2]), { dilation: 2, outputPadding: 2 })).toThrow(
      /outputPadding 2 must be smaller than the stride \(1\) or the dilation \(2\)/,
    );
  });
});
