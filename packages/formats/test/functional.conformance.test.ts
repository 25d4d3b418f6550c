import { createCpuBackend } from '@graftjs/backend-cpu';
import { checkGradient, type Case } from '@graftjs/conformance';
import { grad, Random, sum, tensor, type Backend, type Tensor } from '@graftjs/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { einsum } from '../src/functional/einsum.ts';
import { gridSample } from '../src/functional/grid-sample.ts';
import { gatherElements, gatherNd, scatterElements, scatterNd, take } from '../src/functional/indexing.ts';
import { resample, type ResampleOptions } from '../src/functional/resample.ts';
import {
  divideIntegers,
  fmod,
  moduloIntegers,
  powerOfIntegers,
  wrapInteger,
} from '../src/functional/integers.ts';
import { cumulativeSum, product } from '../src/functional/scan.ts';
import * as trigonometry from '../src/functional/trigonometry.ts';
import { localResponseNorm, windowMax, windowMean, windowNorm } from '../src/functional/windows.ts';

/** Uniform in ±[¼, 1¼): no kink near. */
const fill = (random: Random, size: number): number[] =>
  Array.from(random.uniformArray(size), (u) => (u < 0.5 ? -0.25 - 2 * u : 2 * u - 0.75));
const x = (...shape: number[]): Case['inputs'][number] => ({ dtype: 'float32', shape, fill });

const resampling: ResampleOptions = {
  mode: 'linear',
  coordinates: 'half_pixel',
  nearestMode: 'floor',
  cubicA: -0.75,
  excludeOutside: false,
  extrapolation: 0,
};
const grown = [null, null, { size: 5 }, { size: 7, scale: 1.75 }];
const wide = {
  kernel: [2, 3],
  stride: [2, 1],
  padding: [
    [2, 1],
    [0, 2],
  ],
  dilation: [1, 2],
  ceilMode: false,
} as const;
const index = (shape: number[], ...data: number[]): { shape: number[]; data: number[] } => ({ shape, data });

const list: Record<string, [inputs: Case['inputs'], run: Case['run']]> = {
  'linear resampling': [[x(1, 2, 3, 4)], (a) => resample(a!, grown, resampling)],
  'cubic resampling, without what lies outside': [
    [x(1, 2, 3, 4)],
    (a) => resample(a!, grown, { ...resampling, mode: 'cubic', excludeOutside: true }),
  ],
  'crop and resize': [
    [x(3, 4)],
    (a) =>
      resample(
        a!,
        [
          { size: 4, roi: [0.2, 1.4] },
          { size: 2, roi: [-0.1, 0.8] },
        ],
        {
          ...resampling,
          coordinates: 'tf_crop_and_resize',
          extrapolation: 7,
        },
      ),
  ],
  take: [[x(3, 4)], (a) => take(a!, index([2, 2], 1, -1, 1, 0), 1)],
  gatherElements: [[x(3, 2)], (a) => gatherElements(a!, index([2, 2], 1, -1, 0, 1), 0)],
  gatherNd: [[x(2, 2, 3)], (a) => gatherNd(a!, index([2, 1], 1, -2), 1)],
  'scatterElements, replaced': [
    [x(3, 3), x(2, 3)],
    (a, b) => scatterElements(a!, index([2, 3], 1, 0, 2, 1, 2, 1), b!, { axis: 0, reduction: 'none' }),
  ],
  'scatterNd, multiplied, some twice': [
    [x(4, 2), x(3, 2)],
    (a, b) => scatterNd(a!, index([3, 1], 1, 1, 3), b!, 'mul'),
  ],
  'cumulativeSum, exclusive, from the end': [
    [x(3, 5)],
    (a) => cumulativeSum(a!, 1, { exclusive: true, reverse: true }),
  ],
  'product of five and of three': [[x(5, 2, 3)], (a) => product(a!, [0, 2])],
  'einsum of two': [[x(2, 3, 4), x(2, 4, 3)], (a, b) => einsum('bij,bjk->kbi', [a!, b!])],
  'einsum of a diagonal': [[x(2, 3, 3)], (a) => einsum('...ii->...i', [a!])],
  'einsum of three, one sum alone': [
    [x(2, 3), x(3, 2), x(2, 4)],
    (a, b, c) => einsum('ij,jk,kl->i', [a!, b!, c!]),
  ],
  'windowMean with much padding': [[x(1, 2, 3, 5)], (a) => windowMean(a!, wide, false)],
  windowNorm: [
    [x(1, 2, 3, 5)],
    (a) =>
      windowNorm(
        a!,
        {
          ...wide,
          padding: [
            [0, 0],
            [0, 0],
          ],
        },
        3,
      ),
  ],
  'gridSample, bilinear': [
    [x(1, 2, 3, 4), x(1, 2, 2, 2)],
    (a, b) => gridSample(a!, b!, { mode: 'bilinear', padding: 'zeros', alignCorners: false }),
  ],
  'gridSample, bicubic': [
    [x(1, 1, 3, 4), x(1, 2, 2, 2)],
    (a, b) => gridSample(a!, b!, { mode: 'bicubic', padding: 'reflection', alignCorners: true }),
  ],
  localResponseNorm: [
    [x(1, 5, 2, 2)],
    (a) => localResponseNorm(a!, { size: 3, alpha: 0.5, beta: 0.75, bias: 1.5 }),
  ],
};

