import { composite } from '../op.ts';
import { add, convInputGradOp, matmul, reshape, type ConvTransposeOptions } from '../ops/index.ts';
import { resolveConvTranspose, zerosBehind } from '../ops/conv.ts';
import { fail } from '../ops/check.ts';
import type { Tensor } from '../tensor.ts';
import { showShape } from '../types.ts';
import { addBias } from './channels.ts';

/**
 * x · wᵀ + b.
 * @param x `[...batch, in]`.
 * @param w `[out, in]`, as in PyTorch.
 * @param b `[out]`.
 * @returns `[...batch, out]`.
 * @throws ShapeError where `in` or `out` disagree.
 * @example
 * linear(tensor([[1, 2]]), tensor([[3, 4], [5, 6]]), tensor([0.5, 0])); // → [[11.5, 17]]
 */
export function linear(x: Tensor, w: Tensor, b?: Tensor | null): Tensor {
  if (w.rank !== 2) fail('linear', `weights have shape ${showShape(w.shape)}, they must be [out, in]`);
  if (x.rank < 1 || x.shape.at(-1) !== w.shape[1]) {
    fail(
      'linear',
      `input ${showShape(x.shape)} ends in ${x.shape.at(-1)} features, weights ${showShape(w.shape)} want ${w.shape[1]}`,
    );
  }
  const out = w.shape[0]!;
  if (b && (b.rank !== 1 || b.shape[0] !== out))
    fail('linear', `bias has shape ${showShape(b.shape)}, it must be [${out}]`);
  const compute = (): Tensor => {
    const flat = x.rank === 2 ? x : reshape(x, [-1, w.shape[1]!]);
    const y = matmul(flat, w, { transposeB: true });
    const biased = b ? add(y, b) : y;
    return x.rank === 2 ? biased : reshape(biased, [...x.shape.slice(0, -1), out]);
  };
  return composite(compute, { name: 'linear', inputs: [x, w, b ?? null], attrs: {} });
}

/**
 * `convTranspose` with a bias `[outChannels]`, added last.
 * @throws ShapeError as `convTranspose`, and where the bias is not `[outChannels]`.
 * @example
 * convTransposeBias(ones([1, 1, 2]), ones([1, 1, 1]), tensor([5])); // → [[[6, 6]]]
 */
export function convTransposeBias(
  x: Tensor,
  w: Tensor,
  b?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  const { attrs, missing } = resolveConvTranspose(x, w, options);
  return composite(
    () => {
      const y = zerosBehind(convInputGradOp.apply([x, w], attrs), attrs.layout, missing);
      return b ? addBias(y, b, options.layout) : y;
    },
    { name: 'convTranspose', inputs: [x, w, b ?? null], attrs: { ...attrs, missing } },
  );
}
