import {
  type BinaryKind,
  type CompareKind,
  type DType,
  float32,
  type Shape,
  sizeOf,
  type UnaryKind,
} from '@graftjs/core/backend';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectBits, f, indices, noise, run, value, type Value } from '../test/support.ts';

/** Values at which sign, order or rounding go wrong. */
const special = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  1e-40,
  3e38,
  -3e38,
  Infinity,
  -Infinity,
  NaN,
  8388609,
  -0.3,
  7,
];

/** Shapes that broadcast together: each axis of each is the common extent or 1, leading axes may be missing. */
const shapes = (count: number) =>
  fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      operands: fc.array(
        fc
          .record({
            lead: fc.integer({ min: 0, max: shape.length }),
            ones: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
          })
          .map(({ lead, ones }) => shape.slice(lead).map((d, i) => (ones[i] ? 1 : d))),
        { minLength: count, maxLength: count },
      ),
    }),
  );

function broadcast(shapeList: readonly Shape[]): Shape {
  const rank = Math.max(...shapeList.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const extents = shapeList.map((s) => s[i - rank + s.length] ?? 1);
    return extents.find((d) => d !== 1) ?? 1;
  });
}

/** The element that a broadcast operand shows at an index. */
function at(v: Value, index: readonly number[]): number {
  const { shape } = v.spec;
  const own = index.slice(index.length - shape.length);
  return v.data[own.reduce((sum, p, i) => sum * shape[i]! + (shape[i] === 1 ? 0 : p), 0)]!;
}

/** Operands that contain the special values, as far as there is room. */
function operand(shape: Shape, seed: number, dtype: DType): Value {
  const values = noise(sizeOf(shape), seed).map((v, i) =>
    i % 3 === 0 ? special[Math.floor(Math.abs(v) * 17.99)]! : v,
  );
  if (dtype === 'float32') return value(values, shape);
  return value(
    values.map((v) => (dtype === 'bool' ? Number(v > 0) : Math.floor(v * 2 ** 31) | 0)),
    shape,
    dtype,
  );
}

const unary: Record<Exclude<UnaryKind, 'not'>, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: float32.roundHalfEven,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / f(Math.sqrt(x)),
  reciprocal: (x) => 1 / x,
  exp: float32.exp,
  expm1: float32.expm1,
  log: float32.log,
  log1p: float32.log1p,
  tanh: float32.tanh,
  erf: float32.erf,
  sigmoid: float32.sigmoid,
  relu: (x) => Math.max(x, 0),
};
const floatBinary: Record<BinaryKind, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: float32.pow,
  max: Math.max,
  min: Math.min,
};
const compare: Record<CompareKind, (a: number, b: number) => boolean> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
};

describe('elementwise', () => {
  it('computes every unary kind', () => {
    const x = value([...special, ...noise(40)]);
    for (const [kind, fn] of Object.entries(unary)) {
      expectBits(run('unary', [x], { kind: kind as UnaryKind }), x.data.map(fn) as Float32Array);
    }
    const ints = value([5, -5, 0, -2147483648], [4], 'int32');
    expectBits(run('unary', [ints], { kind: 'neg' }), [-5, 5, 0, -2147483648]);
    expectBits(run('unary', [ints], { kind: 'abs' }), [5, 5, 0, -2147483648]);
    expectBits(run('unary', [ints], { kind: 'sign' }), [1, -1, 0, -1]);
    expectBits(run('unary', [ints], { kind: 'relu' }), [5, 0, 0, 0]);
    expectBits(run('unary', [value([0, 1], [2], 'bool')], { kind: 'not' }), [1, 0]);
  });

  it('keeps every NaN in relu, whatever its sign', () => {
    const x = value([0, 0, 0, 0]);
    new Uint32Array(x.data.buffer).set([0xffc00000, 0x7fc00000, 0xff800001, 0xff800000]);
    expectBits(run('unary', [x], { kind: 'relu' }), [NaN, NaN, NaN, 0]);
  });

  it('broadcasts every binary kind', () => {
    const kinds = Object.keys(floatBinary) as BinaryKind[];
    fc.assert(
      fc.property(shapes(2), fc.constantFrom(...kinds), ({ operands }, kind) => {
        const [a, b] = operands.map((s, i) => operand(s, i + 1, 'float32')) as [Value, Value];
        const index = indices(broadcast(operands));
        expectBits(
          run('binary', [a, b], { kind }),
          index.map((i) => f(floatBinary[kind](at(a, i), at(b, i)))),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('wraps int32 arithmetic', () => {
    const int: Partial<Record<BinaryKind, (a: number, b: number) => number>> = {
      add: (a, b) => (a + b) | 0,
      sub: (a, b) => (a - b) | 0,
      mul: Math.imul,
      max: Math.max,
      min: Math.min,
    };
    const a = operand([30], 3, 'int32');
    const b = operand([30], 4, 'int32');
    for (const [kind, fn] of Object.entries(int)) {
      expectBits(
        run('binary', [a, b], { kind: kind as BinaryKind }),
        Array.from(a.data, (v, i) => fn(v, b.data[i]!)),
      );
    }
  });

  it('takes min for AND and max for OR on bool', () => {
    const [a, b] = [value([0, 0, 1, 1], [4], 'bool'), value([0, 1, 0, 1], [4], 'bool')];
    expectBits(run('binary', [a, b], { kind: 'min' }), [0, 0, 0, 1]);
    expectBits(run('binary', [a, b], { kind: 'max' }), [0, 1, 1, 1]);
  });

  it('compares all types', () => {
    const kinds = Object.keys(compare) as CompareKind[];
    const dtypes = fc.constantFrom<DType>('float32', 'int32', 'bool');
    fc.assert(
      fc.property(shapes(2), fc.constantFrom(...kinds), dtypes, ({ operands }, kind, dtype) => {
        const [a, b] = operands.map((s) => operand(s, 1, dtype)) as [Value, Value];
        const index = indices(broadcast(operands));
        expectBits(
          run('compare', [a, b], { kind }),
          index.map((i) => Number(compare[kind](at(a, i), at(b, i)))),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('selects, with all three operands broadcast', () => {
    fc.assert(
      fc.property(shapes(3), fc.constantFrom<DType>('float32', 'int32', 'bool'), ({ operands }, dtype) => {
        const [c, a, b] = operands.map((s, i) => operand(s, i + 1, i ? dtype : 'bool')) as [
          Value,
          Value,
          Value,
        ];
        const index = indices(broadcast(operands));
        expectBits(
          run('select', [c, a, b], {}),
          index.map((i) => (at(c, i) ? at(a, i) : at(b, i))),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('casts', () => {
    const x = value([1.9, -1.9, NaN, 3e9, -3e9, Infinity, -0, 0.2]);
    expectBits(run('cast', [x], { dtype: 'int32' }), [1, -1, 0, 2147483647, -2147483648, 2147483647, 0, 0]);
    expectBits(run('cast', [x], { dtype: 'bool' }), [1, 1, 1, 1, 1, 1, 0, 1]);
    const ints = value([16777217, -3, 0], [3], 'int32');
    expectBits(run('cast', [ints], { dtype: 'float32' }), [16777216, -3, 0]);
    expectBits(run('cast', [ints], { dtype: 'bool' }), [1, 1, 0]);
    expectBits(run('cast', [value([0, 1], [2], 'bool')], { dtype: 'float32' }), [0, 1]);
    expect(run('cast', [x], { dtype: 'bool' }).data).toBeInstanceOf(Uint8Array);
  });
});
