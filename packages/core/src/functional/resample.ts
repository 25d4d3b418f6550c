import { composite } from '../op.ts';
import { add, gather, mul, tensor } from '../ops/index.ts';
import { fail, normalizeAxis, wantListed, wantWhole } from '../ops/check.ts';
import { inPieces } from '../ops/pieces.ts';
import type { Tensor } from '../tensor.ts';
import { showShape } from '../types.ts';

/** The elements that an output is made of, and their weights; those beyond an end stand for the last one there. */
export type Taps = readonly (readonly [index: number, weight: number])[];

/**
 * Weights of the elements ⌊s⌋ − 1 … ⌊s⌋ + 2 for a position s with t = s − ⌊s⌋. (Keys, 1981, doi:10.1109/TASSP.1981.1163711)
 * @param a The slope: −0.75 in PyTorch, OpenCV and ONNX, −0.5 in TensorFlow and Pillow.
 * @example
 * cubicWeights(0); // → [0, 1, 0, 0]
 */
export function cubicWeights(t: number, a = -0.75): number[] {
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/**
 * Makes an axis anew: every output element is a weighted sum of elements along it, as in all kinds of interpolation. Linear
 * in x, and differentiable.
 * @param x Any shape with that axis; float32, or any dtype where each output is one element with the weight 1.
 * @param count The new extent; x's other axes stay.
 * @param taps What output i is made of: equally many elements for each i. Those beyond an end stand for the last one there.
 * @throws ShapeError where there is no such axis, and where it has no element.
 * @example
 * resampleAxis(tensor([1, 3, 5]), 0, 2, (i) => [[i, 0.5], [i + 1, 0.5]]); // → [2, 4]
 */
export function resampleAxis(x: Tensor, axis: number, count: number, taps: (i: number) => Taps): Tensor {
  const op = 'resampleAxis';
  const along = normalizeAxis(op, axis, x.rank);
  wantWhole(op, 'count', count);
  const n = x.shape[along]!;
  if (n === 0 && count > 0) fail(op, `${showShape(x.shape)} has no element on axis ${along} to repeat`);
  const shape = x.shape.map((d, i) => (i === along ? count : d));
  wantListed(op, along, { dtype: x.dtype, shape }, x.backend);
  const behind = new Array<number>(x.rank - 1 - along).fill(1);
  const width = count > 0 ? taps(0).length : 1;
  return composite(() =>
    inPieces(along, count, (from, m) => {
      const index = Array.from({ length: width }, () => new Int32Array(m));
      const weight = Array.from({ length: width }, () => new Float64Array(m));
      for (let i = 0; i < m; i++) {
        const own = taps(from + i);
        for (let k = 0; k < width; k++) {
          index[k]![i] = Math.min(Math.max(own[k]![0], 0), n - 1);
          weight[k]![i] = own[k]![1];
        }
      }
      const parts = index.map((list, k) => {
        const picked = gather(x, list, along);
        if (width === 1 && weight[0]!.every((w) => w === 1)) return picked;
        return mul(picked, tensor(weight[k]!, [m, ...behind], { backend: x.backend }));
      });
      return parts.reduce((y, part) => add(y, part));
    }),
  );
}
