import type { OpAttrs, OpName } from '../primitives.ts';
import { sizeOf, type TensorSpec } from '../types.ts';

/**
 * The number that fills the result of a primitive where an input, or the result itself, is empty: `pad`'s value around
 * nothing, 0 of sums over nothing. For backends whose kernels take no empty tensors.
 * @returns undefined where the result has to be computed: no input is empty, or `concat`, which joins those that are not.
 */
export function fillOfEmptyInputs(
  op: OpName,
  inputs: readonly Pick<TensorSpec, 'shape'>[],
  attrs: OpAttrs[OpName],
  output: Pick<TensorSpec, 'shape'>,
): number | undefined {
  if (sizeOf(output.shape) === 0) return 0;
  if (op === 'concat' || inputs.every(({ shape }) => sizeOf(shape) > 0)) return undefined;
  return op === 'pad' ? (attrs as OpAttrs['pad']).value : 0;
}
