import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  adam,
  adaptiveAvgPool,
  adaptiveMaxPool,
  arange,
  ArraySource,
  AvgPool2d,
  avgPool,
  broadcastTo,
  cast,
  concat,
  conv,
  Conv2d,
  convTranspose,
  crossEntropy,
  dropout,
  evaluate,
  fit,
  full,
  gather,
  gelu,
  globalAvgPool,
  GroupNorm,
  groupNorm,
  index,
  kaimingNormal,
  Linear,
  manualSeed,
  max,
  mse,
  oneHot,
  ones,
  OutOfMemoryError,
  pad,
  padReflect,
  padReplicate,
  Random,
  randomNormal,
  randomUniform,
  resize,
  Sequential,
  setDefaultBackend,
  ShapeError,
  slice,
  split,
  sum,
  tensor,
  transpose,
  Upsample,
  zeros,
  type Backend,
  type DType,
  type Tensor,
} from '@graftjs/core';
import { describe, expect, test } from 'vitest';

const cpu = await createCpuBackend();
setDefaultBackend(cpu);
manualSeed(1);
const values = (t: Tensor): number[] => [...t.dataSync()];
const x = ones([1, 2, 4, 4]);
const w = ones([2, 2, 3, 3]);
const ids = tensor(Int32Array.of(0, 1));
/** What no type checker lets pass, and JavaScript does. */
const odd = <T>(value: unknown): T => value as T;

