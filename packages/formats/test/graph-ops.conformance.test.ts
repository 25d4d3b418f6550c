import { createCpuBackend } from '@graftjs/backend-cpu';
import { tensor, type Backend, type Tensor } from '@graftjs/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { graphOps } from '../src/graph/operations.ts';

let cpu: Backend;
beforeAll(async () => {
  cpu = await createCpuBackend();
});
const on = (data: number[], shape: number[]): Tensor => tensor(data, shape, { backend: cpu });
const apply = (op: string, inputs: Tensor[], attrs: Record<string, unknown> = {}): Tensor =>
  graphOps[op]!.run!(inputs, attrs as never) as Tensor;

describe('integers', () => {
  const whole = (values: number[]): Tensor =>
    tensor(Int32Array.from(values), [values.length], { backend: cpu });
  const limit = 2 ** 31 - 1;
  const some = [
    0,
    1,
    -1,
    2,
    -3,
    7,
    10,
    255,
    -256,
    46341,
    2 ** 24 + 1,
    -(2 ** 24) - 1,
    1e9 + 7,
    limit,
    -limit,
  ];
  test('powers, modulo 2³²', () => {
    const list: [number, number][] = [
      [0, 0],
      [3, 4],
      [-3, 3],
      [2, 31],
      [10, 9],
      [7, 20],
      [-1, 33],
      [1, -2],
      [-1, -3],
      [5, -1],
    ];
    const want = list.map(([a, b]) =>
      b < 0 ? (Math.abs(a) === 1 ? a ** (-b % 2) : 0) : Number(BigInt.asIntN(32, BigInt(a) ** BigInt(b))),
    );
    const [a, b] = [0, 1].map((k) => whole(list.map((p) => p[k]!)));
    expect([...apply('integerPower', [a!, b!]).dataSync()]).toEqual(want);
  });
  test('wrap to the bits of a smaller type', () => {
    const x = whole(some);
    for (const bits of [8, 16]) {
      const signed = [...apply('wrap', [x], { bits, signed: true }).dataSync()];
      const unsigned = [...apply('wrap', [x], { bits }).dataSync()];
      expect(signed).toEqual(some.map((v) => Number(BigInt.asIntN(bits, BigInt(v)))));
      expect(unsigned).toEqual(some.map((v) => Number(BigInt.asUintN(bits, BigInt(v)))));
    }
  });
});

test('resampling to a size hits the elements that it should', () => {
  // 29 · (n / size) and the like fall below the whole number that they are.
  for (const n of [3, 7, 12, 49, 98]) {
    for (const size of [1, 2, 5, 21, 49, 87, 147]) {
      const x = on(
        Array.from({ length: n }, (_, i) => i),
        [n],
      );
      const y = apply('resample', [x], {
        sizes: [size],
        mode: 'nearest',
        coordinates: 'asymmetric',
        nearestMode: 'floor',
      });
      expect([...y.dataSync()]).toEqual(Array.from({ length: size }, (_, i) => Math.floor((i * n) / size)));
    }
  }
});

test('the maximum of a window is −∞ where it sees nothing', () => {
  const y = apply('maxPool', [on([1, 2, 3], [1, 1, 3])], {
    kernel: [2],
    stride: [1],
    padding: [[2, 0]],
    dilation: [1],
    ceilMode: false,
  });
  expect([...y.dataSync()]).toEqual([-Infinity, 1, 2, 3]);
});
