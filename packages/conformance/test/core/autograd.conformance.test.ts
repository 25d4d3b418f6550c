import { createCpuBackend } from '@graftjs/backend-cpu';
import {
  add,
  conv,
  exp,
  grad,
  greater,
  memory,
  mul,
  noGrad,
  ones,
  scope,
  select,
  setDefaultBackend,
  sum,
  tensor,
  valueAndGrad,
  type Tensor,
} from '@graftjs/core';
import { customVjp } from '@graftjs/core/extend';
import { describe, expect, test } from 'vitest';

const backend = await createCpuBackend();
const other = await createCpuBackend();
setDefaultBackend(backend);
const values = (t: Tensor): number[] => [...t.dataSync()];

describe('the tape', () => {
  test('gradients of gradients: x³ has 3x², 6x, 6', () => {
    const cube = (x: Tensor): Tensor => mul(mul(x, x), x);
    const d1 = (x: Tensor): Tensor => grad((t) => sum(cube(t)))(x)[0]!;
    const d2 = (x: Tensor): Tensor => grad((t) => sum(d1(t)))(x)[0]!;
    const d3 = (x: Tensor): Tensor => grad((t) => sum(d2(t)))(x)[0]!;
    const x = tensor([1, -2, 3]);
    expect([values(d1(x)), values(d2(x)), values(d3(x))]).toEqual([
      [3, 12, 27],
      [6, -12, 18],
      [6, 6, 6],
    ]);
  });

  test('adds up what reaches a tensor on several ways', () => {
    const [g] = grad((x) => sum(add(mul(x, x), mul(x, 3))))(tensor([2]));
    expect(values(g!)).toEqual([7]);
  });

  test('gives zeros where the loss does not depend on a parameter', () => {
    const { grads } = valueAndGrad(() => sum(tensor([1, 2])), [{ value: tensor([5, 5]) }]);
    expect(values(grads[0]!)).toEqual([0, 0]);
  });

  test('leaves no trace of what no watched tensor has a part in', () => {
    const x = tensor([1]);
    const [g] = grad((t) =>
      sum(
        mul(
          t,
          noGrad(() => exp(t)),
        ),
      ),
    )(x);
    expect(g!.dataSync()[0]).toBeCloseTo(Math.E, 5);
  });

  test('a composite with a gradient of its own, differentiated twice', () => {
    const square = (x: Tensor): Tensor =>
      customVjp(
        'square',
        [x],
        () => [mul(x, x)],
        ({ gy }) => [mul(gy, mul(x, 2))],
      )[0]!;
    const d2 = grad((t) => sum(grad((u) => sum(square(u)))(t)[0]!));
    expect(values(d2(tensor([3, 4]))[0]!)).toEqual([2, 2]);
  });

  test('a gradient of something that is not a scalar is refused with the shape', () => {
    expect(() => grad((x) => mul(x, 2))(tensor([1, 2]))).toThrow(
      /gradients are of a scalar; this function gave \[2\]/,
    );
  });
});

describe('memory', () => {
  test('scope frees all but what it returns, also when it throws', () => {
    const before = memory(backend).tensors;
    const kept = scope(() => ({ y: add(tensor([1]), tensor([2])) }));
    expect(memory(backend).tensors).toBe(before + 1);
    expect(values(kept.y)).toEqual([3]);
    kept.y.dispose();
    expect(() =>
      scope(() => {
        tensor([1]);
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(memory(backend).tensors).toBe(before);
  });

  test('a number among the operands leaves nothing behind, with no scope around', () => {
    const x = tensor([1, 2]);
    const before = memory(backend);
    const made = [add(x, 1), mul(2, x), greater(x, 1), select(greater(x, x), x, 0)];
    expect(made.map(values)).toEqual([
      [2, 3],
      [2, 4],
      [0, 1],
      [0, 0],
    ]);
    // the fifth is the condition of select
    expect(memory(backend)).toEqual({ tensors: before.tensors + 5, bytes: before.bytes + 3 * 8 + 2 * 2 });
    const gradients = grad((t) => sum(mul(add(t, 1), mul(t, 3))))(x);
    expect(values(gradients[0]!)).toEqual([9, 15]);
    expect(memory(backend).tensors).toBe(before.tensors + 6);
  });

  test('aliases share a buffer, which is freed with the last of them', () => {
    const before = memory(backend);
    const a = tensor([1, 2, 3, 4]);
    const b = a.reshape([2, 2]);
    expect(memory(backend).bytes).toBe(before.bytes + 16);
    a.dispose();
    expect(values(b)).toEqual([1, 2, 3, 4]);
    b.dispose();
    expect(memory(backend)).toEqual(before);
  });

  test('a disposed tensor, or one of another backend, is refused in plain words', () => {
    const x = tensor([1]);
    x.dispose();
    expect(() => add(x, 1)).toThrow(/was disposed/);
    expect(() => add(tensor([1]), tensor([1], undefined, { backend: other }))).toThrow(
      /different backends.*to\(backend\)/,
    );
  });

  test('an asynchronous scope is refused', () => {
    expect(() => scope(() => Promise.resolve(1))).toThrow(/synchronous/);
  });
});

describe('shape errors name the op, the shapes, the rule and the fix', () => {
  test.each<[() => unknown, RegExp]>([
    [
      () => add(ones([2, 3]), ones([2, 4])),
      /add: shapes \[2, 3\] and \[2, 4\] do not broadcast: .*axis 1 has 3 and 4/,
    ],
    [
      () => conv(ones([1, 3, 4, 4]), ones([8, 4, 3, 3])),
      /conv: input has 3 channels \(channels-first\), weights \[8, 4, 3, 3\] with 1 groups want 4/,
    ],
    [
      () => conv(ones([1, 3, 2, 2]), ones([8, 3, 3, 3])),
      /window does not fit on spatial axis 0.*padded input has 2: pad more/,
    ],
    [() => ones([2, 3]).matmul(ones([2, 3])), /matmul: \[2, 3\] × \[2, 3\]: inner extents 3 and 2 differ/],
    [() => ones([2, 3]).reshape([4]), /reshape: \[2, 3\] has 6 elements, \[4\] has 4/],
    [() => ones([2, 3]).sum(2), /sum: axis 2 does not exist in a tensor of 2 axes/],
    [() => tensor([[1, 2], [3]]), /ragged array/],
    [
      () => add(ones([2]), tensor([1, 2], [2], { dtype: 'int32' })),
      /dtypes differ \(float32 and int32\): convert one with cast/,
    ],
  ])('%#', (fn, message) => {
    expect(fn).toThrow(message);
  });
});

describe('printing', () => {
  test('aligns columns and elides long axes', () => {
    expect(
      tensor([
        [1, -2.5],
        [3, 4],
      ]).toString(),
    ).toBe('Tensor float32[2, 2] on cpu\n[[      1, -2.5000],\n [      3,       4]]');
    expect(tensor(Float32Array.from({ length: 20 }, (_, i) => i)).toString()).toContain(
      '[ 0,  1,  2, …, 17, 18, 19]',
    );
  });

  test("indexing is numpy's", () => {
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      [2, 3, 4],
    );
    expect(values(x.at(1, null, [1, 3]))).toEqual([13, 14, 17, 18, 21, 22]);
    expect(values(x.at(-1, -1, -1))).toEqual([23]);
    expect(values(x.at(0, [0, 3, 2], 0))).toEqual([0, 8]);
  });
});