describe('every gradient is what finite differences say', () => {
  test.each(Object.entries(list))('%s', (name, [inputs, run]) => {
    const { passed, message } = checkGradient({ name, op: name, family: 'composite', inputs, run }, 1);
    expect(passed, message).toBe(true);
  });
});

let cpu: Backend;
beforeAll(async () => {
  cpu = await createCpuBackend();
});
const on = (data: number[], shape: number[]): Tensor => tensor(data, shape, { backend: cpu });

describe('angles of any size', () => {
  const random = new Random(7, 'angles');
  const u = random.uniformArray(6000);
  const angles = Float32Array.from(
    [
      ...[
        0,
        -0,
        1e6,
        1e10,
        -1e10,
        8191.5,
        8192,
        8192.5,
        2 ** 24,
        2 ** 24 + 2,
        2 ** 53,
        2 ** 100,
        3.4e38,
        -3.4e38,
      ],
      // Beside powers of two, where an exponent might be taken for the next.
      ...Array.from({ length: 128 }, (_, e) => [
        2 ** e,
        2 ** e * (1 - 2 ** -24),
        2 ** e * (1 + 2 ** -23),
      ]).flat(),
      // Of all sizes, and those whose sine is hardest to tell from 0: near multiples of π.
      ...Array.from(
        { length: 2000 },
        (_, i) => (u[i]! < 0.5 ? -1 : 1) * 2 ** (135 * u[i + 2000]! - 8) * (1 + u[i + 4000]!),
      ),
      ...Array.from({ length: 2000 }, (_, i) => Math.round(2 ** (40 * u[i]!)) * Math.PI),
    ].filter((v) => Math.abs(v) < 3.4028e38),
  );

  test('sine and cosine within 2 · 10⁻⁶ of those in float64, their derivatives too', () => {
    const x = on([...angles], [angles.length]);
    const off = (y: Tensor, f: (v: number) => number): number =>
      [...y.dataSync()].reduce((most, v, i) => Math.max(most, Math.abs(v - f(angles[i]!))), 0);
    expect(off(trigonometry.sin(x), Math.sin)).toBeLessThan(2e-6);
    expect(off(trigonometry.cos(x), Math.cos)).toBeLessThan(2e-6);
    expect(off(grad((t) => sum(trigonometry.sin(t)))(x)[0]!, Math.cos)).toBeLessThan(2e-6);
    expect(off(grad((t) => sum(trigonometry.cos(t)))(x)[0]!, (v) => -Math.sin(v))).toBeLessThan(2e-6);
    const tangents = [...trigonometry.tan(on([1e6, 1e10, -1e10], [3])).dataSync()];
    [1e6, 1e10, -1e10].forEach((v, i) => expect(tangents[i]).toBeCloseTo(Math.tan(v), 5));
  });

  test('what is no angle has no sine; nothing stays nothing', () => {
    for (const f of [trigonometry.sin, trigonometry.cos, trigonometry.tan])
      expect([...f(on([NaN, Infinity, -Infinity], [3])).dataSync()]).toEqual([NaN, NaN, NaN]);
    expect(trigonometry.sin(on([], [0, 3])).shape).toEqual([0, 3]);
    expect(trigonometry.cos(on([1e6], [])).shape).toEqual([]);
  });
});