describe('an argument that cannot be meant is named, with what is accepted', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['groups', () => conv(x, w, { groups: 1.5 }), /groups 1\.5 must be a whole number, 1 or more/],
    ['groups 0', () => conv(x, w, { groups: 0 }), /groups 0 must be/],
    ['groups NaN', () => conv(x, w, { groups: NaN }), /groups NaN must be/],
    ['groups of a layer', () => new Conv2d(4, 4, 3, { groups: 1.5 }), /Conv2d: groups 1\.5 must be/],
    ['groups of a norm', () => new GroupNorm(1.5, 3), /groups 1\.5 must be/],
    ['groups of groupNorm', () => groupNorm(x, 0.5), /groups 0\.5 must be/],
    ['channels', () => new Conv2d(2.5, 4, 3), /inChannels 2\.5 must be/],
    ['stride', () => conv(x, w, { stride: 0.5 }), /stride 0\.5 must be a whole number, 1 or more/],
    ['stride, one of two', () => conv(x, w, { stride: [1, NaN] }), /stride NaN must be/],
    ['dilation', () => conv(x, w, { dilation: -1 }), /dilation -1 must be/],
    ['kernel', () => avgPool(x, 1.5), /kernel 1\.5 must be/],
    ['kernel null', () => avgPool(x, odd(null)), /kernel null must be/],
    [
      'padding word',
      () => conv(x, w, { padding: odd('SAME') }),
      /padding 'SAME' is not known: it must be 'same', 'valid'/,
    ],
    [
      'padding word of a layer',
      () => new Conv2d(2, 2, 3, { padding: odd('SAME') }),
      /Conv2d: padding 'SAME'/,
    ],
    [
      'padding word of a pool',
      () => new AvgPool2d(2, { padding: odd('full') }),
      /padding 'full' is not known/,
    ],
    ['padding fraction', () => conv(x, w, { padding: 0.5 }), /padding 0\.5 is not known/],
    ['padding pair', () => conv(x, w, { padding: odd([[1, 2, 3], 1]) }), /must be a pair/],
    [
      'layout',
      () => conv(x, w, { layout: odd('NCHW') }),
      /layout 'NCHW' is not known: it must be 'channels-first' or 'channels-last'/,
    ],
    ['layout of a pool', () => globalAvgPool(x, { layout: odd('NHWC') }), /'NHWC' is not known/],
    ['outputPadding', () => convTranspose(x, w, { outputPadding: 0.5 }), /outputPadding 0\.5 must be/],
    [
      'too much padding',
      () => convTranspose(x, w, { padding: 9 }),
      /padding \[9, 9\] on spatial axis 0 leaves an output of extent/,
    ],
    [
      'mode',
      () => resize(x, 3, { mode: odd('bicubic') }),
      /mode 'bicubic' is not known: it must be 'nearest' or 'linear'/,
    ],
    [
      'mode of a layer',
      () => new Upsample({ scale: 2, mode: odd('bicubic') }),
      /mode 'bicubic' is not known/,
    ],
    ['size', () => resize(x, [2.5, 2]), /size 2\.5 must be/],
    ['scale', () => new Upsample({ scale: -2 }).forward(x), /scale -2 must be a number greater than 0/],
    ['output size', () => adaptiveAvgPool(x, NaN), /output size NaN must be/],
    [
      'broadcastTo',
      () => broadcastTo(ones([1, 1]), [2.5, 2]),
      /shape \[2\.5, 2\]: every extent must be a whole number, 0 or more/,
    ],
    ['broadcastTo −1', () => broadcastTo(ones([1, 1]), [-1, 2]), /shape \[-1, 2\]: every extent/],
    ['reshape', () => ones([6]).reshape([2.5, -1]), /does not reshape to \[2\.5, -1\]/],
    ['zeros', () => zeros([-1]), /zeros: shape \[-1\]: every extent/],
    ['ones', () => ones(odd('ab')), /ones: shape 'ab' must be a list of extents/],
    ['full', () => full([1.5], 2), /full: shape \[1\.5\]/],
    ['arange', () => arange(2.5), /arange: n 2\.5 must be/],
    ['oneHot', () => oneHot(ids, 2.5), /classes 2\.5 must be/],
    ['tensor shape', () => tensor([1, 2], odd(2)), /shape 2 must be a list of extents/],
    [
      'tensor dtype',
      () => tensor([1], [1], { dtype: odd<DType>('float64') }),
      /dtype 'float64' is not known: it must be 'float32' or 'int32' or 'bool'/,
    ],
    ['tensor of words', () => tensor(odd(['a', 'b'])), /string a is no number/],
    ['cast', () => cast(x, odd<DType>('uint8')), /dtype 'uint8' is not known/],
    ['slice step', () => slice(x, 0, 0, 1, -1), /step -1 must be a whole number, 1 or more/],
    ['slice start', () => slice(x, 0, 0.5), /start 0\.5 must be a whole number/],
    ['index', () => index(x, 0.5), /0\.5 must be a whole number/],
    ['gather', () => gather(x, [0.5]), /index 0\.5 must be/],
    ['split', () => split(x, [0.5, 0.5]), /pieces \[0\.5, 0\.5\]: every extent/],
    [
      'pad',
      () => pad(x, { before: [0, 0, 0.5, 0], after: [0, 0, 0, 0] }),
      /amounts on axis 2 must be whole numbers/,
    ],
    [
      'pad, too few',
      () => pad(x, { before: [0], after: [0, 0, 0, 0] }),
      /before \[0\] has 1 entries for the 4 axes/,
    ],
    [
      'padReplicate',
      () => padReplicate(x, { before: [0, 0, NaN, 0], after: [0, 0, 0, 0] }),
      /before axis 2 NaN must be/,
    ],
    [
      'padReflect of nothing',
      () => padReflect(zeros([0]), { before: [1], after: [0] }),
      /has no element to repeat/,
    ],
    ['axis', () => sum(x, 1.5), /axis 1\.5 does not exist in a tensor of 4 axes/],
    ['axis outside', () => max(x, 4), /axis 4 does not exist/],
    ['axis twice', () => sum(x, [1, -3]), /name one axis twice/],
    ['perm', () => transpose(x, [0, 1, 2.5, 3]), /is not a permutation/],
    ['concat axis', () => concat([x, x], 0.5), /axis 0\.5 does not exist/],
    ['reduction', () => mse(x, x, { reduction: odd('average') }), /reduction 'average' is not known/],
    [
      'reduction of crossEntropy',
      () => crossEntropy(ones([2, 3]), ids, { reduction: odd('avg') }),
      /reduction 'avg' is not known/,
    ],
    ['approximate', () => gelu(x, { approximate: odd('erf') }), /approximate 'erf' is not known/],
    ['per', () => dropout(x, 0.5, { per: odd('pixel') }), /per 'pixel' is not known/],
    [
      'init mode',
      () => new Linear(2, 3, { init: kaimingNormal({ mode: odd('fan_out') }) }),
      /mode 'fan_out' is not known/,
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(ShapeError);
  });
});

