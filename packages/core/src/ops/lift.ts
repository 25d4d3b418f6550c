import type { Backend } from '../backend.ts';
import { getDefaultBackend } from '../default-backend.ts';
import { isTensor, Tensor, type TensorLike } from '../tensor.ts';
import { tracing } from '../tracing.ts';
import type { Shape } from '../types.ts';
import { tensor } from './create.ts';
import { scalarOn } from './scalars.ts';

/**
 * A float32 tensor of `[...shape]` whose values the host draws or computes. Where a function is being compiled, `make` is asked
 * anew at each of its calls, so that the values are not those of the first.
 * @throws StateError where no backend is given and there is no default.
 * @example
 * hostTensor([3], () => [1, 2, 3]); // → [1, 2, 3]
 */
export function hostTensor(shape: Shape, make: () => ArrayLike<number>, backend?: Backend): Tensor {
  const spec = { dtype: 'float32', shape: [...shape] } as const;
  const trace = tracing();
  if (trace) return trace.host(spec, make);
  const at = backend ?? getDefaultBackend();
  return Tensor.fromBuffer(at, at.upload(make(), spec), spec);
}

/**
 * A number as a scalar beside `like`, of its dtype and on its backend; a tensor of any shape as it is.
 * @throws StateError where `like` was disposed.
 * @example
 * lift(3, tensor([1, 2])).shape; // → []
 */
export function lift(value: TensorLike, like: Tensor): Tensor {
  if (isTensor(value)) return value;
  const { dtype, backend } = like;
  return scalarOn(backend, dtype, value, () => tensor(value, [], { dtype, backend }));
}
