import { type DType, KernelError, type Shape, sizeOf } from '@graftjs/core/backend';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backend, expectBits, f, indices, noise, run, value, type Value } from '../test/support.ts';

const dtypes = fc.constantFrom<DType>('float32', 'int32', 'bool');
const shapes = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }) },
  // Long enough for rows that are copied whole, and for blocks.
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 30, max: 70 }), { minLength: 1, maxLength: 2 }) },
);

function counted(shape: Shape, dtype: DType): Value {
  return value(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => (dtype === 'bool' ? (i * 7) % 2 : i + 1)),
    shape,
    dtype,
  );
}

function at(v: Value, index: readonly number[]): number {
  return v.data[index.reduce((sum, p, i) => sum * v.spec.shape[i]! + p, 0)]!;
}

const check = <T>(arbitrary: fc.Arbitrary<T>, test: (value: T) => void): void =>
  fc.assert(fc.property(arbitrary, test), { numRuns: 200 });

describe('movement', () => {
  it('reshapes without a copy', () => {
    const spec = { dtype: 'float32', shape: [2, 3] } as const;
    const buffer = backend.upload([1, 2, 3, 4, 5, 6], spec);
    const y = backend.run('reshape', [{ buffer, spec }], { shape: [6] }, { dtype: 'float32', shape: [6] });
    expect(y).toBe(buffer);
  });

  it('transposes', () => {
    const problems = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        perm: fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
        dtype: dtypes,
      }),
    );
    check(problems, ({ shape, perm, dtype }) => {
      const x = counted(shape, dtype);
      const y = run('transpose', [x], { perm });
      const back = (index: number[]): number[] => shape.map((_, axis) => index[perm.indexOf(axis)]!);
      expectBits(
        y,
        indices(y.spec.shape).map((index) => at(x, back(index))),
      );
    });
  });

  it('slices and pads', () => {
    const axis = fc.record({
      before: fc.integer({ min: 0, max: 3 }),
      after: fc.integer({ min: 0, max: 3 }),
      interior: fc.integer({ min: 0, max: 2 }),
    });
    check(
      fc.record({ shape: shapes, axes: fc.array(axis, { minLength: 4, maxLength: 4 }), dtype: dtypes }),
      ({ shape, axes, dtype }) => {
        const x = counted(shape, dtype);
        const before = shape.map((_, i) => axes[i]!.before);
        const interior = shape.map((_, i) => axes[i]!.interior);
        const after = shape.map((_, i) => axes[i]!.after);
        const padded = run('pad', [x], { before, after, interior, value: 9 });
        const from = (index: number[]): number[] =>
          index.map((p, i) => (p - before[i]!) / (interior[i]! + 1));
        const inside = (index: number[]): boolean =>
          index.every((p, i) => Number.isInteger(p) && p >= 0 && p < shape[i]!);
        const outside = dtype === 'bool' ? 1 : 9;
        expectBits(
          padded,
          indices(padded.spec.shape).map((index) => (inside(from(index)) ? at(x, from(index)) : outside)),
        );
        // A slice that undoes it.
        expectBits(
          run('slice', [padded], { start: before, size: shape, step: interior.map((m) => m + 1) }),
          x.data,
        );
      },
    );
  });

  it('concatenates', () => {
    const problems = shapes
      .filter((s) => s.length > 0)
      .chain((shape) =>
        fc.record({
          shape: fc.constant(shape),
          axis: fc.integer({ min: 0, max: shape.length - 1 }),
          extents: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }),
          dtype: dtypes,
        }),
      );
    check(problems, ({ shape, axis, extents, dtype }) => {
      const inputs = extents.map((extent) =>
        counted(
          shape.map((d, i) => (i === axis ? extent : d)),
          dtype,
        ),
      );
      const y = run('concat', inputs, { axis });
      const owners = inputs.flatMap((x, k) => Array.from({ length: extents[k]! }, (_, at) => ({ x, at })));
      expectBits(
        y,
        indices(y.spec.shape).map((index) => {
          const owner = owners[index[axis]!]!;
          return at(
            owner.x,
            index.map((p, i) => (i === axis ? owner.at : p)),
          );
        }),
      );
    });
  });

  it('repeats', () => {
    const problems = fc.record({
      shape: shapes,
      ones: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      lead: fc.integer({ min: 0, max: 4 }),
    });
    check(problems, ({ shape, ones, lead }) => {
      const own = shape.slice(lead).map((d, i) => (ones[i] ? 1 : d));
      const x = counted(own, 'float32');
      const y = run('broadcastTo', [x], { shape });
      expectBits(
        y,
        indices(shape).map((index) =>
          at(
            x,
            index.slice(Math.min(lead, shape.length)).map((p, i) => (own[i] === 1 ? 0 : p)),
          ),
        ),
      );
    });
  });

  const gathers = shapes
    .filter((s) => s.length > 0)
    .chain((shape) =>
      fc.record({ shape: fc.constant(shape), axis: fc.integer({ min: 0, max: shape.length - 1 }) }),
    )
    .chain(({ shape, axis }) =>
      fc.record({
        shape: fc.constant(shape),
        axis: fc.constant(axis),
        list: fc.array(fc.integer({ min: 0, max: Math.max(shape[axis]! - 1, 0) }), {
          maxLength: shape[axis] ? 6 : 0,
        }),
      }),
    );

  it('gathers', () => {
    check(gathers, ({ shape, axis, list }) => {
      const x = counted(shape, 'float32');
      const y = run('gather', [x, value(list, [list.length], 'int32')], { axis });
      expectBits(
        y,
        indices(y.spec.shape).map((index) =>
          at(
            x,
            index.map((p, i) => (i === axis ? list[p]! : p)),
          ),
        ),
      );
    });
  });

  it('scatters in the order of the indices', () => {
    check(gathers, ({ shape, axis, list }) => {
      const yShape = shape.map((d, i) => (i === axis ? list.length : d));
      const y = value(noise(sizeOf(yShape)), yShape);
      const expected = new Float32Array(sizeOf(shape));
      indices(yShape).forEach((index) => {
        const to = index
          .map((p, i) => (i === axis ? list[p]! : p))
          .reduce((sum, p, i) => sum * shape[i]! + p, 0);
        expected[to] = f(expected[to]! + at(y, index));
      });
      const indicesOf = value(list, [list.length], 'int32');
      expectBits(run('scatterAdd', [y, indicesOf], { axis, size: shape[axis]! }), expected);
    });
  });

  it('names an index that is out of range', () => {
    const x = value([1, 2, 3]);
    for (const bad of [-1, 3]) {
      const list = value([0, bad], [2], 'int32');
      expect(() => run('gather', [x, list], { axis: 0 })).toThrow(KernelError);
      expect(() => run('gather', [x, list], { axis: 0 })).toThrow(`index ${bad} is outside [0, 3)`);
      expect(() => run('scatterAdd', [value([1, 2]), list], { axis: 0, size: 3 })).toThrow(
        `index ${bad} is outside [0, 3)`,
      );
    }
  });
});
