import { noGrad, scope, Tensor, type Backend } from '@graftjs/core';
import {
  type FusedAttrs,
  type FusedInputs,
  type FusedKernel,
  type FusedKernels,
  type FusedName,
  type FusedOutputs,
  type Operand,
} from '@graftjs/core/backend';
import { fusedComposites, type FusedComposite } from '@graftjs/core/extend';

const NAMES = Object.keys(fusedComposites) as FusedName[];

/** A backend like another, with other fused kernels, or none. */
export function withFused<B>(backend: Backend<B>, fused: Partial<FusedKernels<B>> | undefined): Backend<B> {
  return Object.assign(Object.create(backend) as Backend<B>, { fused });
}

/** Names of the composites that a backend has kernels for. */
export function fusedBy(backend: Backend): FusedName[] {
  return NAMES.filter((name) => backend.fused?.[name]);
}

/**
 * Kernels for all composites that run the decompositions: what a backend's own kernels must equal, and, one of them
 * spoiled, what the suite must notice.
 */
export function decomposedKernels<B>(backend: Backend<B>): FusedKernels<B> {
  const plain = withFused(backend, undefined);
  const kernelOf = <N extends FusedName>(name: N): FusedKernel<N, B> => {
    const composite = fusedComposites[name] as FusedComposite<N>;
    // The operands' owners release them: here they have one reference too many.
    const borrow = (operand: Operand<B> | null): Tensor | null =>
      operand &&
      new Tensor({ backend: plain as Backend, buffer: operand.buffer, bytes: 0, refs: 1 }, operand.spec);
    return (inputs, attrs) => {
      const tensors = inputs.map(borrow) as unknown as FusedInputs<Tensor>[N];
      const y = scope(() => noGrad(() => composite.apply(tensors, attrs).map((t) => t.keep())));
      return y.map((t) => t.storage.buffer as B) as unknown as FusedOutputs<B>[N];
    };
  };
  return Object.fromEntries(NAMES.map((name) => [name, kernelOf(name)])) as unknown as FusedKernels<B>;
}

/** Runs one composite as composites do. */
export function applyFused<N extends FusedName>(
  name: N,
  inputs: FusedInputs<Tensor>[N],
  attrs: FusedAttrs[N],
): FusedOutputs<Tensor>[N] {
  return (fusedComposites[name] as FusedComposite<N>).apply(inputs, attrs);
}
