import { composite } from '../op.ts';
import { fail, wantWhole } from '../ops/check.ts';
import {
  abs,
  add,
  avgPool,
  greater,
  maximum,
  mul,
  pow,
  reshape,
  select,
  type PoolOptions,
} from '../ops/index.ts';
import { perAxis, type PerAxis } from '../ops/spatial.ts';
import type { Tensor } from '../tensor.ts';
import { showShape } from '../types.ts';

/** |x|^p, with a gradient of 0 at 0. */
function power(x: Tensor, p: number): Tensor {
  const a = abs(x);
  if (p === 1) return a;
  if (p === 2) return mul(x, x);
  return select(greater(a, 0), pow(maximum(a, 1e-38), p), 0);
}

/**
 * (Σ |x|ᵖ)^(1/p) over each window. (Gulcehre et al., 2014, arXiv:1311.1780; torch's lp_pool2d, where windows are squares)
 * @param x `[n, c, ...spatial]` (or channels-last) with 1, 2 or 3 spatial axes, float32.
 * @param p Greater than 0; 2 is the Euclidean length, 1 the sum of absolute values.
 * @throws ShapeError on arguments, and where a window does not fit.
 * @example
 * const x = reshape(tensor([3, 4, 6, 8]), [1, 1, 4]);
 * lpPool(x, 2, 2); // → [[[5, 10]]]
 */
export function lpPool(x: Tensor, p: number, kernel: PerAxis, options: PoolOptions = {}): Tensor {
  if (!(p > 0 && Number.isFinite(p))) fail('lpPool', `p ${p} must be a number greater than 0`);
  const count = perAxis('lpPool', 'kernel', kernel, x.rank - 2, 1).reduce((n, k) => n * k, 1);
  return composite(() => {
    const sums = mul(avgPool(power(x, p), kernel, { ...options, countIncludePad: true }), count);
    return p === 1 ? sums : power(sums, 1 / p);
  });
}

export interface LocalResponseNormOptions {
  /** Default 10⁻⁴. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/**
 * x / (k + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels: ⌊(size − 1) / 2⌋ before, the rest after.
 * (Krizhevsky et al., 2012, section 3.3; as ONNX's LRN: PyTorch puts the odd channel of an even size before)
 * @param x `[n, c, ...spatial]`, float32.
 * @returns The same shape.
 * @throws ShapeError where x has no channels, or size is no whole number from 1 on.
 * @example
 * const x = reshape(tensor([3, 4]), [1, 2, 1]);
 * localResponseNorm(x, 3, { alpha: 3, beta: 0.5, k: 0 }); // → [[[0.6], [0.8]]]
 */
export function localResponseNorm(x: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  wantWhole('localResponseNorm', 'size', size, 1);
  if (x.rank < 2)
    fail('localResponseNorm', `input has shape ${showShape(x.shape)}, it must have a channel axis`);
  return composite(() => {
    const across = reshape(mul(x, x), [
      x.shape[0]!,
      1,
      x.shape[1]!,
      x.shape.slice(2).reduce((n, d) => n * d, 1),
    ]);
    const mean = avgPool(across, [size, 1], {
      stride: 1,
      padding: [[Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)], 0],
      countIncludePad: true,
    });
    return mul(x, pow(add(mul(reshape(mean, x.shape), alpha), k), -beta));
  });
}