describe('labels and classes', () => {
  const four = new Float32Array(8);
  test.each<[string, unknown[], RegExp]>([
    [
      'a name',
      ['a', 'b', 'a', 'b'],
      /the label of sample 0, 'a', is not one of 2 classes: labels are numbers from 0 to 1: write 0 for it/,
    ],
    ['a fraction', [0, 0.7, 1, 0], /sample 1, 0\.7, is not one of 2 classes/],
    ['NaN', [0, 1, NaN, 0], /sample 2, NaN/],
    ['negative', [0, 1, 0, -1], /sample 3, -1/],
    ['too large', [0, 1, 2, 0], /sample 2, 2, is not one of 2 classes: labels are numbers from 0 to 1/],
  ])('%s is refused', (_, labels, message) => {
    expect(() => new ArraySource(four, odd(labels), [2], ['a', 'b'])).toThrow(message);
  });

  test('a source of somebody else’s is looked at before training', async () => {
    const source = new ArraySource(four, [0, 1, 0, 1], [2], ['a', 'b']);
    const wrong = { ...source, length: 4, labels: Int32Array.of(0, 1, 2, 0), load: source.load.bind(source) };
    const model = new Sequential([new Linear(2, 2)]);
    const options = { epochs: 1, optimizer: adam() };
    const message = /the label of sample 2, 2, is not one of 2 classes/;
    await expect(fit(model, { train: wrong }, options)).rejects.toThrow(message);
    await expect(evaluate(model, wrong)).rejects.toThrow(message);
  });

  test.each([3, 1])('a last layer of %d outputs for 2 classes', async (outputs) => {
    const source = new ArraySource(four, [0, 1, 0, 1], [2], ['a', 'b']);
    const model = new Sequential([new Linear(2, outputs)]);
    const message = new RegExp(
      `the model gives ${outputs} numbers per sample, but the data have 2 classes: give it a last layer with 2 outputs`,
    );
    await expect(fit(model, { train: source }, { epochs: 1, optimizer: adam() })).rejects.toThrow(message);
    await expect(evaluate(model, source)).rejects.toThrow(message);
  });

  test('in the loss itself', () => {
    expect(() => crossEntropy(ones([2, 3]), tensor(Int32Array.of(0, 3)))).toThrow(
      /label 3 is none of 3 classes: labels are 0 to 2, or ignoreIndex/,
    );
  });
});

describe('typed arrays', () => {
  test.each<[string, ArrayBufferView, DType, number[]]>([
    ['Uint8Array', new Uint8Array([0, 128, 255]), 'int32', [0, 128, 255]],
    ['Uint8ClampedArray', new Uint8ClampedArray([0, 128, 255]), 'int32', [0, 128, 255]],
    ['Int8Array', new Int8Array([-128, 127]), 'int32', [-128, 127]],
    ['Int16Array', new Int16Array([-32768, 2]), 'int32', [-32768, 2]],
    ['Uint16Array', new Uint16Array([65535]), 'int32', [65535]],
    ['Int32Array', new Int32Array([-(2 ** 31)]), 'int32', [-(2 ** 31)]],
    ['Uint32Array', new Uint32Array([7, 2 ** 31 - 1]), 'int32', [7, 2 ** 31 - 1]],
    ['Float32Array', new Float32Array([0.5]), 'float32', [0.5]],
    ['Float64Array', new Float64Array([0.5, 1e300]), 'float32', [0.5, Infinity]],
    ['BigInt64Array', new BigInt64Array([-5n, 7n]), 'int32', [-5, 7]],
    ['BigUint64Array', new BigUint64Array([7n]), 'int32', [7]],
  ])('%s', (_, given, dtype, want) => {
    const t = tensor(given);
    expect([t.dtype, t.shape, values(t)]).toEqual([dtype, [want.length], want]);
  });

  test('integers beyond int32 are refused, unless a dtype says what to make of them', () => {
    expect(() => tensor(new Uint32Array([2 ** 31]))).toThrow(/2147483648 in a Uint32Array is beyond int32/);
    expect(() => tensor(new BigInt64Array([2n ** 40n]))).toThrow(
      /1099511627776 in a BigInt64Array is beyond/,
    );
    expect(values(tensor(new Uint32Array([2 ** 31]), [1], { dtype: 'float32' }))).toEqual([2 ** 31]);
    expect(() => tensor(new DataView(new ArrayBuffer(4)))).toThrow(/a DataView has no elements/);
  });

  test('truths go there and back by their dtype', async () => {
    const truths = tensor([true, false, true]);
    const again = tensor(await truths.data(), truths.shape, { dtype: truths.dtype });
    expect([again.dtype, values(again)]).toEqual(['bool', [1, 0, 1]]);
    expect(values(tensor(new Uint8Array([0, 3]), [2], { dtype: 'bool' }))).toEqual([0, 1]);
  });
});

