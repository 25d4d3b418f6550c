import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend } from '@graftjs/core';
import type { OnnxElement, OnnxNode } from '@graftjs/onnx-graph';
import { beforeAll, describe, expect, it } from 'vitest';
import { file, floats, n } from '../../test/onnx-model.ts';
import { importOnnx } from '../onnx/import.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

describe('the numbers that a network takes', () => {
  const MEAN = [0.485, 0.456, 0.406];
  const STD = [0.229, 0.224, 0.225];
  const scaled = (v: readonly number[], by: number): number[] => v.map((d) => d * by);
  /** `before` leads from x to y; then comes a layer. */
  const range = async (
    before: OnnxNode[],
    constants: Record<string, readonly number[]> = {},
    element: OnnxElement = 'float32',
    channelsLast = false,
  ): Promise<string | null> => {
    const tensors = Object.entries(constants).map(([name, v]) =>
      floats(
        name,
        v.length === 3 && !name.startsWith('flat') ? [1, 3, 1, 1] : v.length === 1 ? [] : [v.length],
        v,
      ),
    );
    const bytes = file(
      [...before, n('Conv', [before.length ? 'y' : 'x', 'w'], ['z'])],
      [...tensors, floats('w', [4, 3, 3, 3])],
      { inputs: [{ name: 'x', element, shape: channelsLast ? ['N', 8, 8, 3] : ['N', 3, 8, 8] }] },
    );
    return (await importOnnx(bytes)).inputRange;
  };
  const norm = n('BatchNormalization', ['x', 'flat_s', 'flat_b', 'flat_m', 'flat_v'], ['y']);
  const statistics = (m: number, v: number): Record<string, number[]> => ({
    flat_s: [1, 1, 1],
    flat_b: [0, 0, 0],
    flat_m: [m, m, m],
    flat_v: [v, v, v],
  });

  it('are bytes where they are divided by 255, in whatever words', async () => {
    expect(await range([n('Div', ['x', 'c'], ['y'])], { c: [255] })).toBe('bytes');
    expect(await range([n('Mul', ['c', 'x'], ['y'])], { c: [1 / 255] })).toBe('bytes');
    expect(
      await range([n('Sub', ['x', 'm'], ['a']), n('Mul', ['a', 'c'], ['y'])], { m: [127.5], c: [1 / 127.5] }),
    ).toBe('bytes');
    expect(
      await range([n('Mul', ['x', 'c'], ['a']), n('Add', ['a', 'm'], ['y'])], { c: [2 / 255], m: [-1] }),
    ).toBe('bytes');
    expect(
      await range([n('Sub', ['x', 'm'], ['a']), n('Div', ['a', 's'], ['y'])], {
        m: scaled(MEAN, 255),
        s: scaled(STD, 255),
      }),
    ).toBe('bytes');
    expect(
      await range([n('Div', ['x', 'c'], ['a']), n('Sub', ['a', 'm'], ['b']), n('Div', ['b', 's'], ['y'])], {
        c: [255],
        m: MEAN,
        s: STD,
      }),
    ).toBe('bytes');
    expect(await range([n('Sub', ['x', 'm'], ['y'])], { m: [123.68, 116.779, 103.939] })).toBe('bytes');
    expect(await range([norm], statistics(120, 4000))).toBe('bytes');
  });
  it('are bytes where the input is, and behind a cast and a transpose', async () => {
    const cast = n('Cast', ['x'], ['a'], { to: 1 });
    const turn = n('Transpose', ['a'], ['b'], { perm: [0, 3, 1, 2] });
    expect(await range([cast, n('Identity', ['a'], ['y'])], {}, 'uint8')).toBe('bytes');
    expect(await range([cast, turn, n('Div', ['b', 'c'], ['y'])], { c: [255] }, 'float32', true)).toBe(
      'bytes',
    );
  });
  it('are up to 1 where a mean and a deviation of that size are taken from them', async () => {
    expect(await range([n('Sub', ['x', 'm'], ['a']), n('Div', ['a', 's'], ['y'])], { m: MEAN, s: STD })).toBe(
      'unit',
    );
    expect(await range([n('Mul', ['x', 'c'], ['a']), n('Sub', ['a', 'm'], ['y'])], { c: [2], m: [1] })).toBe(
      'unit',
    );
    expect(
      await range([n('Mul', ['x', 'c'], ['a']), n('Sub', ['a', 'm'], ['y'])], {
        c: [255],
        m: [123.68, 116.779, 103.939],
      }),
    ).toBe('unit');
    expect(await range([norm], statistics(0.45, 0.07))).toBe('unit');
  });
  it('are left open where nothing is clear', async () => {
    expect(await range([])).toBeNull();
    expect(await range([norm], statistics(0, 1))).toBeNull();
    // torchvision's transform_input takes ImageNet's −2 … 2 to −1 … 1.
    expect(
      await range([n('Mul', ['x', 'c'], ['a']), n('Add', ['a', 'm'], ['y'])], {
        c: [0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5],
        m: [-0.03, -0.088, -0.188],
      }),
    ).toBeNull();
    expect(await range([n('Div', ['x', 'c'], ['y'])], { c: [3] })).toBeNull();
    expect(await range([n('Sub', ['c', 'x'], ['y'])], { c: [255] })).toBeNull();
    // One channel of bytes and two of something else.
    expect(await range([n('Div', ['x', 's'], ['y'])], { s: [255, 1, 1] })).toBeNull();
    expect(await range([n('Div', ['x', 'c'], ['a']), n('Add', ['a', 'x'], ['y'])], { c: [255] })).toBeNull();
  });
});
