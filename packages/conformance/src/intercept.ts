import { type Backend, type TensorSpec } from '@graftjs/core';
import { type OpAttrs, type OpInputs, type OpName, type Operand } from '@graftjs/core/backend';
import { primitives, type OpDefinition } from '@graftjs/core/extend';

/** One primitive on its way to a backend. */
export interface Call<B> {
  readonly op: OpName;
  readonly inputs: readonly Operand<B>[];
  readonly attrs: OpAttrs[OpName];
  readonly output: TensorSpec;
}

/**
 * A backend like another, with something around `run`: a recorder, a counter, a mutation. `next` runs a call. It has no
 * fused kernels and takes no graphs whole, so `run` sees all work.
 */
export function intercept<B>(
  backend: Backend<B>,
  around: (call: Call<B>, next: (call: Call<B>) => B) => B,
): Backend<B> {
  const next = ({ op, inputs, attrs, output }: Call<B>): B =>
    backend.run(op, inputs as unknown as OpInputs<Operand<B>>[OpName], attrs, output);
  return Object.assign(Object.create(backend) as Backend<B>, {
    fused: undefined,
    compile: undefined,
    run: (op: OpName, inputs: Call<B>['inputs'], attrs: Call<B>['attrs'], output: TensorSpec) =>
      around({ op, inputs, attrs, output }, next),
  });
}

/** A backend like another that adds up the multiplications and additions of what runs on it, by the ops' `flops`. */
export function counting<B>(backend: Backend<B>): { backend: Backend<B>; flops: () => number } {
  let flops = 0;
  const counted = intercept(backend, (call, next) => {
    const op = primitives[call.op] as OpDefinition<OpName>;
    const specs = call.inputs.map(({ spec }) => spec) as unknown as OpInputs<TensorSpec>[OpName];
    flops += op.flops(specs, call.attrs, call.output);
    return next(call);
  });
  return { backend: counted, flops: () => flops };
}