describe('integers', () => {
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
  const pairs = some.flatMap((a) => some.map((b): [number, number] => [a, b]));
  const random = new Random(1, 'integers').uniformArray(4000);
  for (let i = 0; i < random.length; i += 2)
    pairs.push([
      Math.trunc((2 * random[i]! - 1) * limit),
      Math.trunc((2 * random[i + 1]! - 1) * 2 ** (i % 31)),
    ]);
  const of = (f: (a: Tensor, b: Tensor) => Tensor, list = pairs): number[] => {
    const column = (k: 0 | 1): Tensor =>
      tensor(
        Int32Array.from(list, (p) => p[k]),
        [list.length],
        { backend: cpu },
      );
    return [...f(column(0), column(1)).dataSync()];
  };
  const plus = (v: number): number => v + 0; // no −0

  test('quotient and remainder are those of JavaScript, for all of int32 but −2³¹', () => {
    const by = pairs.filter(([, b]) => b !== 0);
    expect(of((a, b) => divideIntegers(a, b).quotient, by)).toEqual(
      by.map(([a, b]) => plus(Math.trunc(a / b))),
    );
    expect(of((a, b) => divideIntegers(a, b).remainder, by)).toEqual(by.map(([a, b]) => plus(a % b)));
    expect(of(moduloIntegers, by)).toEqual(by.map(([a, b]) => plus(((a % b) + b) % b)));
  });
  test('by zero, the quotient is 0 and the remainder everything', () => {
    const by: [number, number][] = [
      [7, 0],
      [-7, 0],
    ];
    expect(of((a, b) => divideIntegers(a, b).quotient, by)).toEqual([0, 0]);
    expect(of((a, b) => divideIntegers(a, b).remainder, by)).toEqual([7, -7]);
  });
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
    expect(of(powerOfIntegers, list)).toEqual(want);
  });
  test('wrap to the bits of a smaller type', () => {
    const x = tensor(Int32Array.from(some), [some.length], { backend: cpu });
    for (const bits of [8, 16]) {
      const signed = [...wrapInteger(x, bits, true).dataSync()];
      const unsigned = [...wrapInteger(x, bits, false).dataSync()];
      expect(signed).toEqual(some.map((v) => Number(BigInt.asIntN(bits, BigInt(v)))));
      expect(unsigned).toEqual(some.map((v) => Number(BigInt.asUintN(bits, BigInt(v)))));
    }
  });
  test('fmod keeps within a rounding of the dividend', () => {
    const u = new Random(2, 'fmod').uniformArray(2000);
    const list = Array.from({ length: 1000 }, (_, i): [number, number] => [
      Math.fround(200 * u[2 * i]! - 100),
      Math.fround(10 * u[2 * i + 1]! - 5),
    ]);
    const column = (k: 0 | 1): Tensor =>
      on(
        list.map((p) => p[k]),
        [list.length],
      );
    fmod(column(0), column(1))
      .dataSync()
      .forEach((r, i) => {
        const [a, b] = list[i]!;
        const off = Math.abs(r - (a % b));
        // Near a multiple of b, the remainder may be on the other side of it.
        expect(Math.min(off, Math.abs(off - Math.abs(b)))).toBeLessThanOrEqual(2 ** -23 * Math.abs(a));
      });
  });
});

