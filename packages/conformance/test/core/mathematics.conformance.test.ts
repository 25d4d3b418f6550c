import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  cos,
  cosh,
  einsum,
  floorDivide,
  fmod,
  gatherNd,
  grad,
  putAlongAxis,
  Random,
  remainder,
  resize,
  scatterNd,
  sin,
  sinh,
  sum,
  takeAlongAxis,
  tan,
  tensor,
  topK,
  truncDivide,
  type Backend,
  type Tensor,
} from '@graftjs/core';
import { cubicWeights, resampleAxis } from '@graftjs/core/extend';
import { beforeAll, describe, expect, test } from 'vitest';

const trigonometry = { sin, cos, tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh };

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
    expect(of((a, b) => truncDivide(a, b), by)).toEqual(by.map(([a, b]) => plus(Math.trunc(a / b))));
    expect(of((a, b) => fmod(a, b), by)).toEqual(by.map(([a, b]) => plus(a % b)));
    expect(of(remainder, by)).toEqual(by.map(([a, b]) => plus(((a % b) + b) % b)));
    expect(of(floorDivide, by)).toEqual(by.map(([a, b]) => plus(Math.floor(a / b))));
  });
  test('by zero, the quotient is 0 and the remainder everything', () => {
    const by: [number, number][] = [
      [7, 0],
      [-7, 0],
    ];
    expect(of((a, b) => truncDivide(a, b), by)).toEqual([0, 0]);
    expect(of((a, b) => fmod(a, b), by)).toEqual([7, -7]);
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
    expect([...einsum(equation, on(a, shapeA), on(b, shapeB)).dataSync()]).toEqual(wanted);
  });
  test('complains about equations that are none', () => {
    const a = on([1, 2], [2]);
    expect(() => einsum('ij->i', a)).toThrow(/2 .*operand of 1 axes|operand of 1 axes/);
    expect(() => einsum('i->j', a)).toThrow(/the result 'j'/);
    expect(() => einsum('i,j->ij', a)).toThrow(/2 terms for 1 operands/);
  });
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

describe('positions', () => {
  const x = (): Tensor => on([3, 9, 4, 9, 1, 7], [2, 3]);
  test('may be nested arrays, flat ones with a shape, and for reading a tensor', () => {
    const at = [[2], [-1]];
    const flat = { shape: [2, 1], data: [2, -1] };
    const device = tensor(Int32Array.of(2, -1), [2, 1], { backend: cpu });
    for (const indices of [at, flat, device])
      expect([...takeAlongAxis(x(), indices, 1).dataSync()]).toEqual([4, 7]);
  });
  test.each<[string, () => unknown, string]>([
    [
      'outside',
      () => takeAlongAxis(x(), [[3], [0]], 1),
      'takeAlongAxis: index 3 is outside an axis of 3 elements',
    ],
    ['no whole number', () => gatherNd(x(), [[0.5]]), 'gatherNd: index 0.5 is outside an axis of 2 elements'],
    ['ragged', () => gatherNd(x(), [[0, 1], [1]]), 'gatherNd: indices of shapes [2] and [1] in one list'],
    ['too few', () => gatherNd(x(), { shape: [2, 2], data: [1] }), '1 indices do not fill the shape [2, 2]'],
    ['a tensor', () => scatterNd(x(), x() as never, x()), 'scatterNd: the indices are a tensor'],
    [
      'not as many as updates',
      () => putAlongAxis(x(), [[0]], on([1, 2], [2]), 1),
      'putAlongAxis: updates [2] for indices [1, 1]',
    ],
    [
      'to be combined by a word that is none',
      () => scatterNd(x(), [[0, 0]], on([1], [1]), { reduction: 'sum' as 'add' }),
      "reduction 'sum' is not known: it must be 'none' or 'add' or 'mul' or 'max' or 'min'",
    ],
    ['more than there are', () => topK(x(), 4), 'topK: the 4 largest of 3'],
  ])('complains about those that are %s', (_, f, message) => {
    expect(f).toThrow(message);
  });
  test('the largest of −∞ and of none', () => {
    const { values, indices } = topK(on([-Infinity, 2, -Infinity], [3]), 3);
    expect([...values.dataSync()]).toEqual([2, -Infinity, -Infinity]);
    expect([...indices.dataSync()]).toEqual([1, 0, 2]);
    expect(topK(x(), 0).values.shape).toEqual([2, 0]);
    expect([...topK(x(), 2, { largest: false }).indices.dataSync()]).toEqual([0, 2, 1, 2]);
  });
});

test("cubic resizing is PyTorch's bicubic", () => {
  // F.interpolate(torch.arange(6.).sqrt().reshape(1, 1, 2, 3), size=[3, 4], mode='bicubic', align_corners=…), PyTorch 1.13
  const x = on([0, 1, 2, 3, 4, 5].map(Math.sqrt), [1, 1, 2, 3]);
  const got = (alignCorners: boolean): number[] => [
    ...resize(x, [3, 4], { mode: 'cubic', alignCorners }).dataSync(),
  ];
  const want = [
    [
      -0.22669, 0.482738, 1.184874, 1.373713, 0.82052, 1.235825, 1.686816, 1.848479, 1.867731, 1.988912,
      2.188757, 2.323244,
    ],
    [
      0.0, 0.639161, 1.241511, 1.414214, 0.866025, 1.264289, 1.6728, 1.825141, 1.732051, 1.889416, 2.104089,
      2.236068,
    ],
  ];
  [got(false), got(true)].forEach((y, i) => y.forEach((v, k) => expect(v).toBeCloseTo(want[i]![k]!, 5)));
});

test('an axis is made of nothing only where nothing is wanted', () => {
  const none = on([], [0, 2]);
  expect(resampleAxis(none, 0, 0, () => []).shape).toEqual([0, 2]);
  expect(() => resampleAxis(none, 0, 1, () => [[0, 1]])).toThrow('[0, 2] has no element on axis 0 to repeat');
  expect(cubicWeights(0.3).reduce((s, w) => s + w, 0)).toBeCloseTo(1, 12);
});