describe('room is asked for before anything is built', () => {
  const huge = 2 ** 28;
  const small = ones([1, 1, 4, 4]);
  const line = ones([1, 1, 4]);
  test.each<[string, () => unknown]>([
    ['zeros', () => zeros([1e10])],
    ['ones', () => ones([1e5, 1e5])],
    ['full', () => full([2 ** 20, 2 ** 20], 1)],
    ['arange', () => arange(1e10)],
    ['oneHot', () => oneHot(ids, 1e10)],
    ['randomNormal', () => randomNormal([1e10], new Random(1))],
    ['randomUniform', () => randomUniform([1e10], new Random(1))],
    ['broadcastTo', () => broadcastTo(small, [1e6, 1e4, 4, 4])],
    ['add', () => ones([1e6, 1]).add(ones([1e6]))],
    ['pad', () => pad(small, { before: [0, 0, 1e10, 0], after: [0, 0, 0, 0] })],
    ['padReplicate', () => padReplicate(small, { before: [0, 0, huge, 0], after: [0, 0, 0, 0] })],
    ['padReflect, 2 axes', () => padReplicate(small, { before: [0, 0, 1e6, 1e6], after: [0, 0, 0, 0] })],
    ['resize', () => resize(small, [huge, 1])],
    ['resize, linear', () => resize(small, [huge, 1], { mode: 'linear' })],
    ['resize, both axes', () => resize(small, [1e6, 1e6])],
    ['Upsample', () => new Upsample({ scale: 1e9 }).forward(small)],
    ['adaptiveAvgPool', () => adaptiveAvgPool(small, [huge, 1])],
    ['adaptiveMaxPool', () => adaptiveMaxPool(small, [1, huge])],
    ['convTranspose', () => convTranspose(line, ones([1, 1, 2]), { stride: 1e10 })],
    ['outputPadding', () => convTranspose(line, ones([1, 1, 2]), { stride: 2e10, outputPadding: 1e10 })],
    ['conv', () => conv(line, ones([1, 1, 1]), { padding: 1e10 })],
    ['Linear', () => new Linear(1e6, 1e6)],
  ])('%s', (_, run) => expect(run).toThrow(OutOfMemoryError));

  test('the error names the op, the shape and the bytes', () => {
    expect(() => zeros([1e10])).toThrow(
      'zeros: no room for float32[10000000000], 40000000000 bytes: a tensor has at most 2147483647 elements',
    );
    expect(() => oneHot(ids, 1e10)).toThrow(/oneHot: no room for float32\[2, 10000000000\]/);
  });

  test('a backend may say how much it takes', () => {
    const little: Backend = { ...cpu, largest: 1000 };
    const a = ones([250], { backend: little });
    expect(() => ones([251], { backend: little })).toThrow(
      /1004 bytes: a tensor has at most 1000 bytes on 'cpu'/,
    );
    expect(() => broadcastTo(a, [2, 250])).toThrow(/broadcastTo: no room for float32\[2, 250\], 2000 bytes/);
  });
});

describe('what is large and possible', () => {
  const line = tensor([[[1, 2, 4]]]);
  const long = 2 ** 21 + 3; // more than one piece
  const at = (t: Tensor, ...places: number[]): number[] => {
    const data = t.dataSync();
    return places.map((i) => data[i]!);
  };
  const middle = Math.floor(long / 2);

  test('resize and padding in pieces', () => {
    const y = resize(line, long);
    expect(y.shape).toEqual([1, 1, long]);
    expect(at(y, 0, Math.floor(long / 3), Math.ceil(long / 3), middle, long - 1)).toEqual([1, 1, 2, 2, 4]);
    const z = resize(line, long, { mode: 'linear' });
    expect(at(z, 0, middle, long - 1)).toEqual([1, 2, 4]);
    const p = padReplicate(line, { before: [0, 0, long], after: [0, 0, 1] });
    expect(at(p, 0, long - 1, long, long + 1, long + 2, long + 3)).toEqual([1, 1, 1, 2, 4, 4]);
  });

  test('many bins give the bits of few: averages and maxima, values and gradients', () => {
    // 5,000 bins take the way over gathered elements, their slices that over cut ones.
    const n = 12_007;
    const wave = tensor(
      Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * i))),
      [1, 1, n],
    );
    for (const pool of [adaptiveAvgPool, adaptiveMaxPool]) {
      const many = pool(wave, 5000).dataSync();
      for (const bin of [0, 1, 77, 2500, 4999]) {
        const [from, to] = [Math.floor((bin * n) / 5000), Math.ceil(((bin + 1) * n) / 5000)];
        expect(many[bin]).toBe(pool(slice(wave, 2, from, to), 1).dataSync()[0]);
      }
    }
    expect(at(adaptiveAvgPool(line, long), 0, middle, long - 1)).toEqual([1, 2, 4]);
    const special = tensor([[[-0, NaN, 1]]]);
    expect(at(adaptiveMaxPool(special, 9000), 0, 4000, 8999)).toEqual([-0, NaN, 1]);
  });

  test('an average over 160,000 taps', () => {
    expect(values(avgPool(ones([1, 1, 400, 400]), 400))).toEqual([1]);
  });

  test('constants that the backend repeats', () => {
    const t = full([2 ** 16, 2], 2.5);
    expect([t.shape, t.dtype, at(t, 0, 2 ** 17 - 1)]).toEqual([[2 ** 16, 2], 'float32', [2.5, 2.5]]);
    expect(full([2 ** 17], 3, { dtype: 'int32' }).dtype).toBe('int32');
  });
});
