import type { Backend } from '../backend.ts';
import type { Tensor } from '../tensor.ts';
import type { DType } from '../types.ts';

/** What numbers have become while `withSharedScalars` runs. */
let shared: Map<Backend, Map<string, Tensor>> | null = null;

/** Runs `fn`, remembering on each backend the scalars that numbers become in it: an optimizer's step wants few, often. */
export function withSharedScalars<T>(fn: () => T): T {
  if (shared) return fn();
  const scalars = (shared = new Map<Backend, Map<string, Tensor>>());
  try {
    return fn();
  } finally {
    shared = null;
    for (const known of scalars.values()) for (const t of known.values()) t.dispose();
  }
}

/** The scalar that a number becomes: made anew, or the one that is remembered. */
export function scalarOn(backend: Backend, dtype: DType, value: number, make: () => Tensor): Tensor {
  if (!shared) return make();
  let known = shared.get(backend);
  if (!known) shared.set(backend, (known = new Map<string, Tensor>()));
  const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`;
  let scalar = known.get(key);
  if (!scalar) known.set(key, (scalar = make().keep()));
  return scalar;
}
