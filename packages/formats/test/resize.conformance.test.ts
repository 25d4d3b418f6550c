import { createCpuBackend } from '@graftjs/backend-cpu';
import { setDefaultBackend } from '@graftjs/core';
import type { OnnxTensor } from '@graftjs/onnx-graph';
import { beforeAll, describe, expect, test } from 'vitest';
import { agree, here } from './in-runtime.ts';
import { file, floats, ints, input, n } from './onnx-model.ts';

beforeAll(async () => setDefaultBackend(await createCpuBackend()));

const line = (count: number): { shape: number[]; data: Float32Array } => ({
  shape: [1, 1, count],
  data: Float32Array.from({ length: count }, (_, i) => i),
});
const extents = [2, 3, 5, 7, 8, 9, 10, 12, 13, 31, 100];
const scales = [
  0.1,
  0.3,
  1 / 3,
  0.4,
  0.6,
  2 / 3,
  0.7,
  0.9,
  1.2,
  1.3,
  4 / 3,
  1.4,
  5 / 3,
  1.7,
  1.9,
  2,
  2.3,
  3.3,
  5.7,
];

/** Every extent by every scale of which something is left. */
const grid = extents.flatMap((count) =>
  scales.filter((s) => Math.floor(count * s) > 0).map((s): [number, number] => [count, s]),
);
const stored = (scale: number): OnnxTensor[] => [floats('s', [3], Float32Array.of(1, 1, scale))];

describe('Resize by scales, as onnxruntime has it', () => {
  test('the extents are of the float32 product, and positions of the float32 quotient', () => {
    const resized = (count: number, scale: number): number[] => {
      const node = n('Resize', ['x', '', 's'], ['y'], {
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      });
      return here(file([node], stored(scale), { inputs: [input('x', [1, 1, count])] }), line(count))[1];
    };
    expect([resized(100, 0.7), resized(10, 1.4), resized(12, 5 / 3)].map((y) => y.length)).toEqual([
      70, 14, 20,
    ]);
    expect(resized(8, 0.6)).toEqual([0, 1, 3, 5]);
    expect(resized(9, 1 / 3)).toEqual([0, 3, 6]);
  });

  test.each([
    ['asymmetric', 'floor'],
    ['asymmetric', 'ceil'],
    ['half_pixel', 'floor'],
    ['half_pixel', 'ceil'],
    ['half_pixel', 'round_prefer_floor'],
    ['half_pixel', 'round_prefer_ceil'],
    ['pytorch_half_pixel', 'round_prefer_floor'],
  ])('nearest, %s, %s', async (coordinate_transformation_mode, nearest_mode) => {
    const node = n('Resize', ['x', '', 's'], ['y'], { coordinate_transformation_mode, nearest_mode });
    // Where a position is halfway between two elements, the last bit of the arithmetic decides, and is not promised.
    const settled = grid.filter(([count, scale]) =>
      Array.from({ length: Math.floor(count * scale) }, (_, i) => (i + 0.5) / Math.fround(scale)).every(
        (p) => !nearest_mode.startsWith('round') || Math.abs(p - Math.round(p)) > 1e-5,
      ),
    );
    expect(settled.length).toBeGreaterThan(60);
    for (const [count, scale] of settled) await agree([node], stored(scale), line(count));
  });

  test.each([
    ['linear', 'asymmetric'],
    ['linear', 'half_pixel'],
    ['linear', 'pytorch_half_pixel'],
    ['linear', 'half_pixel_symmetric'],
  ])('%s, %s', async (mode, coordinate_transformation_mode) => {
    const node = n('Resize', ['x', '', 's'], ['y'], { coordinate_transformation_mode, mode });
    for (const [count, scale] of grid) await agree([node], stored(scale), line(count));
  });

  test('Upsample, the operator before it', async () => {
    for (const mode of ['nearest', 'linear'])
      for (const [count, scale] of grid.filter(([, s]) => s >= 1).slice(0, 40)) {
        const node = n('Upsample', ['x', 's'], ['y'], { mode });
        await agree([node], stored(scale), line(count), { opset: 9 });
      }
  });
});

test.each([
  ['nearest', 'asymmetric', 'floor'],
  ['nearest', 'half_pixel', 'round_prefer_floor'],
  ['linear', 'half_pixel', 'floor'],
  ['linear', 'align_corners', 'floor'],
  ['linear', 'asymmetric', 'floor'],
])('Resize by sizes: %s, %s, %s', async (mode, coordinate_transformation_mode, nearest_mode) => {
  const node = n('Resize', ['x', '', '', 's'], ['y'], { mode, coordinate_transformation_mode, nearest_mode });
  for (const count of [2, 3, 5, 7, 8, 12])
    for (const size of [1, 2, 3, 4, 5, 6, 7, 9, 11, 16, 20])
      await agree([node], [ints('s', [1, 1, size])], line(count));
});
