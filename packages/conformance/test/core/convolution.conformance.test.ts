import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  AvgPool2d,
  avgPool,
  conv,
  Conv2d,
  convTranspose,
  ConvTranspose2d,
  grad,
  manualSeed,
  mul,
  Random,
  randomNormal,
  receptiveField,
  Residual,
  Sequential,
  setDefaultBackend,
  sum,
  tensor,
  transpose,
  zeros,
  type Module,
  type Padding,
  type Tensor,
} from '@graftjs/core';
import { type Field } from '@graftjs/core/extend';
import { describe, expect, test } from 'vitest';

const backend = await createCpuBackend();
setDefaultBackend(backend);

test("'same-lower' has the odd element at the start, 'same' at the end", () => {
  const x = randomNormal([1, 2, 6, 5], new Random(3, 'same'), { backend });
  const w = randomNormal([2, 2, 3, 2], new Random(4, 'same'), { backend });
  const of = (padding: Padding): number[] => [...conv(x, w, { padding, stride: [2, 1] }).dataSync()];
  expect(of('same-lower')).toEqual(
    of([
      [1, 0],
      [1, 0],
    ]),
  );
  expect(of('same')).toEqual(
    of([
      [0, 1],
      [0, 1],
    ]),
  );
  const mean = (padding: Padding): number[] => [...avgPool(x, 2, { padding, stride: 1 }).dataSync()];
  expect(mean('same-lower')).toEqual([
    ...avgPool(x, 2, {
      padding: [
        [1, 0],
        [1, 0],
      ],
      stride: 1,
      countIncludePad: false,
    }).dataSync(),
  ]);
  const grown = (padding: Padding): Tensor => convTranspose(x, w, { padding, stride: 2 });
  expect(grown('same-lower').shape).toEqual([1, 2, 12, 10]);
  expect([...grown('same-lower').dataSync()]).toEqual([
    ...convTranspose(x, w, { padding: [[1, 0], 0], stride: 2 }).dataSync(),
  ]);
});

describe('what a convolution is said to be', () => {
  const [size, margin, shift] = [12, 3, 2];
  const random = new Random(1, 'convolution');
  const picture = random.normalArray(size * size);
  const w = randomNormal([4, 1, 3, 3], random, { backend });
  const feature = async (values: Float32Array): Promise<Float32Array> =>
    (await conv(tensor(values, [1, 1, size, size], { backend }), w, {
      padding: 'same',
    }).data()) as Float32Array;

  test('shifting the input shifts the feature map, bit for bit, away from the border', async () => {
    const moved = new Float32Array(size * size);
    for (let i = 0; i < size; i++)
      for (let j = shift; j < size; j++) moved[i * size + j] = picture[i * size + j - shift]!;
    const [a, b] = [await feature(picture), await feature(moved)];
    for (let c = 0; c < 4; c++)
      for (let i = margin; i < size - margin; i++)
        for (let j = margin + shift; j < size - margin; j++)
          expect(b[(c * size + i) * size + j]).toBe(a[(c * size + i) * size + j - shift]);
  });

  test('rotating the input does not rotate the feature map', async () => {
    const turned = new Float32Array(size * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) turned[j * size + size - 1 - i] = picture[i * size + j]!;
    const [a, b] = [await feature(picture), await feature(turned)];
    let different = 0;
    let compared = 0;
    for (let c = 0; c < 4; c++)
      for (let i = margin; i < size - margin; i++)
        for (let j = margin; j < size - margin; j++, compared++)
          if (Math.abs(b[(c * size + j) * size + size - 1 - i]! - a[(c * size + i) * size + j]!) > 0.1)
            different++;
    expect(different).toBeGreaterThan(compared / 2);
  });
});

describe('the receptive field', () => {
  manualSeed(4);
  const c = (k: number, o: object = {}): Conv2d => new Conv2d(2, 2, k, o);
  const n = 40;

  /** First and last input row that has a gradient from output `[0, :, row, row]`. */
  async function seenFrom(net: Module, row: number): Promise<[number, number]> {
    const x = randomNormal([1, 2, n, n], new Random(9, 'x'), { backend });
    const y = net.forward(x);
    const mask = new Float32Array(y.size);
    for (let ch = 0; ch < y.shape[1]!; ch++) mask[(ch * y.shape[2]! + row) * y.shape[3]! + row] = 1;
    const [g] = grad((t) => sum(mul(net.forward(t), tensor(mask, y.shape, { backend }))))(x);
    const rows = (await transpose(g!, [2, 0, 1, 3]).data()) as Float32Array;
    const touched = Array.from({ length: n }, (_, i) => i).filter((i) =>
      rows.subarray(i * 2 * n, (i + 1) * 2 * n).some((v) => v !== 0),
    );
    return [touched[0]!, touched.at(-1)!];
  }
  const computed = (net: Module, layer: string): Field =>
    receptiveField(net, layer, zeros([1, 2, n, n], { backend }))[0]!;

  const nets: [string, Sequential][] = [
    ['one 3×3', new Sequential([c(3)])],
    ['three 3×3, padded', new Sequential([c(3, { padding: 1 }), c(3, { padding: 1 }), c(3, { padding: 1 })])],
    [
      'strides and pools',
      new Sequential([c(3, { stride: 2, padding: 1 }), new AvgPool2d(2), c(3, { padding: 1 })]),
    ],
    ['dilation', new Sequential([c(3, { dilation: 3, padding: 3 }), c(2, { dilation: 2 })])],
    [
      'a residual block',
      new Sequential([new Residual(new Sequential([c(3, { padding: 1 }), c(5, { padding: 2 })])), c(1)]),
    ],
    ['asymmetric padding', new Sequential([c(4, { padding: 'same' }), c(3, { stride: 2, padding: 'same' })])],
  ];
  test.each(nets)('computed for %s is the one seen in the gradient of one output', async (_, net) => {
    const field = computed(net, String([...net.members()].length - 1));
    for (const row of [4, 5]) {
      const start = field.offset + row * field.jump;
      expect(await seenFrom(net, row)).toEqual([start, start + field.size - 1]);
    }
  });

  test('of a transposed convolution holds the one seen, to half a step', async () => {
    const net = new Sequential([
      c(3, { stride: 2, padding: 1 }),
      new ConvTranspose2d(2, 2, 4, { stride: 2, padding: 1 }),
    ]);
    const field = computed(net, '1');
    for (const row of [16, 17]) {
      const start = field.offset + row * field.jump;
      const [first, last] = await seenFrom(net, row);
      expect(Math.abs(first - start)).toBeLessThanOrEqual(1);
      expect(last - first + 1).toBe(field.size);
    }
  });
});
