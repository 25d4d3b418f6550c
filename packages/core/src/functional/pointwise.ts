import { composite, customVjp } from '../op.ts';
import type { Tensor } from '../tensor.ts';

/** A function of one tensor, element by element, whose derivative is known in closed form. */
export function pointwise(
  name: string,
  x: Tensor,
  forward: () => Tensor,
  gradient: (gy: Tensor, y: Tensor) => Tensor,
  attrs: object = {},
): Tensor {
  return customVjp(
    name,
    [x],
    () => [forward()],
    ({ gy, outputs }) => [composite(() => gradient(gy, outputs[0]!))],
    attrs,
  )[0]!;
}