describe('einsum', () => {
  test.each([
    ['ij,jk->ik', [2, 1, 4, 3], [2, 2], [1, 0, 0, 2], [2, 2], [2, 2, 4, 6]],
    ['ij,ij', [1, 2, 3, 4], [2, 2], [5, 6, 7, 8], [2, 2], [70]],
    ['i,j', [1, 2], [2], [3, 4], [2], [3, 4, 6, 8]],
    ['...j,j->...', [1, 2, 3, 4], [2, 2], [5, 6], [2], [17, 39]],
    ['ba,a', [1, 2, 3, 4], [2, 2], [10], [1], [30, 70]],
  ])('%s', (equation, a, shapeA, b, shapeB, wanted) => {
    expect([...einsum(equation, [on(a, shapeA), on(b, shapeB)]).dataSync()]).toEqual(wanted);
  });
  test('complains about equations that are none', () => {
    const a = on([1, 2], [2]);
    expect(() => einsum('ij->i', [a])).toThrow(/2 .*operand of 1 axes|operand of 1 axes/);
    expect(() => einsum('i->j', [a])).toThrow(/the result 'j'/);
    expect(() => einsum('i,j->ij', [a])).toThrow(/2 terms for 1 operands/);
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
      const y = resample(x, [{ size }], { ...resampling, mode: 'nearest', coordinates: 'asymmetric' });
      expect([...y.dataSync()]).toEqual(Array.from({ length: size }, (_, i) => Math.floor((i * n) / size)));
    }
  }
});

test('windowMax gives −∞ where it sees nothing', () => {
  const y = windowMax(on([1, 2, 3], [1, 1, 3]), {
    kernel: [2],
    stride: [1],
    padding: [[2, 0]],
    dilation: [1],
    ceilMode: false,
  });
  expect([...y.dataSync()]).toEqual([-Infinity, 1, 2, 3]);
});

/** Largest error in units of the last place of max(|y|, floor). */
function ulps(f: (x: Tensor) => Tensor, want: (x: number) => number, at: number[], floor: number): number {
  const y = f(on(at, [at.length])).dataSync();
  const unit = (v: number): number => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(v), floor))) - 23);
  return Math.max(
    ...Array.from(y, (v, i) => {
      const w = want(Math.fround(at[i]!));
      return v === w ? 0 : Math.abs(v - w) / unit(w);
    }),
  );
}

describe('trigonometry to a few ulps', () => {
  const line = (low: number, high: number): number[] =>
    Array.from({ length: 1001 }, (_, i) => low + ((high - low) * i) / 1000);
  test.each([
    // Near a zero the three parts of π leave an absolute error: floor 1.
    ['sin', line(-100, 100), 1],
    ['cos', line(-100, 100), 1],
    ['tan', line(-1.5, 1.5), 2 ** -10],
    ['asin', line(-1, 1), 2 ** -10],
    ['acos', line(-1, 1), 2 ** -10],
    ['atan', [...line(-10, 10), Infinity, -Infinity, 1e20], 2 ** -10],
    ['sinh', [...line(-20, 20), 80], 2 ** -10],
    ['cosh', line(-20, 20), 1],
    ['asinh', [...line(-50, 50), 1e30, -1e30], 2 ** -10],
    ['acosh', [...line(1, 50), 1e30], 2 ** -10],
    ['atanh', line(-0.999, 0.999), 2 ** -10],
  ] as const)('%s', (name, at, floor) => {
    expect(ulps(trigonometry[name], Math[name], [...at], floor)).toBeLessThan(8);
  });
  test('their derivatives are those of the functions', () => {
    // The polynomials are good to float32 only: differences of them say no more than 1e-3.
    const h = 2 ** -8;
    for (const [name, f] of Object.entries(trigonometry)) {
      const at = name === 'acosh' ? 1.75 : 0.375;
      const y = f(on([at - h, at + h], [2])).dataSync();
      const g = grad((v: Tensor) => sum(f(v)))(on([at], [1]))[0]!.dataSync()[0]!;
      expect(Math.abs((y[1]! - y[0]!) / (2 * h) - g), name).toBeLessThan(1e-3 * Math.max(Math.abs(g), 1));
    }
  });
});
