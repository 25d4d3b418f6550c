import type { Backend, OpAttrs, OpName, Operand, TensorSpec } from '@graftjs/core';

/** One primitive on its way to a backend. */
export interface Call<B> {
  readonly op: OpName;
  readonly inputs: readonly Operand<B>[];
  readonly attrs: OpAttrs[OpName];
  readonly outputs: readonly TensorSpec[];
}

/**
 * A backend like another, with something around `run`: a recorder, a counter, a mutation. `next` runs a call. It has no
 * fused kernels, so `run` sees all work.
 */
export function interpose<B>(
  backend: Backend<B>,
  around: (call: Call<B>, next: (call: Call<B>) => B[]) => B[],
): Backend<B> {
  const next = ({ op, inputs, attrs, outputs }: Call<B>): B[] => backend.run(op, inputs, attrs, outputs);
  return Object.assign(Object.create(backend) as Backend<B>, {
    fused: undefined,
    run: (op: OpName, inputs: Call<B>['inputs'], attrs: Call<B>['attrs'], outputs: Call<B>['outputs']) =>
      around({ op, inputs, attrs, outputs }, next),
  });
}
