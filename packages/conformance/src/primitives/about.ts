import type { Kernel, OpName } from '@graftjs/core/backend';
import type { ErrorKernel } from '../bounds/bounded.ts';
import type { ErrorModel } from '../bounds/model.ts';
import type { Arithmetic, Values } from '../oracle/values.ts';

/** All that the suite knows of a primitive, beside its cases. */
export interface AboutPrimitive<N extends OpName> {
  /**
   * Its definition in core's `primitives.ts`, in plain loops over the given arithmetic: in float64 it is the oracle, in
   * float32 the contract. It shares nothing with core's kernels and their kit.
   */
  readonly kernel: (arithmetic: Arithmetic, ...call: Parameters<Kernel<N, Values>>) => Values;
  /** By how much a backend that rounds as `model` says may differ from it. */
  readonly error: (model: ErrorModel, ...call: Parameters<ErrorKernel<N>>) => Float64Array | null;
  /** That in words; by kind, where there are kinds ('add' of 'binary add'). */
  readonly bound: string | ((kind: string) => string);
}

/** Several of them, by name. */
export type About<N extends OpName> = { readonly [P in N]: AboutPrimitive<P> };

export const SAME = 'none: the same numbers';
export const ONE_ROUNDING = 'one rounding';
export const ULPS = "the function's ulps";
export const ADDITIONS = '(n − 1) · u · Σ\\|x\\|';
