import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  add,
  batchNorm,
  bceWithLogits,
  crossEntropy,
  div,
  dropout,
  elu,
  exp,
  gelu,
  grad,
  greater,
  greaterEqual,
  groupNorm,
  hardsigmoid,
  hardswish,
  hardtanh,
  instanceNorm,
  l1,
  layerNorm,
  leakyRelu,
  less,
  log,
  logSoftmax,
  mean,
  minimum,
  mish,
  mse,
  mul,
  neg,
  nll,
  ones,
  padReflect,
  padReplicate,
  prelu,
  Random,
  randomNormal,
  relu,
  relu6,
  reshape,
  resize,
  select,
  setDefaultBackend,
  sigmoid,
  silu,
  smoothL1,
  softmax,
  softplus,
  sqrt,
  sub,
  sum,
  tanh,
  tensor,
  transpose,
  Upsample,
  variance,
  vjp,
  type Tensor,
} from '@graftjs/core';
import { describe, expect, test } from 'vitest';

const backend = await createCpuBackend();
setDefaultBackend(backend);
const values = (t: Tensor): number[] => [...t.dataSync()];
const normal = (shape: number[], name: string, scale = 1): Tensor =>
  mul(randomNormal(shape, new Random(2, name)), scale);

function near(found: Tensor, wanted: Tensor, what: string, tolerance = 2e-5): void {
  expect(found.shape, what).toEqual(wanted.shape);
  const want = values(wanted);
  values(found).forEach((v, i) => {
    expect(Math.abs(v - want[i]!), `${what}[${i}]: ${v}, not ${want[i]}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(want[i]!)),
    );
  });
}

type Fn = (...inputs: Tensor[]) => Tensor;

/** Σ of the gradients' products with fixed numbers: its own gradients are second derivatives. */
function gradientsMixed(f: Fn, inputs: readonly Tensor[]): Tensor {
  const y = f(...inputs);
  const gy = normal([...y.shape], 'gy');
  return vjp(f, inputs, gy)
    .grads.map((g, i) => sum(mul(g, normal([...g.shape], `mix ${i}`))))
    .reduce((a, b) => add(a, b));
}

const x = normal([3, 4, 2, 3], 'x', 2);
const flat = normal([5, 6], 'flat', 2);
const [weight, bias] = [normal([4], 'weight'), normal([4], 'bias')];
const perChannel = (p: Tensor): Tensor => reshape(p, [4, 1, 1]);
const naiveNorm = (t: Tensor, axes: number[]): Tensor =>
  div(sub(t, mean(t, axes, { keepDims: true })), sqrt(add(variance(t, axes, { keepDims: true }), 1e-5)));
const naiveLogSoftmax = (t: Tensor): Tensor => sub(t, log(sum(exp(t), 1, { keepDims: true })));
const running = (): { mean: Tensor; variance: Tensor } => ({ mean: normal([4], 'rm'), variance: ones([4]) });
const naiveGelu: Fn = (t) =>
  mul(mul(t, 0.5), add(tanh(mul(add(t, mul(mul(mul(t, t), t), 0.044715)), Math.sqrt(2 / Math.PI))), 1));
const gate: Fn = (t) => div(minimum(relu(add(t, 3)), 6), 6);
const hot = tensor(
  [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0],
  [5, 6],
  { backend },
);
const labels = tensor(Int32Array.of(2, 5, 0, 4, 1), [5], { backend });
const classWeight = tensor([0.5, 8, 30, 0.25, 1, 100], [6], { backend });

/** Each composite with a gradient of its own, beside its definition in plain ops. */
const pairs: [string, Tensor[], Fn, Fn][] = [
  ['relu6', [flat], relu6, (t) => minimum(relu(t), 6)],
  ['leakyRelu', [flat], (t) => leakyRelu(t, 0.2), (t) => select(greater(t, 0), t, mul(t, 0.2))],
  ['elu', [flat], (t) => elu(t, 1.5), (t) => select(greater(t, 0), t, mul(sub(exp(t), 1), 1.5))],
  ['gelu, tanh', [flat], (t) => gelu(t, { approximate: 'tanh' }), naiveGelu],
  ['silu', [flat], silu, (t) => mul(t, sigmoid(t))],
  ['hardswish', [flat], hardswish, (t) => mul(t, gate(t))],
  ['hardsigmoid', [flat], hardsigmoid, gate],
  [
    'hardtanh',
    [flat],
    (t) => hardtanh(t, -2, 1),
    (t) => select(less(t, -2), -2, select(greaterEqual(t, 1), 1, t)),
  ],
  ['softplus', [flat], (t) => softplus(t, 2), (t) => div(log(add(exp(mul(t, 2)), 1)), 2)],
  ['mish', [flat], mish, (t) => mul(t, tanh(log(add(exp(t), 1))))],
  ['softmax', [flat], (t) => softmax(t, 1), (t) => div(exp(t), sum(exp(t), 1, { keepDims: true }))],
  ['logSoftmax', [flat], (t) => logSoftmax(t, 1), naiveLogSoftmax],
  [
    'crossEntropy',
    [flat],
    (t) => crossEntropy(t, labels),
    (t) => div(neg(sum(mul(hot, naiveLogSoftmax(t)))), 5),
  ],
  [
    'crossEntropy with soft targets',
    [flat, normal([5, 6], 'target')],
    (t, p) => crossEntropy(t, p, { labelSmoothing: 0.1 }),
    (t, p) => div(neg(sum(mul(add(mul(p, 0.9), 0.1 / 6), naiveLogSoftmax(t)))), 5),
  ],
  [
    "crossEntropy, smoothed, by each sample's weight",
    [flat],
    (t) => crossEntropy(t, labels, { weight: classWeight, labelSmoothing: 0.1, weighting: 'sample' }),
    (t) => {
      const own = sum(mul(hot, classWeight), 1);
      const each = neg(sum(mul(add(mul(hot, 0.9), 0.1 / 6), naiveLogSoftmax(t)), 1));
      return div(sum(mul(own, each)), sum(own));
    },
  ],
  [
    "crossEntropy with soft targets, smoothed, by each sample's weight",
    [flat, normal([5, 6], 'target')],
    (t, p) => crossEntropy(t, p, { weight: classWeight, labelSmoothing: 0.1, weighting: 'sample' }),
    (t, p) => {
      // The mean over the labels k that p gives, of w[k] times the smoothed loss of k.
      const logp = naiveLogSoftmax(t);
      const even = sum(logp, 1, { keepDims: true });
      const smoothed = add(mul(logp, 0.9), mul(even, 0.1 / 6));
      return div(neg(sum(mul(mul(p, classWeight), smoothed))), 5);
    },
  ],
  [
    'smoothL1',
    [flat, normal([5, 6], 'target')],
    (t, p) => smoothL1(t, p, { beta: 2, reduction: 'sum' }),
    (t, p) => {
      const d = sub(t, p);
      const size = mul(d, select(greater(d, 0), ones([5, 6]), -1));
      return sum(select(less(size, 2), mul(mul(d, d), 0.25), sub(size, 1)));
    },
  ],
  [
    'batchNorm',
    [x, weight, bias],
    (t, w, b) => batchNorm(t, running(), { weight: w, bias: b, training: true }).y,
    (t, w, b) => add(mul(naiveNorm(t, [0, 2, 3]), perChannel(w)), perChannel(b)),
  ],
  [
    'batchNorm, bare',
    [x],
    (t) => batchNorm(t, running(), { training: true }).y,
    (t) => naiveNorm(t, [0, 2, 3]),
  ],
  [
    'layerNorm',
    [x, normal([2, 3], 'lw'), normal([2, 3], 'lb')],
    (t, w, b) => layerNorm(t, [2, 3], { weight: w, bias: b }),
    (t, w, b) => add(mul(naiveNorm(t, [2, 3]), w), b),
  ],
  [
    'groupNorm',
    [x, weight, bias],
    (t, w, b) => groupNorm(t, 2, { weight: w, bias: b }),
    (t, w, b) =>
      add(mul(reshape(naiveNorm(reshape(t, [3, 2, 12]), [2]), [3, 4, 2, 3]), perChannel(w)), perChannel(b)),
  ],
  ['instanceNorm', [x], (t) => instanceNorm(t), (t) => naiveNorm(t, [2, 3])],
];

describe('composites with a gradient of their own agree with their definitions', () => {
  test.each(pairs)('%s: value, gradients, and gradients of gradients', (name, inputs, own, naive) => {
    near(own(...inputs), naive(...inputs), name);
    const y = own(...inputs);
    const gy = normal([...y.shape], 'gy');
    const [a, b] = [vjp(own, inputs, gy).grads, vjp(naive, inputs, gy).grads];
    a.forEach((g, i) => near(g, b[i]!, `${name}: gradient ${i}`));
    const second = (f: Fn): Tensor[] => grad((...ts) => gradientsMixed(f, ts))(...inputs);
    second(own).forEach((g, i) => near(g, second(naive)[i]!, `${name}: second gradient ${i}`, 2e-4));
  });

  test('only the gradients that are wanted are computed, and they are the same', () => {
    const f = (w: Tensor): Tensor =>
      sum(mul(batchNorm(x, running(), { weight: w, bias, training: true }).y, x));
    const all = grad((t, w, b) =>
      sum(mul(batchNorm(t, running(), { weight: w, bias: b, training: true }).y, x)),
    )(x, weight, bias);
    expect(values(grad(f)(weight)[0]!)).toEqual(values(all[1]!));
  });
});

describe('extremes', () => {
  test('softmax, its logarithm and the losses neither overflow nor lose what is small', () => {
    const big = tensor([[1000, 0, -1000]]);
    expect(values(softmax(big))).toEqual([1, 0, 0]);
    expect(values(logSoftmax(big))).toEqual([0, -1000, -2000]);
    expect(values(crossEntropy(big, tensor(Int32Array.of(2), [1])))).toEqual([2000]);
    expect(values(crossEntropy(tensor([[0, -Infinity]]), tensor(Int32Array.of(0), [1])))).toEqual([0]);
    const logits = tensor([200, -200]);
    expect(values(bceWithLogits(logits, tensor([1, 0]), { reduction: 'none' }))).toEqual([0, 0]);
    expect(values(bceWithLogits(logits, tensor([0, 1]), { reduction: 'none' }))).toEqual([200, 200]);
  });

  test('activations far out have finite values and gradients', () => {
    const far = tensor([-200, 200]);
    for (const f of [
      elu,
      softplus,
      mish,
      silu,
      gelu,
      hardswish,
      (t: Tensor) => gelu(t, { approximate: 'tanh' }),
    ]) {
      for (const v of [...values(f(far)), ...values(grad((t) => sum(f(t)))(far)[0]!)])
        expect(Number.isFinite(v)).toBe(true);
    }
  });

  test('the two-pass variance survives a large mean', () => {
    const shifted = add(tensor([[1], [2], [3], [6]]), 1e5);
    const { y } = batchNorm(shifted, { mean: tensor([0]), variance: tensor([1]) }, { training: true });
    near(y, div(tensor([[-2], [-1], [0], [3]]), Math.sqrt(3.5)), 'standardized', 1e-5);
  });
});

describe('losses', () => {
  test('reductions, and what the ignored label does to them', () => {
    const target = tensor(Int32Array.of(2, -100, 0, 4, -100), [5]);
    const none = values(crossEntropy(flat, target, { reduction: 'none' }));
    expect([none[1], none[4]]).toEqual([0, 0]);
    const total = none.reduce((a, b) => a + b, 0);
    expect(values(crossEntropy(flat, target, { reduction: 'sum' }))[0]).toBeCloseTo(total, 4);
    expect(values(crossEntropy(flat, target))[0]).toBeCloseTo(total / 3, 5);
    const first = tensor(Int32Array.of(2, 1, 0, 4, 1), [5]);
    near(
      crossEntropy(flat, first, { ignoreIndex: 1 }),
      crossEntropy(flat, target),
      'a class as the ignored label',
    );
  });

  test('a label that is no class is an error, not a number', () => {
    expect(() => crossEntropy(flat, tensor(Int32Array.of(0, 1, 2, 3, 6), [5]))).toThrow(
      /label 6 is none of 6 classes: labels are 0 to 5, or ignoreIndex/,
    );
    expect(() => crossEntropy(flat, tensor(Int32Array.of(0), [1]))).toThrow(
      /must be int32 labels \[5\] or float32 probabilities \[5, 6\]/,
    );
  });

  test('nll of logSoftmax is crossEntropy, with class weights and over positions', () => {
    const logits = normal([2, 4, 3], 'positions');
    const target = tensor(Int32Array.of(0, 3, 1, 2, 2, -100), [2, 3]);
    const w = tensor([0.5, 1, 2, 4]);
    near(
      nll(logSoftmax(logits, 1), target, { weight: w }),
      crossEntropy(logits, target, { weight: w }),
      'nll',
    );
  });

  test('mse, l1 and positive weights', () => {
    const [p, t] = [tensor([1, 2, 4]), tensor([0, 4, 4])];
    expect(values(mse(p, t))[0]).toBeCloseTo(5 / 3, 6);
    expect(values(l1(p, t, { reduction: 'sum' }))).toEqual([3]);
    expect(values(smoothL1(p, t, { beta: 0, reduction: 'none' }))).toEqual([1, 2, 0]);
    const weighted = bceWithLogits(tensor([0.5, -1]), tensor([1, 0]), {
      posWeight: tensor([3, 3]),
      reduction: 'none',
    });
    expect(values(weighted)[0]).toBeCloseTo(3 * Math.log1p(Math.exp(-0.5)), 6);
    expect(values(weighted)[1]).toBeCloseTo(Math.log1p(Math.exp(-1)), 6);
    expect(() => mse(p, tensor([1]))).toThrow(/must have one shape/);
  });
});

describe('both layouts', () => {
  const last = (t: Tensor): Tensor => transpose(t, [0, 2, 3, 1]);
  const layout = 'channels-last' as const;
  test.each<[string, Fn, Fn]>([
    [
      'batchNorm',
      (t) => batchNorm(t, running(), { weight, bias, training: true }).y,
      (t) => batchNorm(t, running(), { weight, bias, training: true, layout }).y,
    ],
    [
      'stored statistics',
      (t) => batchNorm(t, running(), { weight, bias }).y,
      (t) => batchNorm(t, running(), { weight, bias, layout }).y,
    ],
    ['groupNorm', (t) => groupNorm(t, 2, { weight, bias }), (t) => groupNorm(t, 2, { weight, bias, layout })],
    ['instanceNorm', (t) => instanceNorm(t, { weight }), (t) => instanceNorm(t, { weight, layout })],
    ['prelu', (t) => prelu(t, weight), (t) => prelu(t, weight, { layout })],
    [
      'resize',
      (t) => resize(t, [5, 2], { mode: 'linear' }),
      (t) => resize(t, [5, 2], { mode: 'linear', layout }),
    ],
  ])('%s', (name, first, second) => near(second(last(x)), last(first(x)), name, 1e-6));
});

describe('movement', () => {
  test('dropout keeps the expectation, draws from the given stream, and is the identity in evaluation', () => {
    const big = ones([100, 200]);
    const y = values(dropout(big, 0.25, { random: new Random(1, 'drop') }));
    const dropped = y.filter((v) => v === 0).length;
    expect(Math.abs(dropped - 5000)).toBeLessThan(4 * Math.sqrt(20000 * 0.25 * 0.75));
    expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    expect(values(dropout(big, 0.25, { random: new Random(1, 'drop') }))).toEqual(y);
    expect(dropout(big, 0.25, { training: false })).toBe(big);
    expect(values(dropout(ones([3]), 1))).toEqual([0, 0, 0]);
    expect(() => dropout(big, 1.5)).toThrow(/not between 0 and 1/);
  });

  test('dropout by channel and by sample drops them whole', () => {
    for (const per of ['channel', 'sample'] as const) {
      const y = values(dropout(ones([16, 8, 5]), 0.5, { per, random: new Random(3, per) }));
      const block = per === 'channel' ? 5 : 40;
      for (let i = 0; i < y.length; i++) expect(y[i]).toBe(y[Math.floor(i / block) * block]);
      expect(new Set(y).size).toBe(2);
    }
  });

  test('nearest repeats and skips, in one, two and three dimensions', () => {
    expect(values(resize(tensor([[[1, 2, 3]]]), 6))).toEqual([1, 1, 2, 2, 3, 3]);
    expect(values(resize(tensor([[[1, 2, 3, 4]]]), 2))).toEqual([1, 3]);
    expect(values(resize(tensor([[[[1, 2]]]]), [2, 3]))).toEqual([1, 1, 2, 1, 1, 2]);
    expect(resize(ones([1, 1, 2, 2, 2]), [4, 2, 3], { mode: 'linear' }).shape).toEqual([1, 1, 4, 2, 3]);
  });

  // PyTorch 1.13, interpolate with scale_factor.
  test.each([
    [5, 1.5, [0, 0, 1, 2, 2, 3, 4], [0, 0.5, 1.1667, 1.8333, 2.5, 3.1667, 3.8333]],
    [8, 0.6, [0, 1, 3, 5], [0.3333, 2, 3.6667, 5.3333]],
    [9, 1 / 3, [0, 3, 6], [1, 4, 7]],
    [5, 1.1, [0, 0, 1, 2, 3], [0, 1, 2, 3, 4]],
    [7, 0.7, [0, 1, 2, 4], [0.2143, 1.6429, 3.0714, 4.5]],
    [4, 2.3, [0, 0, 0, 1, 1, 2, 2, 3, 3], [0, 0.1522, 0.587, 1.0217, 1.4565, 1.8913, 2.3261, 2.7609, 3]],
    [3, 2.7, [0, 0, 0, 1, 1, 1, 2, 2], [0, 0.0556, 0.4259, 0.7963, 1.1667, 1.537, 1.9074, 2]],
  ])('Upsample of %d by %d: positions go by the factor', (n, scale, nearest, linear) => {
    const x = tensor(
      Float32Array.from({ length: n }, (_, i) => i),
      [1, 1, n],
    );
    const of = (mode: 'nearest' | 'linear'): number[] => values(new Upsample({ scale, mode }).forward(x));
    expect(of('nearest')).toEqual(nearest);
    of('linear').forEach((v, i) => expect(v).toBeCloseTo(linear[i]!, 4));
    expect(of('linear')).toHaveLength(linear.length);
  });

  test('Upsample by factors in two and three dimensions, aligned corners, both layouts', () => {
    const numbers = Float32Array.from({ length: 12 }, (_, i) => i);
    const plane = tensor(numbers, [1, 1, 3, 4]);
    const want = [0.125, 1.375, 2.625, 2.125, 3.375, 4.625, 4.7917, 6.0417, 7.2917, 7.4583, 8.7083, 9.9583];
    const scale = [1.5, 0.8];
    const check = (y: Tensor, wanted: number[]): void =>
      values(y).forEach((v, i) => expect(v).toBeCloseTo(wanted[i]!, 4));
    check(new Upsample({ scale, mode: 'linear' }).forward(plane), want);
    const last = new Upsample({ scale, mode: 'linear', layout: 'channels-last' });
    check(last.forward(reshape(plane, [1, 3, 4, 1])), want);
    expect(values(new Upsample({ scale }).forward(plane))).toEqual([0, 1, 2, 0, 1, 2, 4, 5, 6, 8, 9, 10]);
    const volume = new Upsample({ scale: [0.7, 1.6, 2.2], mode: 'linear' }).forward(
      reshape(plane, [1, 1, 3, 2, 2]),
    );
    expect(volume.shape).toEqual([1, 1, 2, 3, 4]);
    check(volume, [
      ...[0.8571, 1.039, 1.4935, 1.8571, 1.7321, 1.914, 2.3685, 2.7321, 2.8571, 3.039, 3.4935, 3.8571],
      ...[6.5714, 6.7532, 7.2078, 7.5714, 7.4464, 7.6282, 8.0828, 8.4464, 8.5714, 8.7532, 9.2078, 9.5714],
    ]);
    const line = tensor([[[0, 1, 2, 3]]]);
    const aligned = new Upsample({ scale: 2.3, mode: 'linear', alignCorners: true });
    check(aligned.forward(line), [0, 0.375, 0.75, 1.125, 1.5, 1.875, 2.25, 2.625, 3]);
  });

  test('linear keeps a straight line straight where the corners are aligned', () => {
    expect(values(resize(tensor([[[0, 3, 6]]]), 5, { mode: 'linear', alignCorners: true }))).toEqual([
      0, 1.5, 3, 4.5, 6,
    ]);
    expect(values(resize(tensor([[[0, 4]]]), 4, { mode: 'linear' }))).toEqual([0, 1, 3, 4]);
    expect(values(resize(tensor([[[5, 7]]]), 1, { mode: 'linear', alignCorners: true }))).toEqual([5]);
  });

  test('borders are mirrored or repeated', () => {
    const line = tensor([[1, 2, 3]]);
    const amounts = { before: [0, 2], after: [0, 1] };
    expect(values(padReflect(line, amounts))).toEqual([3, 2, 1, 2, 3, 2]);
    expect(values(padReplicate(line, amounts))).toEqual([1, 1, 1, 2, 3, 3]);
    expect(values(grad((t) => sum(padReflect(t, amounts)))(line)[0]!)).toEqual([1, 3, 2]);
    expect(() => padReflect(line, { before: [0, 3], after: [0, 0] })).toThrow(/only 2 elements to mirror/);
  });
});
